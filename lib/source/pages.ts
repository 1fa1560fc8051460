/**
 * The marker that a `next` link names. Only this is taken of the link: its host may be another, wrong one
 * behind a proxy, and a token must not go there.
 */
export function markerOf(next: unknown): string | undefined {
  if (typeof next !== 'string' || next === '') return undefined;
  const query = next.indexOf('?');
  if (query < 0) return undefined;
  return new URLSearchParams(next.slice(query + 1)).get('marker') ?? undefined;
}
