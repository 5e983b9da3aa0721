/**
 * One thread of the target, stopped and used by itself while the others run: which may be taken, how
 * it comes to a stop that can be undone, the frame that brings it back, and how it is let go.
 */
import type { InjectionFrame } from '../arch/injection.js';
import { type Pid, type Tid, addr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Gadgets } from './gadgets.js';
import { repairInterruptedCall } from './interrupted-call.js';
import type { Libc } from './libc.js';
import type { TargetProcess } from './process.js';
import { hasThreadEnded, listThreads, readProcessStatus, readThreadStatus } from './procfs.js';
import type { StopReason } from './requests.js';
import { leaveRestartableSequence } from './restartable-sequence.js';
import type { Tracee } from './tracee.js';

const NAP_MICROS = 20;
/** A thread that takes longer than this is in the kernel: another is taken. */
const STOP_WAIT_MS = 100;

/** @throws HcrError `target-exited` */
export function awaitStop({ libc, pid }: TargetProcess, tracee: Tracee): StopReason {
  const stop = waitFor(libc, tracee, Number.POSITIVE_INFINITY);
  if (stop !== undefined && !tracee.isGone()) return stop;
  throw new HcrError({
    code: 'target-exited',
    pid,
    how: 'it ended during a system call',
  });
}

/** From a syscall-exit stop the kernel would not look at the restart codes again; it does so on the
 *  way out of an interruption.
 *  @throws HcrError `target-exited` */
export function stepToInterruption(target: TargetProcess, tracee: Tracee): void {
  let signal = 0;
  for (;;) {
    tracee.interrupt();
    tracee.continue(signal);
    const stop = awaitStop(target, tracee);
    if (stop.kind === 'interrupted' || stop.kind === 'group-stop') return;
    signal = stop.kind === 'signal' ? stop.signal : 0;
  }
}

/** @throws HcrError `unsupported-target` */
export function assertNoShadowStack(pid: Pid): void {
  if (!readProcessStatus(pid).hasShadowStack) return;
  throw new HcrError({
    code: 'unsupported-target',
    pid,
    detail: 'it has a shadow stack, which does not let a thread return from an injected call',
  });
}

/** Threads that are worth a try, those under seccomp last. */
export function* threadsThatCanStop(pid: Pid): Generator<Tid> {
  const filtered: Tid[] = [];
  for (const tid of listThreads(pid)) {
    const status = readThreadStatus(pid, tid);
    // One in an uninterruptible wait, such as for the child of vfork, would stop who knows when.
    if (status === undefined || status.state === 'D' || hasThreadEnded(pid, tid)) continue;
    if (status.seccomp === 0) yield tid;
    else filtered.push(tid);
  }
  yield* filtered;
}

/** False when the thread does not come to a plain stop: leave it alone. */
export function interruptAndWait({ libc, tracing }: TargetProcess, tracee: Tracee): boolean {
  // It stands already, and is to stand on.
  if (tracee.stop !== undefined) return isPlainStop(tracee.stop);
  const deadline = performance.now() + STOP_WAIT_MS;
  tracee.interrupt();
  for (;;) {
    const stop = waitFor(libc, tracee, deadline);
    if (stop === undefined || stop.kind === 'exited' || stop.kind === 'killed') return false;
    if (stop.kind === 'exec') {
      throw new HcrError({
        code: 'target-replaced',
        pid: tracee.tid,
        detail: 'before anything was changed',
      });
    }
    if (isPlainStop(stop)) return true;
    // Let the signal through, or the new thread start, first; the stop has used up the interruption.
    tracing.pass(tracee);
    tracee.interrupt();
  }
}

function isPlainStop({ kind }: StopReason): boolean {
  return kind === 'interrupted' || kind === 'group-stop';
}

function waitFor(libc: Libc, tracee: Tracee, deadlineMs: number): StopReason | undefined {
  for (let round = 0; ; round++) {
    // The clock first: where hcr itself was not let run, the thread has stopped meanwhile.
    const isLate = performance.now() > deadlineMs;
    const stop = tracee.poll();
    if (stop !== undefined || isLate) return stop;
    if (round < 1000) libc.yieldProcessor();
    else libc.sleepMicros(NAP_MICROS);
  }
}

/** Lets a thread go that was not used. */
export function giveBack({ machine, tracing }: TargetProcess, tracee: Tracee): void {
  const repair = (): void => {
    repairInterruptedCall(tracee, machine.registers);
  };
  repair();
  tracing.release([tracee], repair);
}

/** Its registers, with the call that it waits in as the program made it. */
export function readFirstMade(
  { memory, machine: { registers } }: TargetProcess,
  tracee: Tracee,
): Uint8Array {
  const values = tracee.readRegisters();
  const { callCodeBytes } = registers;
  const code = memory.tryRead(
    addr(Math.max(0, registers.pc(values) - callCodeBytes)),
    callCodeBytes,
  );
  return code === undefined ? values : registers.asFirstMade(values, code);
}

/** The frame that brings a stopped thread back to where it is, and its signal mask. */
export function frameOn(
  target: TargetProcess,
  tracee: Tracee,
  gadgets: Gadgets,
  scratchBytes: number,
): { readonly frame: InjectionFrame; readonly mask: Uint8Array } {
  const { machine } = target;
  const mask = tracee.readSignalMask();
  const frame = machine.injection.buildFrame({
    registers: leaveRestartableSequence(target, tracee, readFirstMade(target, tracee)),
    extended: tracee.readRegisterSet(machine.registers.extendedSet),
    signalMask: mask,
    syscallGadget: gadgets.syscall,
    sigreturnGadget: gadgets.sigreturn,
    scratchBytes,
  });
  return { frame, mask };
}
