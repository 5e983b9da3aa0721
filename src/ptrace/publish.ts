/**
 * Makes entries lead elsewhere: stop, check the threads, write, resume. The only step of a patch
 * that stops the whole target; all that can fail has happened before it.
 */
import type { AddrRange } from '../core/address.js';
import { HcrError, isHcrError } from '../core/failure.js';
import type { CodeWrite } from '../patch/ledger.js';
import {
  type Busy,
  type Hazard,
  HazardSearch,
  type ThreadPosition,
  findBusy,
  isInside,
} from '../patch/safety.js';
import { CodeWriter } from './code-writer.js';
import type { TargetProcess } from './process.js';
import { StoppedWorld } from './stopped-world.js';
import { StackReader } from './thread-stacks.js';

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
  const writer = new CodeWriter(target, writes);
  const search = new HazardSearch(hazards);
  const start = performance.now();
  for (let attempts = 1; ; attempts++) {
    let reason: string;
    let busyThreads: readonly number[];
    const world = new StoppedWorld(target);
    try {
      const stacks = new StackReader(target);
      const threads: ThreadPosition[] = [];
      const busy: Busy[] = [];
      world.stop(performance.now() + STOP_MS, (stopped) => {
        const located = stacks.locate(stopped);
        threads.push(...located);
        busy.push(...findBusy(located, search));
        return busy.length === 0;
      });
      if (busy.length === 0) {
        writer.write();
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
