/** A running `hcr watch`, by its events. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { HCR_CLI } from './places.js';

const FIRST_LOOK_MS = 2000;
/** USER_HZ is 100 on all machines. */
const TICK_MS = 10;

export interface Outcome {
  readonly functions: number;
}

interface Event {
  readonly event: string;
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

  /** Until it watches, and has had the time to look at everything once. */
  async ready(): Promise<void> {
    const line = await this.lines.next();
    if (line.done === true) throw new Error('hcr watch ended');
    await setTimeout(FIRST_LOOK_MS);
  }

  /** What hcr itself has kept processors busy for, whoever else wanted them. The kernel counts in
   *  steps of ten milliseconds. @see proc(5), /proc/pid/stat */
  get processorMs(): number {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ');
    return (Number(fields?.[11]) + Number(fields?.[12])) * TICK_MS;
  }

  /** Of the next reload. @throws when it is refused, or hcr ends */
  async outcome(): Promise<Outcome> {
    for (;;) {
      const line = await this.lines.next();
      if (line.done === true) throw new Error('hcr watch ended');
      const { event, functions = [] } = JSON.parse(line.value) as Event;
      if (event === 'patched') return { functions: functions.length };
      if (event === 'refused' || event === 'failed') throw new Error(line.value);
    }
  }

  [Symbol.dispose](): void {
    this.child.kill('SIGKILL');
  }
}
