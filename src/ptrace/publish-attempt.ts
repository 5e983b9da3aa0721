/**
 * One stop of the target: are all threads out of the way? Then the writes are made, else it is told who
 * is in the way. Either way all threads run again.
 */
import type { AddrRange, Tid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import {
  type Backtracer,
  type StoppedPosition,
  type Trace,
  isProvenFree,
} from '../patch/busy-frames.js';
import { type Hazard, type HazardSearch, findBusy, isInside } from '../patch/safety.js';
import type { CodeWriter } from './code-writer.js';
import type { DataWriter } from './data-writer.js';
import type { TargetProcess } from './process.js';
import { readThreadStatus } from './procfs.js';
import { StoppedWorld } from './stopped-world.js';
import { StackReader } from './thread-stacks.js';
import type { Tracee } from './tracee.js';

/** More threads than this are in the way together: nobody reads on, and none is likely to be free. */
const MAX_TRACES = 16;
const STOP_MS = 1000;

export interface AttemptRequest {
  readonly hazards: readonly Hazard[];
  /** Functions of which to tell whether a thread was in them. */
  readonly watched?: readonly AddrRange[];
  /** Without it every word on a stack that points into a hazard counts as a return address. */
  readonly backtracer?: Backtracer | undefined;
}

export interface Published {
  /** How long the target stood still in the attempt that went through. */
  readonly pauseMicros: number;
  /** Of the functions watched, those that a thread was in. */
  readonly active: readonly AddrRange[];
}

export type Outcome =
  | { readonly kind: 'published'; readonly publication: Published }
  | {
      readonly kind: 'busy';
      readonly reason: string;
      readonly threads: readonly number[];
      readonly busy: readonly BusyPosition[];
      /** How long the target stood still for nothing. */
      readonly pauseMicros: number;
    };

export interface BusyPosition {
  readonly position: StoppedPosition;
  readonly hazard: Hazard;
  /** From copies, made when the thread ran again. */
  readonly trace: Trace | undefined;
}

/** What the attempts of one publication share, and what was learnt from those before. */
export interface Circumstances {
  readonly writer: CodeWriter;
  readonly data: DataWriter;
  readonly search: HazardSearch;
  /** Threads to unwind while they stand: their tables have been read before. */
  readonly unwound: readonly Tid[];
  /** Tracees that the stop takes over. */
  readonly held: readonly Tracee[];
  /** Whether to find all threads that are in the way, when it is clear that one is. */
  readonly looksAtAll: boolean;
}

/** @throws HcrError `target-exited`, `target-replaced`, `already-traced`, `attach-denied`;
 *   `unsupported-target` when the bytes are not what hcr left there */
export function attemptPublication(
  target: TargetProcess,
  { hazards, watched = [], backtracer }: AttemptRequest,
  { writer, data, search, unwound, held, looksAtAll }: Circumstances,
): Outcome {
  const busy: BusyThread[] = [];
  const isFree = (position: StoppedPosition): boolean =>
    backtracer !== undefined &&
    unwound.includes(position.tid) &&
    isProvenFree(position, hazards, backtracer.trace(position));
  const world = new StoppedWorld(target, held);
  try {
    const stacks = new StackReader(target);
    const threads: StoppedPosition[] = [];
    world.stop(performance.now() + STOP_MS, (stopped) => {
      const located = stacks.locate(stopped);
      threads.push(...located);
      busy.push(...busyThreads(located, search).filter(({ position }) => !isFree(position)));
      return looksAtAll || busy.length === 0;
    });
    if (busy.length === 0) {
      target.memory.assertSameProgram();
      writeAll(writer, data);
      world.resume();
      const { pauseMicros } = world;
      const active = watched.filter((body) =>
        threads.some((thread) => isInside(thread, [body]) !== undefined),
      );
      return { kind: 'published', publication: { pauseMicros, active } };
    }
  } catch (error) {
    if (!(error instanceof HcrError) || error.failure.code !== 'busy') throw error;
    const { detail, threads } = error.failure;
    return { kind: 'busy', reason: detail, threads, busy: [], pauseMicros: world.pauseMicros };
  } finally {
    world[Symbol.dispose]();
  }
  return {
    kind: 'busy',
    pauseMicros: world.pauseMicros,
    reason: describe(target, busy),
    threads: busy.map(({ position }) => position.tid),
    busy: busy.map((each, i) => ({
      ...each,
      trace: i < MAX_TRACES ? backtracer?.trace(each.position) : undefined,
    })),
  };
}

/** The data first: what is cut off then is no publication. */
function writeAll(writer: CodeWriter, data: DataWriter): void {
  const undo = data.write();
  try {
    writer.write();
  } catch (error) {
    undo();
    throw error;
  }
}

type BusyThread = Omit<BusyPosition, 'trace'>;

function busyThreads(threads: readonly StoppedPosition[], search: HazardSearch): BusyThread[] {
  return findBusy(threads, search).flatMap(({ tid, hazard }) => {
    const position = threads.find((thread) => thread.tid === tid);
    return position === undefined ? [] : [{ position, hazard }];
  });
}

const STANDS: { readonly [W in Hazard['why']]: string } = {
  overwritten: 'stands in the first bytes of',
  'branches-back': 'is inside',
  'not-idle': 'is inside',
  'shares-data': 'has data of a type whose layout changes in',
};

function describe({ pid }: TargetProcess, busy: readonly BusyThread[]): string {
  const [first] = busy;
  if (first === undefined) return 'a thread is in the way';
  const { position, hazard } = first;
  const others = busy.length > 1 ? ` (and ${busy.length - 1} more)` : '';
  const name = readThreadStatus(pid, position.tid)?.name ?? '';
  return `thread ${position.tid} (${name})${others} ${STANDS[hazard.why]} ${hazard.function}`;
}
