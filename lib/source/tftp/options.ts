import { FormatError } from '../../errors.ts';

/*
 * The options of a request and what a server grants of them: RFC 2347, with blksize (RFC 2348), tsize (RFC 2349) and
 * windowsize (RFC 7440). A server that does not know one leaves it out of its OACK.
 */

/** How many bytes of data a block has where no blksize is agreed. */
const defaultBlockInBytes = 512;
const smallestBlockInBytes = 8;

/** Names and values as they stand in a request. */
export type AskedOptions = Readonly<Partial<Record<'blksize' | 'tsize' | 'windowsize', number>>>;

export interface Agreement {
  readonly blockInBytes: number;
  /** How many blocks come before the server waits for an acknowledgement. */
  readonly windowInBlocks: number;
  /** As the server announces it; undefined where it does not. */
  readonly sizeInBytes: number | undefined;
}

/** What holds where a server grants no option, as those from before RFC 2347. */
export const withoutOptions: Agreement = {
  blockInBytes: defaultBlockInBytes,
  windowInBlocks: 1,
  sizeInBytes: undefined,
};

/**
 * What an OACK grants.
 * @throws FormatError for what was not asked for, a larger block or window than asked for, or what is no number
 */
export function agreed(granted: ReadonlyMap<string, string>, asked: AskedOptions, origin: string): Agreement {
  let { blockInBytes, windowInBlocks, sizeInBytes } = withoutOptions;
  for (const [key, value] of granted) {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    const { blksize = 0, tsize, windowsize = 0 } = asked;
    if (key === 'blksize' && number >= smallestBlockInBytes && number <= blksize) blockInBytes = number;
    else if (key === 'windowsize' && number >= 1 && number <= windowsize) windowInBlocks = number;
    else if (key === 'tsize' && tsize !== undefined && number >= 0) sizeInBytes = number;
    else {
      const shown = JSON.stringify(`${key}=${value}`.slice(0, 80));
      throw new FormatError(`${origin}: the server grants ${shown}, which was not asked for`);
    }
  }
  return { blockInBytes, windowInBlocks, sizeInBytes };
}
