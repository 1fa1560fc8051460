import { FormatError, LimitError } from '../errors.ts';

/** Linux's PATH_MAX, at two bytes a name. */
const maximumDepth = 2048;

/** A place in a tree that was reached from its root. */
export interface Placed {
  readonly name: string;
  readonly parent?: Placed | undefined;
}

/** The path from the root. */
export function pathOf(node: Placed): string {
  const names: string[] = [];
  for (let at: Placed | undefined = node; at !== undefined; at = at.parent) names.unshift(at.name);
  return names.length === 1 ? '/' : names.join('/');
}

/**
 * Refuses a directory that is inside itself, which could be descended for ever.
 * @param isSame whether a place above is the same directory on the disk
 * @param identity how the directory is called there: `inode 12`
 * @throws FormatError, LimitError for a depth that no path has
 */
export function checkAncestors<Node extends Placed>(
  node: Node,
  origin: string,
  isSame: (above: Node) => boolean,
  identity: string,
): void {
  let depth = 0;
  for (let above = node.parent; above !== undefined; above = above.parent, depth++) {
    if (depth > maximumDepth) throw new LimitError(`${origin}: more than ${maximumDepth} directories deep`);
    if (isSame(above as Node)) {
      throw new FormatError(`${origin} › ${pathOf(node)}: a directory inside itself (${identity})`);
    }
  }
}
