/** Turns the absolute targets of branches back into relative ones, as the bytes stream by. */
export interface BranchFilter {
  /** @returns what is ready; a few bytes may stay behind until the next call or the last */
  process(bytes: Buffer, isLast: boolean): Buffer;
}

/**
 * The ARM64 filter of .xz (filter 0x0A): the xz file format, section 5.3.2. BL holds its target in 26 bits of
 * words, ADRP in 21 bits of pages of which only those within ±512 MiB were converted.
 */
export function arm64Filter(startOffset: number): BranchFilter {
  let offset = startOffset;
  let held: Buffer = Buffer.alloc(0);
  return {
    process(bytes, isLast) {
      const all = Buffer.concat([held, bytes]);
      const whole = all.length - (all.length % 4);
      for (let at = 0; at < whole; at += 4) {
        const instruction = all.readUInt32LE(at);
        const address = (offset + at) >>> 0;
        if (instruction >>> 26 === 0x25) {
          const target = instruction - (address >>> 2);
          all.writeUInt32LE((0x94000000 | (target & 0x03ffffff)) >>> 0, at);
        } else if ((instruction & 0x9f000000) >>> 0 === 0x90000000) {
          const stored = ((instruction >>> 29) & 3) | ((instruction >>> 3) & 0x1ffffc);
          if (((stored + 0x20000) & 0x1c0000) !== 0) continue;
          const page = stored - (address >>> 12);
          const sign = (page & 0x20000) === 0 ? 0 : 0xe00000;
          const fields = ((page & 3) << 29) | ((page & 0x3fffc) << 3) | sign;
          all.writeUInt32LE(((instruction & 0x9000001f) | fields) >>> 0, at);
        }
      }
      offset += whole;
      if (isLast) return all;
      held = Buffer.from(all.subarray(whole));
      return all.subarray(0, whole);
    },
  };
}
