import type { FileStatus } from './source.ts';

/** What stat(2) tells of a file, without the names of its owner and group. */
export function statusOf(stat: { mode: number; uid: number; gid: number; size: number }): FileStatus {
  const { mode, uid, gid, size } = stat;
  return {
    kind: kindOf(mode),
    mode: mode & 0o7777,
    owner: { id: uid },
    group: { id: gid },
    sizeInBytes: size,
  };
}

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
