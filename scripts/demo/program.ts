/** The sample program with hcr above it: what both print, line by line, and how to wait for it. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Expectation } from './expectation.js';

const PATIENCE_MS = 60_000;

export interface Line {
  readonly from: 'program' | 'hcr';
  readonly text: string;
}

interface Waiting {
  readonly test: (line: Line) => boolean;
  readonly done: (line: Line) => void;
  readonly failed: (reason: Error) => void;
}

export class Program implements Disposable {
  /** Called with every line, before those who wait for it go on. What it throws, they get. */
  onLine: (line: Line) => void = () => undefined;
  private readonly child: ChildProcessByStdio<null, Readable, Readable>;
  private readonly hcrEnded: Promise<void>;
  private readonly outputEnded: Promise<void>;
  private waiting: Waiting | undefined;
  private broken: Error | undefined;

  /** @param words the script for Node and its arguments */
  constructor(words: readonly string[], directory: string) {
    // A group of its own: a Ctrl+C meant for the demo must not reach hcr or the program.
    this.child = spawn(process.execPath, words, {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.hcrEnded = new Promise((resolve) => this.child.once('exit', () => resolve()));
    this.outputEnded = new Promise((resolve) => this.child.once('close', () => resolve()));
    this.take(this.child.stdout, 'program');
    this.take(this.child.stderr, 'hcr');
    void this.outputEnded.then(() => this.break(new Expectation('The program ended too early.')));
  }

  get hcrPid(): number {
    return this.child.pid ?? 0;
  }

  /** Exit code of hcr, which is the program's; null when a signal ended it. */
  get exitCode(): number | null {
    return this.child.exitCode;
  }

  private take(stream: Readable, from: Line['from']): void {
    createInterface({ input: stream }).on('line', (text) => {
      const line = { from, text };
      try {
        this.onLine(line);
        if (this.waiting?.test(line) === true) this.waiting.done(line);
      } catch (error) {
        this.break(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  private break(reason: Error): void {
    this.broken ??= reason;
    this.waiting?.failed(reason);
  }

  /** Waits for a line yet to come.
   *  @throws Expectation after a minute, or when the program ends */
  async until(what: string, test: (line: Line) => boolean): Promise<Line> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Line>((done, failed) => {
        if (this.broken !== undefined) failed(this.broken);
        const late = new Expectation(`Waited ${PATIENCE_MS / 1000} s for ${what}.`);
        timer = setTimeout(() => failed(late), PATIENCE_MS);
        this.waiting = { test, done, failed };
      });
    } finally {
      clearTimeout(timer);
      this.waiting = undefined;
    }
  }

  /** The process id of the program itself, whose parent hcr is. */
  findPid(executable: string): number {
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        if (statFields(Number(name))[1] !== String(this.hcrPid)) continue;
        if (readlinkSync(join('/proc', name, 'exe')) === executable) return Number(name);
      } catch {
        // Ended while we looked.
      }
    }
    throw new Expectation(`hcr (pid ${this.hcrPid}) has no child that runs ${executable}.`);
  }

  /** Sends a signal as a terminal does: to hcr and the program alike. */
  pressKey(signal: 'SIGINT' | 'SIGQUIT'): void {
    process.kill(-this.hcrPid, signal);
  }

  /** Ends hcr without a chance to do anything, and waits until it is gone. */
  async killHcr(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.hcrEnded;
  }

  /** Waits until neither hcr nor the program holds the output open. */
  async untilEnded(): Promise<void> {
    await this.outputEnded;
  }

  [Symbol.dispose](): void {
    try {
      process.kill(-this.hcrPid, 'SIGKILL');
    } catch {
      // All have ended.
    }
  }
}

/** `/proc/pid/stat` from the third field on: the name before may hold anything.
 *  @see proc_pid_stat(5) */
function statFields(pid: number): readonly string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** When a process was started, in ticks since the machine was: with the pid it names a process
 *  for ever. */
export function startTime(pid: number): string {
  try {
    return statFields(pid)[19] ?? '';
  } catch {
    throw new Expectation(`Process ${pid} is not there any more.`);
  }
}
