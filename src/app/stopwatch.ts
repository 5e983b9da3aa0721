/** Times the stages of a verb. */
import type { Timings } from './report.js';

type Stage = Exclude<keyof Timings, 'total'>;

export class Stopwatch {
  private readonly start = performance.now();
  private readonly stages: Partial<Record<Stage, number>> = {};

  /** Runs a stage; several runs of one stage add up. */
  async time<T>(stage: Stage, run: () => T | Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await run();
    } finally {
      this.stages[stage] = (this.stages[stage] ?? 0) + performance.now() - start;
    }
  }

  get timings(): Timings {
    const rounded = Object.fromEntries(Object.entries(this.stages).map(([k, v]) => [k, round(v)]));
    return { ...rounded, total: round(performance.now() - this.start) };
  }
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
