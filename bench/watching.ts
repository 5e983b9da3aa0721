/** A running `hcr watch`, by its events. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { HCR_CLI } from './places.js';

export interface Outcome {
  /** Of the compilers that it started. */
  readonly compilerMs: number;
  readonly functions: number;
}

interface Event {
  readonly event: string;
  readonly durationMs?: number;
  readonly functions?: readonly unknown[];
}

export class Watching implements Disposable {
  private readonly child: ChildProcessByStdio<null, Readable, null>;
  private readonly lines: AsyncIterator<string>;

  constructor(pid: number) {
    const words = [HCR_CLI, 'watch', String(pid), '--json'];
    this.child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** Of the next reload. @throws when it is refused, or hcr ends */
  async outcome(): Promise<Outcome> {
    let compilerMs = 0;
    for (;;) {
      const line = await this.lines.next();
      if (line.done === true) throw new Error('hcr watch ended');
      const { event, durationMs = 0, functions = [] } = JSON.parse(line.value) as Event;
      if (event === 'compiled') compilerMs += durationMs;
      if (event === 'patched') return { compilerMs, functions: functions.length };
      if (event === 'refused' || event === 'failed') throw new Error(line.value);
    }
  }

  [Symbol.dispose](): void {
    this.child.kill('SIGKILL');
  }
}
