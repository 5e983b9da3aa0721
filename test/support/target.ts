/** A program under test, alive from {@link startTarget} to the end of its scope. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { LineReader } from './line-reader.js';
import { type ThreadState, readThreadStates } from './thread-states.js';
import { until } from './until.js';

/** Only a program that hangs comes near it. */
const PATIENCE_MS = 10_000;

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class Target implements AsyncDisposable {
  readonly pid: number;
  readonly lines: LineReader;
  readonly errorLines: LineReader;
  /** Settles when it has ended, and by what. */
  readonly ended: Promise<Ending>;
  private readonly child: ChildProcess;
  private readonly endSignal: NodeJS.Signals;
  private hasEnded = false;

  constructor(child: ChildProcess, endSignal: NodeJS.Signals) {
    if (child.pid === undefined) throw new Error('the target did not start');
    this.pid = child.pid;
    this.child = child;
    this.endSignal = endSignal;
    // Both are pipes: startTarget asks for them.
    this.lines = new LineReader(child.stdout as Readable);
    this.errorLines = new LineReader(child.stderr as Readable);
    this.ended = new Promise((resolve) => {
      child.on('exit', (code, signal) => {
        this.hasEnded = true;
        resolve({ code, signal });
      });
    });
  }

  get isAlive(): boolean {
    return !this.hasEnded;
  }

  get threads(): readonly ThreadState[] {
    return readThreadStates(this.pid);
  }

  /** Returns when all its threads wait in system calls: a line that tells of a wait is printed before
   *  that begins. */
  async untilAsleep(): Promise<void> {
    await until(`process ${this.pid} sleeps`, () =>
      this.threads.every(({ state }) => state === 'S'),
    );
  }

  /** Reads its output until a line matches. */
  waitForLine(pattern: RegExp): Promise<RegExpExecArray> {
    return this.lines.waitFor(pattern);
  }

  write(text: string): void {
    (this.child.stdin as Writable).write(text);
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.hasEnded) this.child.kill(signal);
  }

  /** Ends it the way its user would and tells how it ended. */
  async stop(): Promise<Ending> {
    this.kill(this.endSignal);
    this.kill('SIGCONT');
    return await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.hasEnded) return;
    // SIGKILL comes last, so that a program which cleans up after itself can.
    this.kill(this.endSignal);
    this.kill('SIGCONT');
    const timer = setTimeout(() => this.kill('SIGKILL'), PATIENCE_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

export interface StartOptions extends Pick<SpawnOptions, 'cwd' | 'env' | 'uid' | 'gid'> {
  /** What ends the program in an orderly way. */
  readonly endSignal?: NodeJS.Signals;
}

/** Starts a program with its input, output and error output in pipes. */
export async function startTarget(
  program: string,
  args: readonly string[] = [],
  options: StartOptions = {},
): Promise<Target> {
  const { endSignal = 'SIGTERM', ...spawnOptions } = options;
  const child = spawn(program, args, { ...spawnOptions, stdio: 'pipe' });
  const target = child.pid === undefined ? undefined : new Target(child, endSignal);
  // A program that cannot be started makes this throw.
  await once(child, 'spawn');
  if (target === undefined) throw new Error(`${program} did not start`);
  return target;
}
