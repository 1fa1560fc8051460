import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { progressTo } from './progress.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function streamOf(isTTY: boolean) {
  const written: string[] = [];
  return { written, stream: { isTTY, columns: 40, write: (text: string) => written.push(text) } };
}

test.for([true, false])('a quick run says nothing (terminal: %s)', (isTTY) => {
  const { written, stream } = streamOf(isTTY);
  const progress = progressTo(stream);
  progress.total(2);
  progress.step('a');
  vi.advanceTimersByTime(900);
  progress.end();
  vi.advanceTimersByTime(60_000);
  expect(written).toEqual([]);
});

test('a terminal has one line, redrawn, within its width, and taken away at the end', () => {
  const { written, stream } = streamOf(true);
  const progress = progressTo(stream);
  vi.advanceTimersByTime(1500);
  expect(written.at(-1)).toBe('\r\u001b[2Klooking for what to judge, 1 s');
  progress.total(130);
  progress.step('firmware/machine · \u001b]0;x\u0007a very long\nsubject indeed');
  vi.advanceTimersByTime(1000);
  expect(written.at(-1)).toBe('\r\u001b[2K1 of 130, 2 s  firmware/machine · a ver');
  progress.end();
  expect(written.at(-1)).toBe('\r\u001b[2K');
});

test('elsewhere there is a plain line every ten seconds', () => {
  const { written, stream } = streamOf(false);
  const progress = progressTo(stream);
  progress.total(3);
  vi.advanceTimersByTime(10_000);
  progress.step('images/size · x');
  vi.advanceTimersByTime(15_000);
  progress.end();
  vi.advanceTimersByTime(60_000);
  expect(written).toEqual(['0 of 3, 10 s\n', '1 of 3, 20 s  images/size · x\n']);
});
