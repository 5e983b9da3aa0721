/**
 * Calls of functions of the program, on a thread that stands at a safe point while the others run.
 *
 * The function may take its time and do what it likes, so hcr may be killed in the middle: the thread
 * then finishes it and returns into a signal frame, as an injected system call does (remote-calls),
 * and rt_sigreturn brings it back. An interrupted wait is then made again with its whole timeout.
 *
 * While hcr lives it catches the thread as it enters rt_sigreturn, and puts its registers back with
 * ptrace, so that the kernel itself goes on with the wait: with what was left of the timeout, or with
 * EINTR when a signal has come. Signals are blocked meanwhile for that reason, but for those of
 * faults. The kernel remembers one wait of a thread: a function that sleeps, or is stopped by job
 * control, makes it forget the one before, which then begins anew, with its whole timeout.
 *
 * Order as for system calls: in, registers before the signal mask; out, the mask before them.
 */
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { InjectionFrame } from '../arch/injection.js';
import type { Addr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { findGadgets } from './gadgets.js';
import { repairInterruptedCall, repeatInterruptedCall } from './interrupted-call.js';
import {
  assertNoShadowStack,
  awaitStop,
  frameOn,
  giveBack,
  stepToInterruption,
} from './one-thread.js';
import type { TargetProcess } from './process.js';
import type { Mapping } from './procfs.js';
import type { StopReason } from './requests.js';
import { Sandbox } from './sandbox.js';
import { stackFloor } from './stack-room.js';
import type { Tracee } from './tracee.js';

/** A stack smaller than this is left to those who know what runs on it. */
const STACK_ROOM_BYTES = 65536;
/** The stack of the first thread grows by itself. */
const GROWING_STACK_ROOM_BYTES = 4096;
/** Looks without giving the event loop its turn: most functions are short. */
const BRISK_LOOKS = 20;
const BRISK_NAP_MICROS = 20;
const LOOK_MS = 1;
/** For a thread that is asked to stop in the middle. */
const STOP_WAIT_MS = 200;
/** The kernel's answer for waits that it goes on with by what it remembers of them. */
const ERESTART_RESTARTBLOCK = 516;

const FAULTS = (
  ['SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGSEGV', 'SIGSYS'] as const
).map((name) => constants.signals[name]);

export type CallEnd =
  | { readonly kind: 'returned' }
  /** It runs on and finishes without hcr. */
  | { readonly kind: 'overdue' }
  /** It runs on, with what a fault leads to. */
  | { readonly kind: 'faulted'; readonly signal: number }
  /** Its thread is no more. */
  | { readonly kind: 'ended' };

/** A stopped thread on which functions are called. Dropping it puts the thread back. */
export class FunctionCaller implements Disposable {
  private readonly target: TargetProcess;
  private readonly tracee: Tracee;
  private readonly sandbox: Sandbox;
  private readonly frame: InjectionFrame;
  private readonly mask: Uint8Array;
  private readonly extended: Uint8Array;
  /** `idle`: nothing was done to it; `inside`: it stands above the frame; `gone`: it runs on by
   *  itself, or is back at what it did. */
  private state: 'idle' | 'inside' | 'gone' = 'idle';
  /** Whether the kernel may have forgotten the wait that the thread was in. */
  private wasForgotten = false;
  private disposed = false;

  private constructor(
    target: TargetProcess,
    tracee: Tracee,
    sandbox: Sandbox,
    { frame, mask }: ReturnType<typeof frameOn>,
  ) {
    this.target = target;
    this.tracee = tracee;
    this.sandbox = sandbox;
    this.frame = frame;
    this.mask = mask;
    this.extended = tracee.readRegisterSet(target.machine.registers.extendedSet);
  }

  /**
   * @param tracee stands at a safe point; it is given back with the caller, or by whoever asked when
   *   this fails
   * @returns undefined when its stack has no room
   * @throws HcrError `unsupported-target` where a thread could not come back
   */
  static on(
    target: TargetProcess,
    tracee: Tracee,
    mappings: readonly Mapping[],
  ): FunctionCaller | undefined {
    const { machine, memory } = target;
    assertNoShadowStack(target.pid);
    memory.assertSameProgram();
    const prepared = frameOn(target, tracee, findGadgets(memory, mappings, machine.injection), 0);
    const { original, start } = prepared.frame;
    const floor = stackFloor(target, mappings, {
      tid: tracee.tid,
      stackPointer: machine.registers.stackPointer(original),
      threadPointer: machine.registers.threadPointer(original),
    });
    const isFirst = Number(tracee.tid) === Number(target.pid);
    const room = isFirst ? GROWING_STACK_ROOM_BYTES : STACK_ROOM_BYTES;
    if (floor === undefined || start - room < floor) return undefined;
    return new FunctionCaller(target, tracee, Sandbox.enter(target, tracee, []), prepared);
  }

  /** Whether another function can be called. */
  get canGoOn(): boolean {
    return this.state !== 'gone';
  }

  /**
   * Calls one function and waits until it has returned.
   * @param deadlineMs `performance.now()` after which it is left to itself
   * @throws HcrError `target-exited`, `target-replaced`
   */
  async call(entry: Addr, argument: number, deadlineMs: number): Promise<CallEnd> {
    const { tracee, frame, target } = this;
    const { functionCalls, registers } = target.machine;
    target.memory.writeData(frame.start, frame.bytes);
    tracee.writeRegisters(functionCalls.registers(frame, entry, argument));
    if (this.state === 'idle') {
      this.state = 'inside';
      tracee.writeSignalMask(withoutFaults(this.mask));
    }
    tracee.writeRegisterSet(registers.extendedSet, functionCalls.extendedState(this.extended));
    target.tracing.reserve(tracee);
    tracee.stopsAtSyscalls = true;
    try {
      tracee.continue();
      return await this.awaitEnd(deadlineMs);
    } finally {
      tracee.stopsAtSyscalls = false;
    }
  }

  private async awaitEnd(deadlineMs: number): Promise<CallEnd> {
    let isAsked = false;
    for (;;) {
      const stop = await this.nextStop(isAsked ? deadlineMs + STOP_WAIT_MS : deadlineMs);
      if (stop === undefined && !isAsked) {
        isAsked = true;
        this.tracee.interrupt();
        continue;
      }
      if (stop === undefined || (isAsked && stop.kind === 'interrupted')) {
        this.state = 'gone';
        return { kind: 'overdue' };
      }
      const end = this.take(stop);
      if (end !== undefined) return end;
    }
  }

  private async nextStop(deadlineMs: number): Promise<StopReason | undefined> {
    for (let look = 0; ; look++) {
      const stop = this.tracee.stop ?? this.tracee.poll();
      if (stop !== undefined) return stop;
      if (performance.now() > deadlineMs) return undefined;
      if (look < BRISK_LOOKS) this.target.libc.sleepMicros(BRISK_NAP_MICROS);
      else await delay(LOOK_MS);
    }
  }

  /** @returns undefined when the function goes on */
  private take(stop: StopReason): CallEnd | undefined {
    const { tracee, target, frame } = this;
    switch (stop.kind) {
      case 'exited':
      case 'killed':
        this.state = 'gone';
        return { kind: 'ended' };
      case 'exec':
        this.state = 'gone';
        throw new HcrError({
          code: 'target-replaced',
          pid: target.pid,
          detail: 'by a hook of its own',
        });
      case 'signal':
        if (FAULTS.includes(stop.signal)) {
          this.state = 'gone';
          return { kind: 'faulted', signal: stop.signal };
        }
        this.wasForgotten = true;
        break;
      case 'group-stop':
        this.wasForgotten = true;
        break;
      case 'syscall': {
        const regs = tracee.readRegisters();
        const { functionCalls } = target.machine;
        this.wasForgotten ||= functionCalls.forgetsWait(regs);
        if (!functionCalls.isReturning(frame, regs)) break;
        this.catchReturn(regs);
        return { kind: 'returned' };
      }
      case 'interrupted':
      case 'clone':
        break;
    }
    target.tracing.pass(tracee);
    return undefined;
  }

  /** Instead of rt_sigreturn no call is made. A seccomp filter is asked of that as well, and may not
   *  like it: such a thread goes its own way. */
  private catchReturn(regs: Uint8Array): void {
    const { tracee, target, frame } = this;
    if (this.sandbox.isFiltered) this.state = 'gone';
    else tracee.writeRegisters(target.machine.functionCalls.stayingRegisters(frame, regs));
    tracee.continue();
    awaitStop(target, tracee);
  }

  /** Puts the thread back where it was, unless it is on its own way, and lets it go. */
  [Symbol.dispose](): void {
    if (this.disposed) return;
    this.disposed = true;
    const { tracee, target } = this;
    if (tracee.isGone()) return;
    try {
      if (this.state === 'inside') {
        stepToInterruption(target, tracee);
        const { registers } = target.machine;
        const back = this.wayBack();
        tracee.writeSignalMask(this.mask);
        tracee.writeRegisterSet(registers.extendedSet, this.extended);
        tracee.writeRegisters(back);
        repeatInterruptedCall(tracee, back, registers);
      } else if (tracee.stop?.kind === 'interrupted') {
        repairInterruptedCall(tracee, target.machine.registers);
      }
    } catch (error) {
      if (!(error instanceof HcrError && error.code === 'target-exited')) throw error;
    } finally {
      this.sandbox.leave();
      if (tracee.stop === undefined) giveBack(target, tracee);
      else target.tracing.release([tracee]);
    }
  }

  /** A wait that the kernel has forgotten is made anew. */
  private wayBack(): Uint8Array {
    const { registers } = this.target.machine;
    const { original } = this.frame;
    const isRemembered = registers.interruptedSyscall(original)?.errno === ERESTART_RESTARTBLOCK;
    return isRemembered && this.wasForgotten ? registers.restartSyscall(original) : original;
  }
}

/** A signal mask that blocks all but what cannot wait.
 *  @param mask the kernel's 8 bytes */
function withoutFaults(mask: Uint8Array): Uint8Array {
  const faults = FAULTS.reduce((set, signal) => set | (1n << BigInt(signal - 1)), 0n);
  const before = new DataView(mask.buffer, mask.byteOffset, mask.byteLength).getBigUint64(0, true);
  const blocked = new Uint8Array(mask.length);
  new DataView(blocked.buffer).setBigUint64(0, before | BigInt.asUintN(64, ~faults), true);
  return blocked;
}
