import { expect, it } from 'vitest';
import { Latest } from '../../src/tui/latest.js';

it('does the first and the last of what comes while it is busy, and nothing in between', async () => {
  const done: number[] = [];
  const latest = new Latest();
  let release = (): void => undefined;
  const first = new Promise<void>((resolve) => {
    release = resolve;
  });
  latest.run(async () => {
    await first;
    done.push(1);
  });
  const last = new Promise<void>((resolve) => {
    for (const n of [2, 3, 4])
      latest.run(() => {
        done.push(n);
        if (n === 4) resolve();
        return Promise.resolve();
      });
  });
  release();
  await last;
  expect(done).toEqual([1, 4]);
});
