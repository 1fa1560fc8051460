/**
 * What a service says itself of a refusal, on one line: OpenStack has several shapes of saying it, some of them
 * JSON inside JSON, and proxies answer in HTML. Empty when it says nothing.
 */
export function serviceMessage(body: string): string {
  const text = body.trim();
  const parsed = parseJson(text);
  if (parsed !== undefined) return tidy(fromJson(parsed, 0));
  if (/^<(!doctype|html|\?xml)/i.test(text)) {
    const title = /<title>([^<]*)<\/title>/i.exec(text)?.[1]?.trim() ?? '';
    return tidy(title === '' ? text.slice(0, 10_000).replaceAll(/<[^<>]*>/g, ' ') : title);
  }
  // webob: "404 Not Found\n\nNo image found with ID …\n\n   "
  return tidy(text.replace(/^\d{3} [^\n]*\n+/, ''));
}

/** Keys that hold the words of a refusal, the more telling ones first. */
const tellingKeys = ['faultstring', 'message', 'description', 'error_message', 'error', 'title'];

function fromJson(value: unknown, depth: number): string {
  if (typeof value === 'string') {
    const inner = depth < 4 && value.trimStart().startsWith('{') ? parseJson(value) : undefined;
    return inner === undefined ? value : fromJson(inner, depth + 1);
  }
  if (typeof value !== 'object' || value === null || depth > 4) return '';
  const record = value as Record<string, unknown>;
  for (const key of tellingKeys) {
    const told = fromJson(record[key], depth + 1);
    if (told !== '') return told;
  }
  const entries = Object.values(record);
  return entries.length === 1 ? fromJson(entries[0], depth + 1) : '';
}

function parseJson(text: string): unknown {
  if (!/^[{["]/.test(text.trimStart())) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The first paragraph only: what follows may echo the request, with its password (jsonschema does). */
function tidy(text: string): string {
  const [paragraph = ''] = text.trim().split(/\r?\n\s*\r?\n/);
  const line = paragraph.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}
