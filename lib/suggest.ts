/** The number of single-character edits (insert, delete, replace, swap of neighbours) between two words. */
export function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(at(previous, j) + 1, at(row, j - 1) + 1, at(previous, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, at(older, j - 2) + 1);
      }
      row.push(best);
    }
    older = previous;
    previous = row;
  }
  return at(previous, b.length);
}

/** The names nearest to a misspelt one, best first, at most three; none when nothing is near. */
export function nearest(word: string, names: readonly string[]): string[] {
  const folded = word.toLowerCase();
  const limit = Math.max(2, Math.floor(word.length / 3));
  const near = names
    .map((name) => {
      const contained = folded.length > 2 && name.toLowerCase().includes(folded);
      return { name, distance: contained ? 1 : editDistance(folded, name.toLowerCase()) };
    })
    .filter(({ distance }) => distance <= limit)
    .toSorted((a, b) => a.distance - b.distance);
  const best = near[0]?.distance ?? 0;
  return near
    .filter(({ distance }) => distance <= best + 1)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** `; did you mean "a" or "b"?`, or nothing when nothing is near. */
export function didYouMean(word: string, names: readonly string[]): string {
  const near = nearest(word, names).map((name) => JSON.stringify(name));
  return near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
