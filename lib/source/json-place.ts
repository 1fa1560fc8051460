/**
 * Where JSON text stops being JSON: `line 2 column 11`. V8 says so for some mistakes and quotes a few characters for
 * the others; then the place is where the shortest beginning ends that is wrong and not merely unfinished.
 */
export function jsonErrorPlace(text: string): string {
  let good = 0;
  let bad = text.length + 1;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (canGoOn(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  const before = text.slice(0, good);
  return `line ${before.split('\n').length} column ${good - before.lastIndexOf('\n')}`;
}

/** Whether more text could make this JSON. */
function canGoOn(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as Error;
    const position = /at position (\d+)/.exec(message)?.[1];
    return /unexpected end|unterminated/i.test(message) || Number(position) >= text.length;
  }
}
