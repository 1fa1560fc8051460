/**
 * The length of the zstd frame that bytes begin with, or undefined when it does not end within them. The decompressor
 * of Node takes what follows a frame for another one, and in qcow2 that is some other cluster's data.
 * https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1
 */
export function zstdFrameLength(bytes: Buffer): number | undefined {
  const descriptor = bytes[4];
  if (bytes.length < 9 || bytes.readUInt32LE(0) !== Magic_Number || descriptor === undefined)
    return undefined;
  const Single_Segment_flag = (descriptor >> 5) & 1;
  const Content_Checksum_flag = (descriptor >> 2) & 1;
  const Dictionary_ID_size = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const Frame_Content_Size_size = [Single_Segment_flag, 2, 4, 8][descriptor >> 6] ?? 0;
  const Window_Descriptor_size = 1 - Single_Segment_flag;

  let at = 5 + Window_Descriptor_size + Dictionary_ID_size + Frame_Content_Size_size;
  while (at + 3 <= bytes.length) {
    const Block_Header = bytes.readUIntLE(at, 3);
    const Block_Type = (Block_Header >> 1) & 3;
    at += 3 + (Block_Type === RLE_Block ? 1 : Block_Header >> 3);
    if ((Block_Header & 1) === 0) continue;
    const end = at + Content_Checksum_flag * 4;
    return end <= bytes.length ? end : undefined;
  }
  return undefined;
}

const Magic_Number = 0xfd2f_b528;
const RLE_Block = 1;
