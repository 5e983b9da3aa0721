/** A target that runs until the end of its scope, and what it prints. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

export class RunningTarget implements Disposable {
  readonly pid: number;
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  private readonly lines: AsyncIterator<string>;
  private isDisposed = false;

  private constructor(words: readonly [string, ...string[]]) {
    const [program, ...args] = words;
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.child.pid === undefined) throw new Error(`${program} does not start`);
    this.pid = this.child.pid;
    this.child.on('exit', (code, signal) => {
      if (!this.isDisposed)
        console.error(`Target ${this.pid} ended with ${signal ?? code ?? 'nothing'}.`);
    });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** Starts a program and waits for its first line: it is ready. */
  static async start(...words: readonly [string, ...string[]]): Promise<RunningTarget> {
    const target = new RunningTarget(words);
    await target.readLine();
    return target;
  }

  async readLine(): Promise<string> {
    const line = await this.lines.next();
    if (line.done === true) throw new Error(`target ${this.pid} ended`);
    return line.value;
  }

  /** Its answer to a line of input. */
  async ask(line: string): Promise<readonly number[]> {
    this.child.stdin.write(`${line}\n`);
    return numbers(await this.readLine());
  }

  /** Its answer to a signal. */
  async signal(signal: NodeJS.Signals): Promise<readonly number[]> {
    this.child.kill(signal);
    return numbers(await this.readLine());
  }

  [Symbol.dispose](): void {
    this.isDisposed = true;
    this.child.kill('SIGKILL');
  }
}

function numbers(line: string): readonly number[] {
  return line.split(' ').map(Number);
}
