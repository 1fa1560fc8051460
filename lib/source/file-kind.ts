import type { FileStatus } from './source.ts';

/** The kind that st_mode tells: inode(7). */
export function kindOf(mode: number): FileStatus['kind'] {
  switch (mode & 0o170000) {
    case 0o100000:
      return 'file';
    case 0o040000:
      return 'directory';
    default:
      return 'other';
  }
}
