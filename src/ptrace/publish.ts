/**
 * Makes entries lead elsewhere: stop, check the threads, write, resume. The only step of a patch
 * that stops the whole target; all that can fail has happened before it.
 */
import { type Addr, type AddrRange, addr, contains, hex } from '../core/address.js';
import { HcrError, isHcrError } from '../core/failure.js';
import type { CodeWrite } from '../patch/ledger.js';
import { equal } from '../patch/plan.js';
import {
  type Busy,
  type Hazard,
  type ThreadPosition,
  findBusy,
  isInside,
} from '../patch/safety.js';
import type { TargetProcess } from './process.js';
import { type Mapping, mappingAt } from './procfs.js';
import { StoppedWorld } from './stopped-world.js';

/** More of a stack than this is not looked at: it is no stack but a mapping that one is in. */
const MAX_STACK_BYTES = 64 << 20;
const RETRY_MS = 5;
const STOP_MS = 1000;

export interface Publication {
  /** How long the target stood still in the attempt that went through. */
  readonly pauseMicros: number;
  readonly attempts: number;
  /** Of the functions watched, those that a thread was in. */
  readonly active: readonly AddrRange[];
}

/**
 * Makes all the writes or none.
 * @param watched functions of which to tell whether a thread was in them
 * @param timeoutMs how long to try for a moment in which no thread is in the way
 * @throws HcrError `busy` with nothing written; `target-exited`, `target-replaced`, `already-traced`,
 *   `attach-denied`; `unsupported-target` when the bytes are not what hcr left there
 */
export async function publishWrites(
  target: TargetProcess,
  writes: readonly CodeWrite[],
  hazards: readonly Hazard[],
  timeoutMs: number,
  watched: readonly AddrRange[],
  onWait?: (reason: string) => void,
): Promise<Publication> {
  target.memory.prepareProtectedWrites();
  const start = performance.now();
  for (let attempts = 1; ; attempts++) {
    let reason: string;
    let busyThreads: readonly number[];
    const world = new StoppedWorld(target);
    try {
      const mappings = target.maps();
      world.stop(performance.now() + STOP_MS);
      const threads = positions(target, world, mappings);
      const busy = findBusy(threads, hazards);
      if (busy.length === 0) {
        writeAll(target, writes);
        world.resume();
        const { pauseMicros } = world;
        const active = watched.filter((body) =>
          threads.some((thread) => isInside(thread, [body]) !== undefined),
        );
        return { pauseMicros, attempts, active };
      }
      reason = describe(busy);
      busyThreads = busy.map(({ tid }) => tid);
    } catch (error) {
      if (!(error instanceof HcrError) || !isHcrError(error, 'busy')) throw error;
      const { failure } = error;
      if (failure.code !== 'busy') throw error;
      reason = failure.detail;
      busyThreads = failure.threads;
    } finally {
      world[Symbol.dispose]();
    }
    const waitedMs = Math.round(performance.now() - start);
    if (waitedMs >= timeoutMs)
      throw new HcrError({ code: 'busy', detail: reason, threads: busyThreads, waitedMs });
    onWait?.(reason);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

const STANDS: { readonly [W in Hazard['why']]: string } = {
  overwritten: 'stands in the first bytes of',
  'branches-back': 'is inside',
  'shares-data': 'has data of a type whose layout changes in',
};

function describe(busy: readonly Busy[]): string {
  const [first] = busy;
  if (first === undefined) return 'a thread is in the way';
  const what = STANDS[first.hazard.why];
  const others = busy.length > 1 ? ` (and ${busy.length - 1} more)` : '';
  return `thread ${first.tid}${others} ${what} ${first.hazard.function}`;
}

/** Where each thread is, and its stack.
 *  @param mappings as they were before the stop: reading them takes longer than all the rest */
function positions(
  target: TargetProcess,
  world: StoppedWorld,
  mappings: readonly Mapping[],
): ThreadPosition[] {
  const { registers } = target.machine;
  let known = mappings;
  return world.threads.map(({ tracee, registers: values }) => {
    const stackPointer = registers.stackPointer(values);
    // A thread that was made meanwhile has a stack that was mapped meanwhile.
    if (mappingAt(known, stackPointer) === undefined) known = target.maps();
    const stack = readStack(target, known, stackPointer);
    const home = ownStack(target, known, tracee.tid, registers.threadPointer(values));
    const isAway = home !== undefined && !contains(home, stackPointer);
    return {
      tid: tracee.tid,
      pc: registers.pc(values),
      stack: isAway ? join(stack, readWhole(target, home)) : stack,
    };
  });
}

/** The stack that a thread was made with. It runs on another while it handles a signal there, or
 *  in a coroutine; then the frames on its own are still to be returned to. */
function ownStack(
  target: TargetProcess,
  mappings: readonly Mapping[],
  tid: number,
  threadPointer: number,
): Mapping | undefined {
  if (tid === Number(target.pid)) return mappings.find(({ path }) => path === '[stack]');
  const mapping = mappingAt(mappings, threadPointer);
  return mapping?.inode === 0 ? mapping : undefined;
}

function readWhole(target: TargetProcess, { start, end }: Mapping): Uint8Array {
  const bytes = new Uint8Array(Math.min(end - start, MAX_STACK_BYTES));
  return bytes.subarray(0, target.memory.readInto(start, bytes));
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

/** The stack from below the red zone to the end of its mapping. */
export function readStack(
  target: TargetProcess,
  mappings: readonly Mapping[],
  stackPointer: number,
): Uint8Array {
  const mapping = mappingAt(mappings, stackPointer);
  if (mapping === undefined) return new Uint8Array();
  const { redZoneBytes } = target.machine.registers;
  const start = Math.max(mapping.start, Math.floor((stackPointer - redZoneBytes) / 8) * 8);
  const range: AddrRange = { start: addr(start), end: mapping.end };
  const stack = new Uint8Array(Math.min(range.end - range.start, MAX_STACK_BYTES));
  const got = target.memory.readInto(range.start, stack);
  return stack.subarray(0, got);
}

/** Undoes what it wrote when a later write fails, while the target still stands. */
function writeAll(target: TargetProcess, writes: readonly CodeWrite[]): void {
  const { memory } = target;
  for (const { address, before } of writes) assertUnchanged(target, address, before);
  const done: CodeWrite[] = [];
  try {
    for (const write of writes) {
      done.push(write);
      memory.writeProtected(write.address, write.after);
    }
  } catch (error) {
    for (const write of done.reverse()) memory.writeProtected(write.address, write.before);
    throw error;
  }
}

function assertUnchanged(target: TargetProcess, address: Addr, expected: Uint8Array): void {
  const found = target.memory.read(address, expected.length);
  if (equal(found, expected)) return;
  throw new HcrError({
    code: 'unsupported-target',
    pid: target.pid,
    detail: `its code at ${hex(address)} was changed by something else (a debugger's breakpoint?)`,
  });
}
