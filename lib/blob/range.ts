import { AccessError, FormatError, MissingError } from '../errors.ts';
import { type Blob, checkRange } from './blob.ts';

/** What came back for one `Range: bytes=first-last` (RFC 9110, section 14). */
export interface RangeAnswer {
  readonly status: number;
  /** The `Content-Range` header as received. */
  readonly contentRange?: string | undefined;
  readonly body: Buffer;
  /** What stays the same as long as the content does: an ETag, a Last-Modified, Glance's Content-MD5. */
  readonly version?: string | undefined;
}

export interface RangeSource {
  readonly origin: string;
  readonly sizeInBytes: number;
  /** The version of what told the size, where it was told with one. */
  readonly version?: string;
  /**
   * Asks for the bytes from `first` to `last`, both included. It throws for every status that refuses; of an
   * answer 200 it takes the body only when that is at most `limitInBytes`, and else leaves the body empty.
   */
  fetch(first: number, last: number, limitInBytes: number): Promise<RangeAnswer>;
  /** The whole, fetched once, where that is allowed for a server that ignores Range. */
  download?: (() => Promise<Blob>) | undefined;
  /** What to do where it is not. */
  readonly hint?: string;
}

/** A store that ignores Range may send a small thing whole; a large one would be a download in disguise. */
const wholeBodyLimitInBytes = 1024 * 1024;

/**
 * A blob read through ranges. An answer counts only when it says that it is the range asked for and has exactly
 * its length: under uwsgi Glance sends no Content-Length, so that a cut body looks complete otherwise.
 * @throws on `read`: FormatError for an answer that is not the range, AccessError when ranges are ignored
 */
export function rangeBlob(source: RangeSource): Blob {
  const { origin, sizeInBytes } = source;
  let { version } = source;
  let whole: Promise<Blob> | undefined;

  async function downloaded(download: () => Promise<Blob>): Promise<Blob> {
    const got = await download();
    if (got.sizeInBytes === sizeInBytes) return got;
    throw new FormatError(`${origin}: ${sizeInBytes} bytes were told, but ${got.sizeInBytes} came`);
  }

  const blob: Blob = {
    origin,
    sizeInBytes,
    async read(offset, length) {
      checkRange(blob, offset, length);
      if (length === 0) return Buffer.alloc(0);
      if (whole !== undefined) return (await whole).read(offset, length);
      const last = offset + length - 1;
      const wanted = `bytes ${offset}-${last}`;
      const wholeIsFine = length === sizeInBytes || sizeInBytes <= wholeBodyLimitInBytes;
      const answer = await source.fetch(offset, last, wholeIsFine ? sizeInBytes : length);
      checkVersion(answer.version);
      if (answer.status === 206) {
        checkContentRange(answer.contentRange, offset, last);
        expectLength(answer.body, length, wanted);
        return answer.body;
      }
      if (answer.status === 200) {
        if (!wholeIsFine) {
          if (source.download !== undefined) {
            whole ??= downloaded(source.download);
            return (await whole).read(offset, length);
          }
          const hint = source.hint === undefined ? '' : `; ${source.hint}`;
          throw new AccessError(
            `${origin}: the server ignores Range: 200 with the whole ${sizeInBytes} bytes for ${wanted}${hint}`,
          );
        }
        expectLength(answer.body, sizeInBytes, 'the whole');
        return answer.body.subarray(offset, offset + length);
      }
      if (answer.status === 204) throw new MissingError(`${origin}: the store has no data (status 204)`);
      throw new FormatError(`${origin}: status ${answer.status} for ${wanted}, where 206 is due`);
    },
  };

  /** Ranges of two contents make a third one that nobody stored. */
  function checkVersion(seen: string | undefined): void {
    version ??= seen;
    if (version === undefined || seen === undefined || seen === version) return;
    throw new FormatError(`${origin}: changed while it was read: it was ${version}, and is ${seen} now`);
  }

  function checkContentRange(header: string | undefined, first: number, last: number): void {
    const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/i.exec(header?.trim() ?? '');
    if (match === null || Number(match[1]) !== first || Number(match[2]) !== last) {
      throw new FormatError(
        `${origin}: bytes ${first}-${last} wanted, but the answer's Content-Range is ${header ?? 'absent'}`,
      );
    }
    if (match[3] !== '*' && Number(match[3]) !== sizeInBytes) {
      throw new FormatError(
        `${origin}: ${sizeInBytes} bytes by the store's record, ${match[3]} by its Content-Range`,
      );
    }
  }

  function expectLength(body: Buffer, length: number, wanted: string): void {
    if (body.length === length) return;
    throw new FormatError(
      `${origin}: ${body.length < length ? 'truncated' : 'too long'}: ${body.length} bytes came for ${wanted} (${length} bytes)`,
    );
  }

  return blob;
}
