/** Timers that wait for the test: what is to take too long has come as far as it should before. */
import { readFileSync } from 'node:fs';
import { vi } from 'vitest';

/** From now on `setTimeout` ends when it is told to. The tests' own waiting has other timers. */
export class TimeOnRequest implements Disposable {
  constructor() {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  }

  pass(ms: number): void {
    vi.advanceTimersByTime(ms);
    vi.useRealTimers();
  }

  [Symbol.dispose](): void {
    vi.useRealTimers();
  }
}

/** The number in a file that somebody makes and then writes to; undefined before. */
export function pidIn(path: string): number | undefined {
  try {
    return Number(/^(\d+)\n/.exec(readFileSync(path, 'utf8'))?.[1]) || undefined;
  } catch {
    return undefined;
  }
}
