/**
 * Visits a stream as text (latin1) in windows that overlap, so that what is at most `overlapInBytes` long is
 * seen whole in at least one window. Stops reading when the visitor returns true.
 * @returns whether the visitor stopped it
 */
export async function searchText(
  pieces: AsyncIterable<Buffer>,
  overlapInBytes: number,
  visit: (window: string) => boolean,
): Promise<boolean> {
  let kept = '';
  for await (const piece of pieces) {
    const window = kept + piece.toString('latin1');
    if (visit(window)) return true;
    kept = window.slice(-overlapInBytes);
  }
  return false;
}
