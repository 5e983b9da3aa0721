/**
 * Threads that were asked to stop and did not in time: they are in a system call that nothing
 * interrupts, or the machine is busy. They cannot be detached before they have stopped, and would
 * then stand still for as long as hcr lives; so somebody has to wait for them.
 *
 * The kernel does it for an hcr that ends. One that goes on, as `hcr watch` does, looks after them
 * here.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Tid } from '../core/address.js';
import { isHcrError } from '../core/failure.js';
import type { Tracee } from './tracee.js';

const LOOK_MS = 20;
const AWAIT_LOOK_MS = 2;
const RETRY_MS = 5;

interface LateTracee {
  readonly tracee: Tracee;
  readonly prepare: (tracee: Tracee) => void;
}

const late = new Map<Tid, LateTracee>();
let timer: NodeJS.Timeout | undefined;

/** @param prepare what is to be done to each when it has stopped, before it goes on */
export function letGoLater(tracees: readonly Tracee[], prepare: (tracee: Tracee) => void): void {
  for (const tracee of tracees) late.set(tracee.tid, { tracee, prepare });
  if (late.size === 0 || timer !== undefined) return;
  timer = setInterval(look, LOOK_MS);
  // hcr does not stay for them.
  timer.unref();
}

/** One that is needed again, still traced. */
export function takeLate(tid: Tid): Tracee | undefined {
  const found = late.get(tid);
  late.delete(tid);
  return found?.tracee;
}

/** Waits until one of them has stopped, and a moment when there are none. It is kept standing for a
 *  caller that takes it at once: so a thread is caught that calls vfork over and over. */
export async function awaitLate(deadlineMs: number): Promise<void> {
  clearInterval(timer);
  timer = undefined;
  const hasOne = (): boolean =>
    [...late.values()].some(({ tracee }) => tracee.poll() !== undefined);
  do await delay(late.size === 0 ? RETRY_MS : AWAIT_LOOK_MS);
  while (late.size > 0 && performance.now() < deadlineMs && !hasOne());
  letGoLater([], () => undefined);
}

function look(): void {
  for (const [tid, { tracee, prepare }] of late) {
    if (tracee.stop === undefined && tracee.poll() === undefined) continue;
    late.delete(tid);
    if (!tracee.isGone()) letGo(tracee, prepare);
  }
  if (late.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}

function letGo(tracee: Tracee, prepare: (tracee: Tracee) => void): void {
  try {
    prepare(tracee);
  } catch (error) {
    if (!isHcrError(error, 'target-exited')) throw error;
  }
  tracee.detach();
}
