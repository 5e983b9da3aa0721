/** Whether a program goes on as if nothing had happened. */
import { type Slot, type Target, nap, ownMask } from './target.js';

/** Only a thread that hangs takes so long, however busy the machine is. */
const PATIENCE_MS = 60_000;
/** A turn may have begun before; the second has not. */
const TURNS = 2;

/** The target was harmed. */
export class Loss extends Error {}

/**
 * Waits until every thread has come round again and looks at what they saw.
 * @param before what they had seen
 * @param isKilled whether an hcr was killed meanwhile: then a thread that it had stopped in a call
 *   which the kernel does not restart may have seen EINTR, once
 * @throws Loss
 */
export async function assertGoesOn(
  target: Target,
  before: readonly Slot[],
  isKilled: boolean,
): Promise<void> {
  const start = target.slots;
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    if (!target.isAlive) throw new Loss('the target died');
    const complaint = complaintAbout(target, start);
    if (complaint === undefined) break;
    if (performance.now() > deadline) throw new Loss(complaint);
    await nap();
  }
  const now = target.slots;
  now.forEach((slot, i) => {
    const was = before[i];
    if (was === undefined) return;
    if (slot.wrong !== was.wrong) throw new Loss(`thread ${slot.tid} computed a wrong result`);
    if (slot.broken !== was.broken)
      throw new Loss(
        `thread ${slot.tid} saw errno ${slot.lastError} after ${slot.lastMicros} µs in a wait of kind ${slot.lastKind}`,
      );
    if (slot.interrupted - was.interrupted > (isKilled ? 1 : 0))
      throw new Loss(
        `thread ${slot.tid} saw EINTR ${slot.interrupted - was.interrupted} times${isKilled ? ' of one kill' : ''}`,
      );
  });
}

/** What is not as it should be yet. */
function complaintAbout(target: Target, start: readonly Slot[]): string | undefined {
  const stuck = target.slots.find(({ turns }, i) => turns < (start[i]?.turns ?? 0) + TURNS);
  if (stuck !== undefined) return `thread ${stuck.tid} does not go on`;
  const { threads, masks } = target;
  if (threads.length !== masks.size) return `it has ${threads.length} threads, not ${masks.size}`;
  for (const thread of threads) {
    const { tid, state, tracerPid } = thread;
    if (!'RSD'.includes(state)) return `thread ${tid} is in state ${state}`;
    if (tracerPid !== 0) return `thread ${tid} is traced by ${tracerPid}`;
    const [mask, own] = [ownMask(thread), masks.get(tid)];
    if (mask !== own) return `thread ${tid} blocks ${String(mask)}, not ${String(own)}`;
  }
  return undefined;
}
