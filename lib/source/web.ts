import type { Blob } from '../blob/blob.ts';
import { memoryBlob } from '../blob/memory.ts';
import { rangeBlob } from '../blob/range.ts';
import { FormatError, MissingError } from '../errors.ts';
import { type HttpOptions, httpClient, refusal } from './http.ts';
import type { Files } from './source.ts';

/** How much the first request asks for: it tells the size, and is all of what is small. */
const firstInBytes = 64 * 1024;

/**
 * The files of a plain web server, such as the one of a conductor: `[deploy]http_url`. Names are paths below the
 * URL. Files are read through ranges; from a server without them, whole and up to 64 MiB.
 * @throws on `open`: MissingError for 404, AccessError, FormatError
 */
export function webFiles(baseUrl: string, options: HttpOptions = {}): Files & AsyncDisposable {
  const http = httpClient(options);
  const base = baseUrl.replace(/\/+$/, '');

  async function open(path: string): Promise<Blob> {
    const name = path.replace(/^\/+/, '');
    if (name.split('/').includes('..')) throw new FormatError(`${base}/${name}: a path with ".."`);
    const url = `${base}/${name.split('/').map(encodeURIComponent).join('/')}`;
    const answer = await http.request({ url, headers: { range: `bytes=0-${firstInBytes - 1}` } });
    const contentRange = answer.header('content-range') ?? '';
    if (answer.status === 200) return memoryBlob(answer.body, url);
    if (answer.status === 416 && contentRange.endsWith('*/0')) return memoryBlob(Buffer.alloc(0), url);
    if (answer.status === 204) throw new MissingError(`${url}: no content (status 204)`);
    if (answer.status !== 206) throw refusal({ url }, answer);
    const sizeInBytes = Number(/^bytes 0-\d+\/(\d{1,15})$/.exec(contentRange)?.[1] ?? Number.NaN);
    const due = Math.min(sizeInBytes, firstInBytes);
    if (answer.body.length !== due) {
      throw new FormatError(
        `${url}: ${answer.body.length} bytes came with Content-Range ${JSON.stringify(contentRange)}`,
      );
    }
    if (due === sizeInBytes) return memoryBlob(answer.body, url);
    return rangeBlob({
      origin: url,
      sizeInBytes,
      async fetch(first, last, limitInBytes) {
        const range = await http.request({
          url,
          headers: { range: `bytes=${first}-${last}` },
          limitInBytes: limitInBytes + 1,
          ...(limitInBytes < sizeInBytes && { withoutBodyOf: [200] }),
        });
        if (range.status !== 200 && range.status !== 206) throw refusal({ url }, range);
        return {
          status: range.status,
          contentRange: range.header('content-range'),
          body: range.body,
          version: range.header('etag') ?? range.header('last-modified'),
        };
      },
    });
  }

  return { origin: base, open, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() };
}
