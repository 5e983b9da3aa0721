/**
 * Makes entries lead elsewhere: stop, check the threads, write, resume. The only step of a patch
 * that stops the whole target; all that can fail has happened before it.
 */
import type { AddrRange, Tid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { ThreadTrace } from '../core/thread-trace.js';
import {
  type Backtracer,
  type StoppedPosition,
  type Trace,
  isProvenFree,
} from '../patch/busy-frames.js';
import type { CodeWrite } from '../patch/ledger.js';
import { findWayOut } from '../patch/way-out.js';
import { type Hazard, HazardSearch, findBusy, isInside } from '../patch/safety.js';
import { CodeWriter } from './code-writer.js';
import { type DataWrite, DataWriter } from './data-writer.js';
import type { TargetProcess } from './process.js';
import { readThreadStatus } from './procfs.js';
import { type ThreadOnItsWay, awaitWaysOut } from './return-watch.js';
import { StoppedWorld } from './stopped-world.js';
import { StackReader } from './thread-stacks.js';
import type { Tracee } from './tracee.js';

const RETRY_MS = 5;
/** Of the time that the target has, stops in vain take no more than this part. */
const NAP_TO_PAUSE = 20;
const LONGEST_NAP_MS = 250;
/** A frame may end by an exception or longjmp, which no breakpoint at its return sees. */
const LOOK_AGAIN_MS = 500;
/** More threads than this are in the way together: nobody reads on, and none is likely to be free. */
const MAX_TRACES = 16;
/** Unwinding one takes some tenths of a millisecond, in which the target stands. */
const MAX_UNWOUND = 32;
/** Beyond the time given, where the stacks turned out to hold nothing but dead words. */
const MAX_EXTRA_ATTEMPTS = 4;
const STOP_MS = 1000;

export interface Publication {
  /** How long the target stood still in the attempt that went through. */
  readonly pauseMicros: number;
  readonly attempts: number;
  /** Of the functions watched, those that a thread was in. */
  readonly active: readonly AddrRange[];
}

export interface PublishRequest {
  readonly writes: readonly CodeWrite[];
  /** New values of variables, given in the stop in which the code changes. */
  readonly data?: readonly DataWrite[];
  readonly hazards: readonly Hazard[];
  /** How long to try for a moment in which no thread is in the way. */
  readonly timeoutMs: number;
  /** Functions of which to tell whether a thread was in them. */
  readonly watched?: readonly AddrRange[];
  /** Without it every word on a stack that points into a hazard counts as a return address. */
  readonly backtracer?: Backtracer | undefined;
  readonly onWait?: (reason: string) => void;
}

/**
 * Makes all the writes or none.
 * @throws HcrError `busy` with nothing written; `target-exited`, `target-replaced`, `already-traced`,
 *   `attach-denied`; `unsupported-target` when the bytes are not what hcr left there
 */
export async function publishWrites(
  target: TargetProcess,
  request: PublishRequest,
): Promise<Publication> {
  const { writes, hazards, backtracer, timeoutMs } = request;
  const tools = {
    writer: new CodeWriter(target, writes),
    data: new DataWriter(target, request.data ?? []),
    search: new HazardSearch(hazards),
  };
  const start = performance.now();
  /** Threads that are likely to be free, whatever the dead words on their stacks look like. */
  let unwound: readonly Tid[] = [];
  let held: readonly Tracee[] = [];
  for (let attempts = 1; ; attempts++) {
    const looksAtAll = attempts > 1;
    const outcome = attempt(target, request, { ...tools, unwound, held, looksAtAll });
    if (outcome.kind === 'published') return { ...outcome.publication, attempts };
    const { busy } = outcome;
    const free = busy.filter(
      ({ position, trace }) => trace !== undefined && isProvenFree(position, hazards, trace),
    );
    const known = new Set([...unwound, ...free.map(({ position }) => position.tid)]);
    unwound = [...known].slice(0, MAX_UNWOUND);
    const canGoOn = free.length > 0 && free.length === busy.length && known.size <= MAX_UNWOUND;
    const waitedMs = Math.round(performance.now() - start);
    if (waitedMs >= timeoutMs && !(canGoOn && attempts <= MAX_EXTRA_ATTEMPTS)) {
      throw new HcrError({
        code: 'busy',
        detail: outcome.reason,
        threads: outcome.threads,
        traces: namedTraces(busy, backtracer),
        waitedMs,
      });
    }
    const wasWaitedFor = held.length > 0;
    held = [];
    if (canGoOn) continue;
    request.onWait?.(outcome.reason);
    const deadline = Math.min(performance.now() + LOOK_AGAIN_MS, start + timeoutMs);
    // In vain once: another is in the way as well, and who they all are is to be looked at first.
    if (!wasWaitedFor) {
      const inTheWay = busy.filter((each) => !free.includes(each));
      held = await awaitWaysOut(target, onTheirWay(inTheWay, hazards), deadline);
      // The frames that they have just left are dead words on their stacks now.
      unwound = [...new Set([...held.map(({ tid }) => tid), ...unwound])].slice(0, MAX_UNWOUND);
    }
    if (held.length > 0) continue;
    if (busy.length === 0) {
      // One did not stop: it is caught when it comes out of the kernel.
      await target.tracing.awaitLate(start + timeoutMs);
      continue;
    }
    const nap = Math.max(RETRY_MS, (NAP_TO_PAUSE * outcome.pauseMicros) / 1000);
    await new Promise((resolve) => setTimeout(resolve, Math.min(LONGEST_NAP_MS, nap)));
  }
}

type Outcome =
  | { readonly kind: 'published'; readonly publication: Omit<Publication, 'attempts'> }
  | {
      readonly kind: 'busy';
      readonly reason: string;
      readonly threads: readonly number[];
      readonly busy: readonly BusyPosition[];
      /** How long the target stood still for nothing. */
      readonly pauseMicros: number;
    };

/** Threads of which it is known where they will have left; none unless it is known of each. */
function onTheirWay(busy: readonly BusyPosition[], hazards: readonly Hazard[]): ThreadOnItsWay[] {
  const onWay = busy.flatMap(({ position: { tid }, trace }) => {
    const way = trace && findWayOut(trace, hazards);
    return way === undefined ? [] : [{ tid, way }];
  });
  return onWay.length === busy.length ? onWay : [];
}

interface BusyPosition {
  readonly position: StoppedPosition;
  readonly hazard: Hazard;
  /** From copies, made when the thread ran again. */
  readonly trace: Trace | undefined;
}

interface Circumstances {
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

function attempt(
  target: TargetProcess,
  { hazards, watched = [], backtracer }: PublishRequest,
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

function namedTraces(
  busy: readonly BusyPosition[],
  backtracer: Backtracer | undefined,
): ThreadTrace[] {
  return busy.flatMap(({ position: { tid }, trace }) =>
    trace === undefined || backtracer === undefined ? [] : [backtracer.name(tid, trace)],
  );
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
