/**
 * Stops a thread at the moment when it leaves the code that is in the way.
 *
 * A breakpoint there must harm nobody when hcr is killed. An `int3` in the program's code would end
 * it, a breakpoint in the debug registers of ptrace as well, for they stay when the tracer is gone,
 * and so would the trap flag that a single step leaves behind. A breakpoint of perf_event_open is
 * hcr's: the kernel takes it away when hcr's file is closed, however hcr ends. Nothing is written to
 * the target. It does not stop the thread by itself; it is asked to send a signal on each hit, one
 * that the program ignores and the thread does not block. A traced thread stops for such a signal,
 * at the very instruction, and hcr lets it go on without. If hcr is gone by then, the kernel drops
 * the signal, as it does with all that are ignored.
 *
 * Where there is no such breakpoint (perf_event_paranoid, a container, no debug register left, no
 * ignored signal), hcr looks again from time to time.
 * @see perf_event_open(2), "Overflow handling"; fcntl(2) F_SETOWN_EX, F_SETSIG; signal(7)
 */
import { constants } from 'node:os';
import type { Tid } from '../core/address.js';
import { isHcrError } from '../core/failure.js';
import { type WayOut, hasComeOut } from '../patch/way-out.js';
import { openBreakpoint } from './breakpoint.js';
import type { TargetProcess } from './process.js';
import { hasSignal, readThreadStatus } from './procfs.js';
import { StoppedWorld } from './stopped-world.js';
import { Tracee } from './tracee.js';

const LOOK_MS = 1;
/** Another thread may wait for what a held one has locked. */
const HOLD_MS = 20;

export interface ThreadOnItsWay {
  readonly tid: Tid;
  readonly way: WayOut;
}

interface Breakpoint extends ThreadOnItsWay {
  readonly signal: number;
  readonly close: () => void;
}

interface Watched extends Breakpoint {
  readonly tracee: Tracee;
}

/**
 * Waits until all of some threads have come to where they are out of the way.
 * @param deadlineMs `performance.now()` after which to give up
 * @returns all that are traced now, for the next stop to take over; those that have come out stand
 *   still. Empty where not all could be watched: then nothing was waited for.
 */
export async function awaitWaysOut(
  target: TargetProcess,
  threads: readonly ThreadOnItsWay[],
  deadlineMs: number,
): Promise<readonly Tracee[]> {
  const breakpoints = threads.flatMap((thread) => breakpointFor(target, thread) ?? []);
  const watched: Watched[] = [];
  try {
    if (breakpoints.length < threads.length) return [];
    for (const breakpoint of breakpoints) {
      const tracee = target.tracing.acquire(breakpoint.tid);
      if (tracee instanceof Tracee) watched.push({ ...breakpoint, tracee });
    }
    await untilAllAreOut(target, watched, deadlineMs);
  } catch (error) {
    new StoppedWorld(target, traceesOf(watched))[Symbol.dispose]();
    throw error;
  } finally {
    for (const { close } of breakpoints) close();
  }
  return traceesOf(watched);
}

function traceesOf(watched: readonly Watched[]): Tracee[] {
  return watched.map(({ tracee }) => tracee);
}

function breakpointFor(target: TargetProcess, thread: ThreadOnItsWay): Breakpoint | undefined {
  const signal = harmlessSignal(target, thread.tid);
  if (signal === undefined) return undefined;
  const close = openBreakpoint(target, thread.tid, thread.way.address, signal);
  return close && { ...thread, signal, close };
}

/** One that the program ignores, by default or by choice, and that the thread would take. */
function harmlessSignal({ pid }: TargetProcess, tid: Tid): number | undefined {
  const status = readThreadStatus(pid, tid);
  if (status === undefined) return undefined;
  const { SIGURG, SIGWINCH, SIGCHLD } = constants.signals;
  return [SIGURG, SIGWINCH, SIGCHLD].find((signal) => !hasSignal(status.takenSignals, signal));
}

async function untilAllAreOut(
  target: TargetProcess,
  watched: readonly Watched[],
  deadlineMs: number,
): Promise<void> {
  const out = new Map<Watched, number>();
  for (;;) {
    for (const one of watched) {
      if (!out.has(one) && isOut(target, one)) out.set(one, performance.now());
    }
    if (out.size === watched.length || performance.now() >= deadlineMs) return;
    for (const [one, since] of out) {
      if (performance.now() - since < HOLD_MS) continue;
      out.delete(one);
      goOn(one.tracee);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Takes what the thread reports; all but a hit on its way out passes as if nobody looked. */
function isOut({ machine, tracing }: TargetProcess, { tracee, signal, way }: Watched): boolean {
  try {
    if (!tracing.awaitSignal(tracee, signal)) return tracee.isGone();
    if (tracee.stop?.kind === 'exec') return true;
    const registers = tracee.readRegisters();
    const isAtWay = machine.registers.pc(registers) === way.address;
    // Ours, or one that the program ignores anyway: nobody misses it.
    tracee.swallowSignal();
    if (isAtWay && hasComeOut(way, machine.registers.stackPointer(registers))) return true;
    tracee.continue();
    return false;
  } catch (error) {
    return hasDied(tracee, error);
  }
}

function goOn(tracee: Tracee): void {
  if (tracee.stop?.kind !== 'interrupted') return;
  try {
    tracee.continue();
  } catch (error) {
    hasDied(tracee, error);
  }
}

/** Killed while it stood still: its end is reported next. */
function hasDied(tracee: Tracee, error: unknown): boolean {
  if (!isHcrError(error, 'target-exited')) throw error;
  tracee.stop = undefined;
  tracee.poll();
  return tracee.isGone();
}
