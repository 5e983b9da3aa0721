/**
 * A process under test. It notes what its threads see in a mapped file, which is read here without
 * a system call of the process or a look at its memory.
 */
import {
  closeSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  readlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { libc } from '../src/ptrace/libc.js';
import { WAIT } from '../src/ptrace/requests.js';
import { startProgram } from '../src/ptrace/start-program.js';
import { type ThreadState, readThreadStates } from '../test/support/thread-states.js';
import type { Program, Scratch } from './programs.js';

/** As targets.h has it. */
const MAX_THREADS = 256;
const PARTS = 6;
const SLOT_BYTES = 64;
const START_MS = 60_000;
const NAP_MS = 4;

export interface Shape {
  readonly threads: number;
  /** How many of them compute; the others wait in system calls. */
  readonly running: number;
}

/** What one thread saw. */
export interface Slot {
  readonly tid: number;
  readonly turns: number;
  readonly wrong: number;
  readonly broken: number;
  readonly interrupted: number;
  /** Of each part, in the last round. */
  readonly versions: readonly number[];
  readonly lastError: number;
  readonly lastKind: number;
  readonly lastMicros: number;
}

export function nap(ms = NAP_MS): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** sigtimedwait unblocks what it waits for, which is this one. */
const AWAITED = 1n << 11n; // SIGUSR2

/** What the thread of that index blocks besides; see block_own_signals in main.c. */
function maskOf(index: number): bigint {
  return 1n << BigInt(33 + (index % 16));
}

/** Signals that a thread blocks, whatever it waits in. */
export function ownMask({ blockedSignals }: ThreadState): bigint {
  return BigInt(`0x${blockedSignals}`) & ~AWAITED;
}

let number = 0;

export class Target implements AsyncDisposable {
  readonly pid: number;
  readonly program: Program;
  readonly shape: Shape;
  /** Of each thread, as it was before anybody looked. */
  readonly masks: ReadonlyMap<number, bigint>;
  private readonly notes: number;

  private constructor(pid: number, notes: number, program: Program, shape: Shape) {
    this.pid = pid;
    this.notes = notes;
    this.program = program;
    this.shape = shape;
    this.masks = new Map(this.slots.map(({ tid }, index) => [tid, maskOf(index)]));
  }

  /** Starts it and waits until all its threads have come round. */
  static async start(scratch: Scratch, program: Program, shape: Shape): Promise<Target> {
    const file = makeNotes(scratch);
    // Whatever it computes, the harness comes first. Node's own spawn would wait for it, and take
    // the reports that are for an hcr in this process.
    const words = ['nice', '-n', '19', program.path, ...argumentsFor(file, shape)];
    const pid = startProgram('nice', words, process.env);
    if (pid < 0) throw new Error(`the target does not start: errno ${-pid}`);
    return await Target.adopt(pid, file, program, shape);
  }

  /** One that somebody else started; its threads have come round when this resolves. */
  static async adopt(pid: number, file: string, program: Program, shape: Shape): Promise<Target> {
    const notes = openSync(file, 'r');
    await haveComeRound(notes, shape);
    return new Target(pid, notes, program, shape);
  }

  get isAlive(): boolean {
    return isRunning(this.pid);
  }

  get slots(): readonly Slot[] {
    return readSlots(this.notes, this.shape.threads);
  }

  get threads(): readonly ThreadState[] {
    return readThreadStates(this.pid);
  }

  openFiles(): string[] {
    return readdirSync(`/proc/${this.pid}/fd`).flatMap((name) => {
      try {
        return [readlinkSync(`/proc/${this.pid}/fd/${name}`)];
      } catch {
        return [];
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.notes);
    if (this.isAlive) process.kill(this.pid, 'SIGKILL');
    // Those that hcr started are nobody's children now.
    while (this.isAlive) await nap();
    libc().waitpid(this.pid, WAIT.NOHANG | WAIT.ALL);
  }
}

/** Whether there is such a process, and it has not ended. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

/** An empty file for what the threads of a target see. */
export function makeNotes(scratch: Scratch): string {
  const file = scratch.path(`notes-${++number}`);
  writeFileSync(file, '');
  truncateSync(file, MAX_THREADS * SLOT_BYTES);
  return file;
}

/** Versions of the parts that the threads of a target have run last; 0 of one that has not begun. */
export function versionsSeen(file: string, { threads }: Shape): ReadonlySet<number> {
  const notes = openSync(file, 'r');
  const slots = readSlots(notes, threads);
  closeSync(notes);
  return new Set(slots.flatMap(({ turns, versions }) => (turns > 0 ? versions : [0])));
}

async function haveComeRound(notes: number, { threads }: Shape): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (!readSlots(notes, threads).every(({ turns }) => turns > 0)) {
    if (performance.now() > deadline) throw new Error('the target does not start');
    await nap();
  }
}

/** More threads wait longer, so that the processor is not busy with their waits alone. */
export function argumentsFor(file: string, { threads, running }: Shape): string[] {
  return [file, threads, running, threads - running > 20 ? 60 : 12].map(String);
}

function readSlots(file: number, threads: number): Slot[] {
  const bytes = new DataView(new ArrayBuffer(threads * SLOT_BYTES));
  readSync(file, bytes, 0, bytes.byteLength, 0);
  return Array.from({ length: threads }, (_, index) => {
    const field = (at: number): number =>
      Number(bytes.getBigInt64(index * SLOT_BYTES + at * 8, true));
    const versions = Array.from({ length: PARTS }, (__, part) =>
      bytes.getUint8(index * SLOT_BYTES + 40 + part),
    );
    return {
      tid: field(0),
      turns: field(1),
      wrong: field(2),
      broken: field(3),
      interrupted: field(4),
      versions,
      lastError: bytes.getInt32(index * SLOT_BYTES + 48, true),
      lastKind: bytes.getInt32(index * SLOT_BYTES + 52, true),
      lastMicros: field(7),
    };
  });
}
