const shared = Buffer.alloc(1024 * 1024);

/** Zeroes, which nobody may change: up to 1 MiB they take no memory of their own. */
export function zeros(lengthInBytes: number): Buffer {
  return lengthInBytes <= shared.length ? shared.subarray(0, lengthInBytes) : Buffer.alloc(lengthInBytes);
}

/** Whether bytes are zeroes without a look at them: those of `zeros`. Others may be zeroes too. */
export function areKnownZeros(bytes: Buffer): boolean {
  return bytes.buffer === shared.buffer;
}
