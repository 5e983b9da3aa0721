/** The sample program by itself, printing to a file: hcr comes later. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Expectation } from './expectation.js';

export class LoneProgram implements Disposable {
  private readonly child: ChildProcess;
  private readonly output: string;
  private readonly ended: Promise<void>;

  constructor(directory: string) {
    this.output = join(directory, 'output.txt');
    const file = openSync(this.output, 'w');
    // A group of its own: the keys of the terminal are not meant for it.
    const program = join(directory, 'main');
    this.child = spawn(program, { cwd: directory, stdio: ['ignore', file, file], detached: true });
    closeSync(file);
    this.ended = new Promise((resolve) => this.child.once('exit', () => resolve()));
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Expectation('The sample program does not start.');
    return this.child.pid;
  }

  /** Asks it to end, and waits for that.
   *  @returns all lines that it has printed */
  async end(): Promise<string[]> {
    if (!this.child.kill('SIGQUIT')) throw new Expectation('The program has ended too early.');
    await this.ended;
    const lines = readFileSync(this.output, 'utf8').trimEnd().split('\n');
    if (lines.at(-1) !== 'goodbye') throw new Expectation('The program did not end by itself.');
    return lines;
  }

  [Symbol.dispose](): void {
    this.child.kill('SIGKILL');
  }
}
