import { expect, it } from 'vitest';
import { inParallel } from '../../src/build/in-parallel.js';

it('keeps the order of the items and runs no more than so many at once', async () => {
  let running = 0;
  let most = 0;
  const results = await inParallel(
    [5, 1, 4, 2, 3],
    async (item) => {
      running += 1;
      most = Math.max(most, running);
      for (let turn = 0; turn < item; turn++) await Promise.resolve();
      running -= 1;
      return item * 10;
    },
    2,
  );
  expect(results).toEqual([50, 10, 40, 20, 30]);
  expect(most).toBe(2);
});

it('starts nothing more once one has failed', async () => {
  const started: number[] = [];
  const work = inParallel(
    [1, 2, 3, 4],
    async (item) => {
      started.push(item);
      await Promise.resolve();
      throw new Error(`item ${item}`);
    },
    1,
  );
  await expect(work).rejects.toThrow('item 1');
  expect(started).toEqual([1]);
});
