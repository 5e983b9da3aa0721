/**
 * System calls made on a thread of the target that did not ask for them.
 *
 * hcr may be killed at any instruction; the kernel then detaches the thread and lets it run with
 * whatever registers it has. So a call is never made from bare hijacked registers: a signal frame
 * with the thread's whole state is put below its stack, and the stack pointer is set so that the
 * gadget's `ret` after the call leads to rt_sigreturn, which brings the thread back by itself.
 * While hcr lives it never gets there: the registers are put back with ptrace, so that a system
 * call that the kernel was about to restart still is.
 *
 * Order matters. In: registers, then the signal mask; out: the mask, then the registers. The other
 * order leaves all signals blocked after a kill. The call is stepped over with two syscall stops;
 * a single step would leave the trap flag set when hcr dies, and SIGTRAP kills the program.
 *
 * @see ptrace(2), rt_sigreturn(2), linux/arch/x86/kernel/signal_64.c
 */
import type { InjectionFrame } from '../arch/injection.js';
import type { Addr, Tid } from '../core/address.js';
import { HcrError, isHcrError } from '../core/failure.js';
import { seizeFailure } from './attach-failure.js';
import { type Gadgets, findGadgets } from './gadgets.js';
import { repeatInterruptedCall } from './interrupted-call.js';
import {
  assertNoShadowStack,
  awaitStop,
  frameOn,
  giveBack,
  interruptAndWait,
  stepToInterruption,
  threadsThatCanStop,
} from './one-thread.js';
import type { TargetProcess } from './process.js';
import { type Mapping, hasThreadEnded, listThreads } from './procfs.js';
import { type PlannedCall, Sandbox } from './sandbox.js';
import { stackFloor } from './stack-room.js';
import { Tracee } from './tracee.js';

const ALL_SIGNALS = new Uint8Array(8).fill(0xff);
/** Room that must be left below the frame. */
const STACK_ROOM_BYTES = 4096;
const PATIENCE_MS = 1000;
const RETRY_MICROS = 2000;

interface Wanted {
  readonly gadgets: Gadgets;
  readonly scratchBytes: number;
  readonly planned: readonly PlannedCall[];
  readonly mappings: readonly Mapping[];
}

/** A thread that stands ready to make system calls. Dropping it puts the thread back. */
export class RemoteCalls implements Disposable {
  private readonly target: TargetProcess;
  private readonly tracee: Tracee;
  private readonly sandbox: Sandbox;
  private readonly original: Uint8Array;
  private readonly originalMask: Uint8Array;
  private readonly frame: InjectionFrame;
  private readonly overwritten: Uint8Array;
  private entered = false;
  private disposed = false;

  private constructor(
    target: TargetProcess,
    tracee: Tracee,
    sandbox: Sandbox,
    frame: InjectionFrame,
    mask: Uint8Array,
  ) {
    this.target = target;
    this.tracee = tracee;
    this.sandbox = sandbox;
    this.original = frame.original;
    this.originalMask = mask;
    this.frame = frame;
    this.overwritten = target.memory.read(frame.start, frame.bytes.length);
    target.memory.writeData(frame.start, frame.bytes);
  }

  /**
   * Stops one thread and prepares its stack; the other threads run on.
   * @param scratchBytes memory for the calls' arguments, at {@link scratch}
   * @param planned the calls that will be made, as far as they are known: a thread under seccomp is
   *   taken only when none of them can end it
   * @throws HcrError `busy` when no thread has a stack that may be used, `unsupported-target` when
   *   calls could end the target, `attach-denied`, `target-exited`, `target-replaced`
   */
  static prepare(
    target: TargetProcess,
    scratchBytes: number,
    planned: readonly PlannedCall[] = [],
  ): RemoteCalls {
    const { pid, machine, libc } = target;
    assertNoShadowStack(pid);
    const mappings = target.maps();
    const gadgets = findGadgets(target.memory, mappings, machine.injection);
    const wanted = { gadgets, scratchBytes, planned, mappings };
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      // A call that cannot be made again would end with EINTR if hcr died now: first a thread that
      // is in none, then any.
      let refusal: HcrError | undefined;
      for (const accept of ['undisturbed', 'any'] as const) {
        for (const tid of threadsThatCanStop(pid)) {
          try {
            const calls = RemoteCalls.on(target, tid, wanted, accept);
            if (calls !== undefined) return calls;
          } catch (error) {
            if (!isHcrError(error, 'unsupported-target')) throw error;
            refusal = error;
          }
        }
      }
      if (refusal !== undefined) throw refusal;
      if (listThreads(pid).length === 0)
        throw new HcrError({ code: 'target-exited', pid, how: 'all its threads ended' });
      if (performance.now() > deadline) throw noThread();
      libc.sleepMicros(RETRY_MICROS);
    }
  }

  private static on(
    target: TargetProcess,
    tid: Tid,
    { gadgets, scratchBytes, planned, mappings }: Wanted,
    accept: 'undisturbed' | 'any',
  ): RemoteCalls | undefined {
    const { pid, machine, tracing } = target;
    const tracee = tracing.acquire(tid);
    if (!(tracee instanceof Tracee)) {
      if (hasThreadEnded(pid, tid)) return undefined;
      throw seizeFailure(pid, -tracee);
    }
    let taken = false;
    try {
      if (!interruptAndWait(target, tracee)) return undefined;
      target.memory.assertSameProgram();
      const prepared = frameOn(target, tracee, gadgets, scratchBytes);
      const { original } = prepared.frame;
      if (
        accept === 'undisturbed' &&
        machine.registers.interruptedSyscall(original)?.repeatable === false
      )
        return undefined;
      const floor = stackFloor(target, mappings, {
        tid,
        stackPointer: machine.registers.stackPointer(original),
        threadPointer: machine.registers.threadPointer(original),
      });
      if (floor === undefined || prepared.frame.start - STACK_ROOM_BYTES < floor) return undefined;
      const sandbox = Sandbox.enter(target, tracee, planned);
      const calls = new RemoteCalls(target, tracee, sandbox, prepared.frame, prepared.mask);
      taken = true;
      return calls;
    } finally {
      if (!taken) giveBack(target, tracee);
    }
  }

  /** Memory in the target, as many bytes as were asked for. */
  get scratch(): Addr {
    return this.frame.scratch;
  }

  get tid(): Tid {
    return this.tracee.tid;
  }

  /** Makes one system call.
   *  @returns its result, negative errno on failure
   *  @throws HcrError `unsupported-target` when it would end the target, and is not made */
  call(number: number, ...args: readonly number[]): number {
    this.sandbox.assertSurvives({ number, args });
    this.tracee.writeRegisters(
      this.target.machine.injection.syscallRegisters(this.frame, number, args),
    );
    if (!this.entered) {
      this.tracee.writeSignalMask(ALL_SIGNALS);
      this.entered = true;
    }
    this.stepToSyscall();
    this.stepToSyscall();
    return this.target.machine.injection.syscallResult(this.tracee.readRegisters());
  }

  /** All signals are blocked but SIGSTOP, which is passed on: the thread then stops with the others,
   *  goes on for us, and stops again when it is let go. */
  private stepToSyscall(): void {
    let signal = 0;
    do {
      this.tracee.continueToSyscall(signal);
      const stop = awaitStop(this.target, this.tracee);
      signal = stop.kind === 'signal' ? stop.signal : 0;
    } while (this.tracee.stop?.kind !== 'syscall');
  }

  /** Puts the thread back where it was and lets it go. */
  [Symbol.dispose](): void {
    if (this.disposed) return;
    this.disposed = true;
    if (this.tracee.isGone()) return;
    try {
      if (this.entered) {
        stepToInterruption(this.target, this.tracee);
        this.tracee.writeSignalMask(this.originalMask);
        this.tracee.writeRegisters(this.original);
      }
      this.target.memory.writeData(this.frame.start, this.overwritten);
      repeatInterruptedCall(this.tracee, this.original, this.target.machine.registers);
    } catch (error) {
      if (!(error instanceof HcrError && error.code === 'target-exited')) throw error;
    } finally {
      this.sandbox.leave();
      this.target.tracing.release([this.tracee]);
    }
  }
}

function noThread(): HcrError {
  return new HcrError({
    code: 'busy',
    detail:
      'no thread can be stopped where its stack has room for a system call (all are in vfork or in the kernel, or on stacks that the program made itself)',
    threads: [],
    waitedMs: PATIENCE_MS,
  });
}
