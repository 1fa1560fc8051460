const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** The bytes that `2 GiB`, `500MB` or `1048576` mean; undefined for other text. */
export function parseSize(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^\s*(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = units[unit.toLowerCase()];
  if (digits === '' || factor === undefined) return undefined;
  const sizeInBytes = Math.round(Number(digits) * factor);
  return Number.isSafeInteger(sizeInBytes) ? sizeInBytes : undefined;
}

const steps = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** A size for people, in binary units: `15 MiB`, `95.9 MiB`, `512 bytes`. */
export function sizeText(sizeInBytes: number): string {
  let size = sizeInBytes;
  let unit: string = sizeInBytes === 1 ? 'byte' : 'bytes';
  for (const next of steps) {
    if (size < 1024) break;
    size /= 1024;
    unit = next;
  }
  const rounded = Number.isInteger(size) ? String(size) : size.toFixed(1);
  return `${rounded} ${unit}`;
}
