/**
 * Runs a program to its end, in a process group of its own, so that a compiler goes together with
 * everything it started: when it takes too long, and when hcr ends.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { HcrError } from '../core/failure.js';
import { type BuildUser, asBuildUser, withoutInheritedFiles } from './build-user.js';

export interface ProgramRun {
  /** Absolute path, or `/bin/sh`; never looked up, never given to a shell. */
  readonly program: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
  /** Of what is kept of each stream. */
  readonly maxOutputBytes?: number;
  /** Ends it before its time. */
  readonly signal?: AbortSignal;
  /** With whose rights, when not with those of hcr. */
  readonly user?: BuildUser;
}

export interface ProgramOutcome {
  /** As a shell counts: 128 + the signal that ended it. null when it took too long. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

/** What is kept of each stream if nothing is said; a compiler in despair writes gigabytes. */
const MAX_OUTPUT_BYTES = 1 << 20;
/** How long to wait for output after the end: a daemon it left behind may hold the pipe for ever. */
const LINGER_MS = 200;

const running = new Set<number>();

function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

function endAllGroups(): void {
  for (const leader of running) endGroup(leader);
}

/** Keeps the beginning of a stream. */
class CappedText {
  private readonly chunks: Buffer[] = [];
  private lengthBytes = 0;
  private cut = false;
  private readonly maxBytes: number;

  constructor(maxBytes = MAX_OUTPUT_BYTES) {
    this.maxBytes = maxBytes;
  }

  add(chunk: Buffer): void {
    const room = this.maxBytes - this.lengthBytes;
    if (chunk.length > room) this.cut = true;
    const kept = chunk.subarray(0, room);
    this.chunks.push(kept);
    this.lengthBytes += kept.length;
  }

  text(): string {
    const text = Buffer.concat(this.chunks).toString('utf8');
    return this.cut ? `${text}\n[the rest is left out]\n` : text;
  }
}

/** In a session of its own, so that hcr's terminal is not the child's. */
function start({ user, ...run }: ProgramRun): ChildProcessByStdio<null, Readable, Readable> {
  const files = ['ignore', 'pipe', 'pipe'] as const;
  const { environment = {} } = run;
  if (user === undefined) {
    const env = { ...process.env, ...environment };
    return spawn(run.program, run.args, {
      cwd: run.directory,
      env,
      stdio: [...files],
      detached: true,
    });
  }
  const { program, args, directory, environment: env } = asBuildUser(user, { ...run, environment });
  return withoutInheritedFiles(
    (more) =>
      // The first three are as above.
      spawn(program, args, {
        cwd: directory,
        env,
        stdio: [...files, ...more],
        detached: true,
      }) as ChildProcessByStdio<null, Readable, Readable>,
  );
}

/** @throws HcrError `compiler-not-found` when the program can't be started at all,
 *   `build-user-denied` */
export function runProgramToEnd(run: ProgramRun): Promise<ProgramOutcome> {
  const startedMs = performance.now();
  const stdout = new CappedText(run.maxOutputBytes);
  const stderr = new CappedText(run.maxOutputBytes);
  return new Promise((resolve, reject) => {
    const child = start(run);
    const leader = child.pid;
    let timedOut = false;
    const timer =
      run.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            if (leader !== undefined) endGroup(leader);
          }, run.timeoutMs);
    if (leader !== undefined) {
      // Before the folders in which they work are removed.
      if (running.size === 0) process.prependListener('exit', endAllGroups);
      running.add(leader);
    }
    const abort = (): void => {
      if (leader !== undefined) endGroup(leader);
    };
    if (run.signal !== undefined) {
      // One for each program that runs at a time.
      setMaxListeners(0, run.signal);
      run.signal.addEventListener('abort', abort);
      if (run.signal.aborted) abort();
    }
    const settle = (): void => {
      clearTimeout(timer);
      run.signal?.removeEventListener('abort', abort);
      if (leader !== undefined) running.delete(leader);
      if (running.size === 0) process.off('exit', endAllGroups);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      stdout.add(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr.add(chunk);
    });
    child.on('error', (cause) => {
      settle();
      reject(new HcrError({ code: 'compiler-not-found', compiler: run.program }, { cause }));
    });
    const closed = new Promise<void>((done) => {
      child.on('close', () => {
        done();
      });
    });
    child.on('exit', (code, signal) => {
      settle();
      const linger = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, LINGER_MS);
      void closed.then(() => {
        clearTimeout(linger);
        resolve({
          exitCode: timedOut ? null : (code ?? 128 + constants.signals[signal ?? 'SIGKILL']),
          stdout: stdout.text(),
          stderr: stderr.text(),
          durationMs: performance.now() - startedMs,
        });
      });
    });
  });
}
