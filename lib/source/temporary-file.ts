import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new file for reading and writing that has no name any more: it is gone when it is closed, or with the process. */
export async function temporaryFile(): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'ironic-assay-'));
  try {
    return await open(join(folder, 'unnamed'), 'wx+', 0o600);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Exactly `length` bytes of what was written. @throws RangeError where the file is shorter */
export async function readFully(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length;) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw new RangeError(`a temporary file ends at ${offset + filled}`);
    filled += bytesRead;
  }
  return buffer;
}
