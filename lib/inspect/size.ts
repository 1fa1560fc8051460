const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** A size for people, in binary units: `15 MiB`, `95.9 MiB`, `512 bytes`. */
export function sizeText(sizeInBytes: number): string {
  let size = sizeInBytes;
  let unit: string = sizeInBytes === 1 ? 'byte' : 'bytes';
  for (const next of units) {
    if (size < 1024) break;
    size /= 1024;
    unit = next;
  }
  const rounded = Number.isInteger(size) ? String(size) : size.toFixed(1);
  return `${rounded} ${unit}`;
}
