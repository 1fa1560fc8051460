/** A small XML writer, and a reader for what such writers write: elements, attributes and text. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Text stands as strings between elements. */
  readonly children: readonly (Element | string)[];
}

export function element(
  name: string,
  attributes: Element['attributes'],
  children: Element['children'] = [],
): Element {
  return { name, attributes, children };
}

/** A whole document, indented; text is kept as it is. Its characters must be allowed in XML 1.0. */
export function writeXml(root: Element): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${written(root, '')}\n`;
}

function written({ name, attributes, children }: Element, indent: string): string {
  const pairs = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(String(value))}"`);
  const head = `${indent}<${name}${pairs.join('')}`;
  if (children.length === 0) return `${head}/>`;
  if (children.some((child) => typeof child === 'string')) {
    const inner = children.map((child) =>
      typeof child === 'string' ? escaped(child, '') : written(child, ''),
    );
    return `${head}>${inner.join('')}</${name}>`;
  }
  const inner = children.map((child) => (typeof child === 'string' ? '' : written(child, `${indent}  `)));
  return `${head}>\n${inner.join('\n')}\n${indent}</${name}>`;
}

const references: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
  '\t': '&#9;',
  '\r': '&#13;',
};

/** In an attribute, white space other than spaces would be normalised away; in text it need not be escaped. */
function escaped(text: string, alsoInAttributes = '"\n\t'): string {
  return text.replaceAll(/[&<>"\n\t\r]/g, (character) =>
    '"\n\t'.includes(character) && !alsoInAttributes.includes(character)
      ? character
      : (references[character] ?? character),
  );
}

/** Resolves the predefined entities and numeric references, once. */
export function unescapeXml(text: string): string {
  const names: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
  return text.replaceAll(
    /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(lt|gt|amp|quot|apos));/gi,
    (whole, decimal, hex, name) => {
      if (name !== undefined) return names[name] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}

const token =
  /<\?[^>]*\?>|<\/(?<close>[\w-]+)\s*>|<(?<open>[\w-]+)(?<attributes>(?:\s+[\w-]+="[^"<]*")*)\s*(?<empty>\/?)>|(?<text>[^<]+)/gy;

/**
 * Reads a document without comments, CDATA, namespaces or a DTD.
 * @throws Error where it is not such a document
 */
export function readXml(text: string): Element {
  const root = { name: '', attributes: {}, children: [] as (Element | string)[] };
  const open = [root];
  let end = 0;
  for (const match of text.matchAll(token)) {
    end = match.index + match[0].length;
    const { close, open: name, attributes, empty, text: content } = match.groups ?? {};
    const parent = open.at(-1) ?? root;
    if (content !== undefined) {
      parent.children.push(unescapeXml(content));
    } else if (close !== undefined) {
      if (open.length < 2 || open.pop()?.name !== close) throw new Error(`unexpected </${close}> in XML`);
    } else if (name !== undefined) {
      const made = { name, attributes: readAttributes(attributes ?? ''), children: [] };
      parent.children.push(made);
      if (empty === '') open.push(made);
    }
  }
  const [first, ...more] = root.children.filter((child) => typeof child !== 'string');
  if (end !== text.length || open.length > 1 || first === undefined || more.length > 0) {
    throw new Error(`not a complete XML document: read ${end} of ${text.length} characters`);
  }
  return first;
}

function readAttributes(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([\w-]+)="([^"]*)"/g)];
  return Object.fromEntries(pairs.map(([, key = '', value = '']) => [key, unescapeXml(value)]));
}

/** The elements of a name directly below one. */
export function childrenOf(parent: Element, name: string): Element[] {
  return parent.children.filter((child) => typeof child !== 'string').filter((child) => child.name === name);
}
