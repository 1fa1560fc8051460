import { expect, test } from 'vitest';
import { within } from './deadline.ts';
import { turns } from './turns.ts';

test('so many run at a time, the others in the order in which they came, whatever becomes of one', async () => {
  const inTurn = turns(2);
  const started: number[] = [];
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
  const runs = gates.map(async ({ promise }, index) =>
    inTurn(async () => {
      started.push(index);
      return promise;
    }),
  );
  const settled = Promise.allSettled(runs);
  await Promise.resolve();
  expect(started).toEqual([0, 1]);
  gates[1]?.reject(new Error('of its own'));
  await expect(runs[1]).rejects.toThrow('of its own');
  expect(started).toEqual([0, 1, 2]);
  for (const [index, { resolve }] of gates.entries()) resolve(index);
  expect((await settled).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
    'fulfilled',
  ]);
  expect(started).toEqual([0, 1, 2, 3, 4]);
});

const late = () => new Error('late');

test('an answer, a refusal, a throw and silence each end a request', async () => {
  expect(await within<number>(60_000, late, (resolve) => resolve(7))).toBe(7);
  await expect(within(60_000, late, (_, reject) => reject(new Error('no')))).rejects.toThrow('no');
  const throwing = within(60_000, late, () => {
    throw new Error('at once');
  });
  await expect(throwing).rejects.toThrow('at once');
  await expect(within(1, late, () => undefined)).rejects.toThrow('late');
});
