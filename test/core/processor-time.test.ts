import { expect, it } from 'vitest';
import { withinProcessorTime } from '../../src/core/processor-time.js';

/** More than what else this process does meanwhile takes. */
const SHORT_MS = 500;

it('ends what has no end', () => {
  const work = (): void => {
    for (;;);
  };
  expect(() => withinProcessorTime(work, SHORT_MS)).toThrow(/timed out/);
});

it('counts no time in which the process does not run', () => {
  const never = new Int32Array(new SharedArrayBuffer(4));
  let times = 0;
  const work = (): string => {
    times += 1;
    if (times === 1) Atomics.wait(never, 0, 0);
    return 'done';
  };
  expect(withinProcessorTime(work, SHORT_MS)).toBe('done');
  expect(times).toBeGreaterThan(1);
});

it('gives what the work gives, and throws what it throws', () => {
  expect(withinProcessorTime(() => 7, SHORT_MS)).toBe(7);
  const refuse = (): never => {
    throw new RangeError('no');
  };
  expect(() => withinProcessorTime(refuse, SHORT_MS)).toThrow('no');
});
