/**
 * Makes entries lead elsewhere: stop, check the threads, write, resume (`publish-attempt.ts`), until
 * no thread is in the way. The only step of a patch that stops the whole target; all that can fail
 * has happened before it.
 */
import type { Tid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { ThreadTrace } from '../core/thread-trace.js';
import { type Backtracer, isProvenFree } from '../patch/busy-frames.js';
import type { CodeWrite } from '../patch/ledger.js';
import { findWayOut } from '../patch/way-out.js';
import { type Hazard, HazardSearch } from '../patch/safety.js';
import { CodeWriter } from './code-writer.js';
import { type DataWrite, DataWriter } from './data-writer.js';
import type { TargetProcess } from './process.js';
import {
  type AttemptRequest,
  type BusyPosition,
  type Published,
  attemptPublication,
} from './publish-attempt.js';
import { type ThreadOnItsWay, awaitWaysOut } from './return-watch.js';
import type { Tracee } from './tracee.js';

const RETRY_MS = 5;
/** Of the time that the target has, stops in vain take no more than this part. */
const NAP_TO_PAUSE = 20;
const LONGEST_NAP_MS = 250;
/** A frame may end by an exception or longjmp, which no breakpoint at its return sees. */
const LOOK_AGAIN_MS = 500;
/** Unwinding one takes some tenths of a millisecond, in which the target stands. */
const MAX_UNWOUND = 32;
/** Beyond the time given, where the stacks turned out to hold nothing but dead words. */
const MAX_EXTRA_ATTEMPTS = 4;

export interface Publication extends Published {
  readonly attempts: number;
}

export interface PublishRequest extends AttemptRequest {
  readonly writes: readonly CodeWrite[];
  /** New values of variables, given in the stop in which the code changes. */
  readonly data?: readonly DataWrite[];
  /** How long to try for a moment in which no thread is in the way. */
  readonly timeoutMs: number;
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
    const outcome = attemptPublication(target, request, { ...tools, unwound, held, looksAtAll });
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

/** Threads of which it is known where they will have left; none unless it is known of each. */
function onTheirWay(busy: readonly BusyPosition[], hazards: readonly Hazard[]): ThreadOnItsWay[] {
  const onWay = busy.flatMap(({ position: { tid }, trace }) => {
    const way = trace && findWayOut(trace, hazards);
    return way === undefined ? [] : [{ tid, way }];
  });
  return onWay.length === busy.length ? onWay : [];
}

function namedTraces(
  busy: readonly BusyPosition[],
  backtracer: Backtracer | undefined,
): ThreadTrace[] {
  return busy.flatMap(({ position: { tid }, trace }) =>
    trace === undefined || backtracer === undefined ? [] : [backtracer.name(tid, trace)],
  );
}
