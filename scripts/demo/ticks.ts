/** What the sample program prints, understood. */
import { Expectation } from './expectation.js';
import type { Line } from './program.js';

export interface Tick {
  readonly number: number;
  readonly value: string;
}

export function parseTick({ from, text }: Line): Tick | undefined {
  const match = from === 'program' ? /^tick (\d+): f1\(\) = (.*)$/.exec(text) : null;
  return match?.[1] === undefined || match[2] === undefined
    ? undefined
    : { number: Number(match[1]), value: match[2] };
}

/** Watches the counter: a program that was restarted, or lost a moment, would show it there. */
export class Counter {
  last = 0;

  /** @throws Expectation when a number is missing or comes twice */
  take(tick: Tick): void {
    if (tick.number !== this.last + 1) {
      throw new Expectation(`After tick ${this.last} came tick ${tick.number}.`);
    }
    this.last = tick.number;
  }
}
