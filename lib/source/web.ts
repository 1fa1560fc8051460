import { type Blob, checkRange } from '../blob/blob.ts';
import type { CachedBlob } from '../blob/cache.ts';
import { memoryBlob } from '../blob/memory.ts';
import { rangeBlob } from '../blob/range.ts';
import { AccessError, FormatError, LimitError, MissingError, UsageError } from '../errors.ts';
import { type Downloads, downloadHint } from './downloads.ts';
import { type Http, type HttpAnswer, refusal, withoutSecrets } from './http.ts';

/** How much the first request asks for: it tells the size, and is all of what is small. */
const firstInBytes = 64 * 1024;
/** What is read whole from a server without ranges in any case. */
const wholeLimitInBytes = 64 * 1024 * 1024;

export interface WebOptions {
  /** What may be downloaded from servers without ranges, beyond 64 MiB a file. */
  readonly downloads?: Downloads | undefined;
}

/**
 * The file behind one URL, with its query. It is read through ranges; from a server without them whole, up to 64 MiB
 * or as much as may be downloaded.
 * @throws MissingError for 404, AccessError for a server without ranges and other refusals, FormatError
 */
export async function openUrl(http: Http, text: string, { downloads }: WebOptions = {}): Promise<CachedBlob> {
  const parsed = URL.parse(text);
  const url = parsed?.href ?? '';
  const origin = withoutSecrets(url);
  if (parsed === null) throw new UsageError(`${withoutSecrets(text)}: not a URL`);
  if (parsed.password !== '') throw new UsageError(`${origin}: a URL must not hold a password`);
  const download =
    downloads === undefined
      ? undefined
      : async () => downloads.keep(origin, async (sink) => http.get(url, { sink }));

  let answer: HttpAnswer;
  try {
    const headers = { range: `bytes=0-${firstInBytes - 1}` };
    answer = await http.request({ url, headers, limitInBytes: wholeLimitInBytes });
  } catch (error) {
    if (!(error instanceof LimitError)) throw error;
    if (download !== undefined) return counted(await download());
    throw new AccessError(
      `${origin}: the server ignores Range, and the file is larger than the ${wholeLimitInBytes} bytes that are read whole; ${downloadHint}`,
      { cause: error },
    );
  }
  if (answer.status === 200) return counted(memoryBlob(answer.body, origin));
  const contentRange = answer.header('content-range') ?? '';
  if (answer.status === 416 && contentRange.endsWith('*/0')) {
    return counted(memoryBlob(Buffer.alloc(0), origin));
  }
  if (answer.status === 416) {
    if (download !== undefined) return counted(await download());
    throw new AccessError(`${origin}: the server refuses Range (status 416); ${downloadHint}`);
  }
  if (answer.status === 204) throw new MissingError(`${origin}: no content (status 204)`);
  if (answer.status !== 206) throw refusal({ url }, answer);
  const sizeInBytes = sizeOf(answer, contentRange, origin);
  if (answer.body.length === sizeInBytes) return counted(memoryBlob(answer.body, origin));
  const firstVersion = versionOf(answer);
  const ranges = rangeBlob({
    origin,
    sizeInBytes,
    download,
    hint: downloadHint,
    ...(firstVersion !== undefined && { version: firstVersion }),
    async fetch(first, last, limitInBytes) {
      const range = await http.request({
        url,
        headers: { range: `bytes=${first}-${last}` },
        // One byte more, so that an answer that is too long is told as such.
        limitInBytes: limitInBytes + 1,
        ...(limitInBytes < sizeInBytes && { withoutBodyOf: [200] }),
      });
      if (range.status !== 200 && range.status !== 206) throw refusal({ url }, range);
      return {
        status: range.status,
        contentRange: range.header('content-range'),
        body: range.body,
        version: versionOf(range),
      };
    },
  });
  return behindFirst(answer.body, ranges);
}

/** A blob whose first bytes came already; what is read of the rest is counted with them. */
function behindFirst(first: Buffer, ranges: Blob): CachedBlob {
  let bytesRead = first.length;
  const blob: CachedBlob = {
    origin: ranges.origin,
    sizeInBytes: ranges.sizeInBytes,
    get bytesRead() {
      return bytesRead;
    },
    async read(offset, length) {
      checkRange(blob, offset, length);
      if (offset + length <= first.length) {
        return first.subarray(offset, offset + length);
      }
      const bytes = await ranges.read(offset, length);
      bytesRead += bytes.length;
      return bytes;
    },
  };
  return blob;
}

/** What came whole. */
function counted(blob: Blob): CachedBlob {
  return { ...blob, bytesRead: blob.sizeInBytes };
}

/** What stays the same as long as the content does. */
function versionOf(answer: HttpAnswer): string | undefined {
  return answer.header('etag') ?? answer.header('last-modified');
}

/** The size that the first answer tells. */
function sizeOf(answer: HttpAnswer, contentRange: string, origin: string): number {
  const sizeInBytes = Number(/^bytes 0-\d+\/(\d{1,15})$/i.exec(contentRange)?.[1] ?? Number.NaN);
  if (answer.body.length !== Math.min(sizeInBytes, firstInBytes)) {
    throw new FormatError(
      `${origin}: ${answer.body.length} bytes came with Content-Range ${JSON.stringify(contentRange)}`,
    );
  }
  return sizeInBytes;
}
