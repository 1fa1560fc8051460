const units: Readonly<Record<string, number>> = {
  ms: 1,
  '': 1000,
  s: 1000,
  min: 60_000,
  m: 60_000,
};

/** The milliseconds that `10 s`, `500ms`, `2 min` or `10`, which is seconds, mean; undefined for other text. */
export function parseDuration(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^\s*(\d{1,9}(?:\.\d{1,6})?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = units[unit.toLowerCase()];
  return digits === '' || factor === undefined ? undefined : Math.round(Number(digits) * factor);
}
