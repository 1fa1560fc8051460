import { oneLine, plain } from './text.ts';

/** What progress is written to: standard error, mostly. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export interface Progress {
  /** How many judgements there are to make. */
  total(count: number): void;
  /** One of them was made. */
  step(name: string): void;
  end(): void;
}

const quietInMilliseconds = 1000;
const redrawInMilliseconds = 100;
const lineInMilliseconds = 10_000;

/**
 * Shows that a run is alive: one line, redrawn, on a terminal; elsewhere a plain line every ten seconds.
 * A run of less than a second says nothing. Never keeps the process alive.
 */
export function progressTo(stream: ProgressStream): Progress {
  const terminal = stream.isTTY === true;
  const started = performance.now();
  let all: number | undefined;
  let done = 0;
  let latest = '';
  let drawn = '';

  const timer = setInterval(show, terminal ? redrawInMilliseconds : lineInMilliseconds);
  timer.unref();

  function show(): void {
    const elapsed = performance.now() - started;
    if (elapsed < quietInMilliseconds) return;
    const count = all === undefined ? 'looking for what to judge' : `${done} of ${all}`;
    const text = `${count}, ${Math.floor(elapsed / 1000)} s${latest === '' ? '' : `  ${latest}`}`;
    if (!terminal) {
      stream.write(`${text}\n`);
      return;
    }
    // A full last column would wrap, and the line could not be taken back.
    const line = text.slice(0, Math.max(10, (stream.columns ?? 80) - 1)).toWellFormed();
    if (line !== drawn) stream.write(`\r\x1b[2K${line}`);
    drawn = line;
  }

  return {
    total(count) {
      all = (all ?? 0) + count;
    },
    step(name) {
      done += 1;
      latest = oneLine(plain(name));
    },
    end() {
      clearInterval(timer);
      if (drawn !== '') stream.write('\r\x1b[2K');
      drawn = '';
    },
  };
}
