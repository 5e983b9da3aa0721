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
import type { Injection, InjectionFrame } from '../arch/arch.js';
import { type Addr, type Tid, contains, offsetBy } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { seizeFailure } from './attach-failure.js';
import { repeatInterruptedCall } from './interrupted-call.js';
import type { Libc } from './libc.js';
import type { TargetProcess } from './process.js';
import type { ProcessMemory } from './process-memory.js';
import {
  type Mapping,
  listThreads,
  mappingAt,
  readProcessStatus,
  readThreadStatus,
} from './procfs.js';
import type { StopReason } from './requests.js';
import { Tracee } from './tracee.js';

const ALL_SIGNALS = new Uint8Array(8).fill(0xff);
/** Room that must be left below the stack pointer in its mapping, beyond the frame. */
const STACK_ROOM_BYTES = 4096;
const NAP_MICROS = 20;
const STOP_WAIT_MS = 500;

/** Addresses of the instruction sequences that calls go through. */
export interface Gadgets {
  readonly syscall: Addr;
  readonly sigreturn: Addr;
}

/** Looks for the gadgets in the executable mappings of the process, the vdso included.
 *  @throws HcrError `unsupported-target` when it has none */
export function findGadgets(
  memory: ProcessMemory,
  mappings: readonly Mapping[],
  injection: Injection,
): Gadgets {
  let syscall: Addr | undefined;
  let sigreturn: Addr | undefined;
  // The vdso and libc hold both; big executables are looked at last.
  const candidates = mappings
    .filter((mapping) => mapping.executable && mapping.readable)
    .sort((a, b) => rank(a) - rank(b));
  for (const mapping of candidates) {
    const code = memory.tryRead(mapping.start, mapping.end - mapping.start);
    if (code === undefined) continue;
    syscall ??= findBytes(code, mapping.start, injection.syscallGadgets);
    sigreturn ??= findBytes(code, mapping.start, injection.sigreturnGadgets);
    if (syscall !== undefined && sigreturn !== undefined) return { syscall, sigreturn };
  }
  throw new HcrError({
    code: 'unsupported-target',
    pid: memory.pid,
    detail:
      'it maps no code that makes a system call and returns, or none that returns from a signal',
  });
}

function rank(mapping: Mapping): number {
  if (/\/libc[.-]/.test(mapping.path)) return 0;
  return mapping.path === '[vdso]' ? 1 : 2;
}

function findBytes(
  code: Uint8Array,
  start: Addr,
  patterns: readonly Uint8Array[],
): Addr | undefined {
  const bytes = Buffer.from(code.buffer, code.byteOffset, code.byteLength);
  for (const pattern of patterns) {
    const at = bytes.indexOf(pattern);
    if (at >= 0) return offsetBy(start, at);
  }
  return undefined;
}

/** A thread that stands ready to make system calls. Dropping it puts the thread back. */
export class RemoteCalls implements Disposable {
  private readonly target: TargetProcess;
  private readonly tracee: Tracee;
  private readonly original: Uint8Array;
  private readonly originalMask: Uint8Array;
  private readonly frame: InjectionFrame;
  private readonly overwritten: Uint8Array;
  private entered = false;
  private disposed = false;

  private constructor(
    target: TargetProcess,
    tracee: Tracee,
    frame: InjectionFrame,
    mask: Uint8Array,
  ) {
    this.target = target;
    this.tracee = tracee;
    this.original = frame.original;
    this.originalMask = mask;
    this.frame = frame;
    this.overwritten = target.memory.read(frame.start, frame.bytes.length);
    target.memory.writeData(frame.start, frame.bytes);
  }

  /**
   * Stops one thread and prepares its stack; the other threads run on.
   * @param scratchBytes memory for the calls' arguments, at {@link scratch}
   * @throws HcrError `busy` when no thread has a stack that may be used, `unsupported-target` when
   *   calls could end the target, `attach-denied`, `target-exited`
   */
  static prepare(target: TargetProcess, scratchBytes: number): RemoteCalls {
    const { pid, machine } = target;
    assertCallable(target);
    const mappings = target.maps();
    const gadgets = findGadgets(target.memory, mappings, machine.injection);
    // A call that cannot be made again would end with EINTR if hcr died now: first a thread that is
    // in none, then any.
    for (const accept of ['undisturbed', 'any'] as const) {
      for (const tid of listThreads(pid)) {
        const calls = RemoteCalls.on(target, tid, gadgets, mappings, scratchBytes, accept);
        if (calls !== undefined) return calls;
      }
    }
    if (listThreads(pid).length === 0)
      throw new HcrError({ code: 'target-exited', pid, how: 'all its threads ended' });
    throw new HcrError({
      code: 'busy',
      detail: 'no thread can be stopped where its stack has room',
      threads: [],
      waitedMs: STOP_WAIT_MS,
    });
  }

  private static on(
    target: TargetProcess,
    tid: Tid,
    gadgets: Gadgets,
    mappings: readonly Mapping[],
    scratchBytes: number,
    accept: 'undisturbed' | 'any',
  ): RemoteCalls | undefined {
    const { pid, machine, tracing } = target;
    const tracee = tracing.acquire(tid);
    if (!(tracee instanceof Tracee)) {
      const status = readThreadStatus(pid, tid);
      if (status === undefined || status.state === 'Z' || status.state === 'X') return undefined;
      throw seizeFailure(pid, -tracee);
    }
    let taken = false;
    try {
      if (!interruptAndWait(target, tracee)) return undefined;
      const prepared = frameOn(target, tracee, gadgets, scratchBytes);
      const { original } = prepared.frame;
      if (
        accept === 'undisturbed' &&
        machine.registers.interruptedSyscall(original)?.repeatable === false
      )
        return undefined;
      const stack = mappingAt(mappings, machine.registers.stackPointer(original));
      if (stack === undefined || !isRoomyStack(stack, prepared.frame)) return undefined;
      const calls = new RemoteCalls(target, tracee, prepared.frame, prepared.mask);
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

  /** Makes one system call. @returns its result, negative errno on failure */
  call(number: number, ...args: readonly number[]): number {
    this.tracee.writeRegisters(
      this.target.machine.injection.syscallRegisters(this.frame, number, args),
    );
    if (!this.entered) {
      this.tracee.writeSignalMask(ALL_SIGNALS);
      this.entered = true;
    }
    this.tracee.continueToSyscall();
    this.awaitStop('syscall');
    this.tracee.continueToSyscall();
    this.awaitStop('syscall');
    return this.target.machine.injection.syscallResult(this.tracee.readRegisters());
  }

  private awaitStop(kind: StopReason['kind']): void {
    for (;;) {
      const stop = waitFor(this.target.libc, this.tracee, Number.POSITIVE_INFINITY);
      if (stop?.kind === kind) return;
      // Job control had stopped the thread before, and stops it again.
      if (kind === 'interrupted' && stop?.kind === 'group-stop') return;
      if (stop === undefined || stop.kind === 'exited' || stop.kind === 'killed') {
        throw new HcrError({
          code: 'target-exited',
          pid: this.target.pid,
          how: 'it ended during a system call',
        });
      }
      // All signals are blocked, so this is job control or an interruption: go on.
      if (kind === 'syscall') this.tracee.continueToSyscall();
      else this.tracee.continue();
    }
  }

  /** Puts the thread back where it was and lets it go. */
  [Symbol.dispose](): void {
    if (this.disposed) return;
    this.disposed = true;
    if (this.tracee.isGone()) return;
    try {
      if (this.entered) {
        // From a syscall-exit stop the kernel would not look at the restart codes again; it does
        // so on the way out of an interruption.
        this.tracee.interrupt();
        this.tracee.continue();
        this.awaitStop('interrupted');
        this.tracee.writeSignalMask(this.originalMask);
        this.tracee.writeRegisters(this.original);
      }
      this.target.memory.writeData(this.frame.start, this.overwritten);
      repeatInterruptedCall(this.tracee, this.original, this.target.machine.registers);
    } catch (error) {
      if (!(error instanceof HcrError && error.code === 'target-exited')) throw error;
    } finally {
      this.target.tracing.release([this.tracee]);
    }
  }
}

/** Refuses a target that a system call it did not expect could kill. */
function assertCallable({ pid }: TargetProcess): void {
  const status = readProcessStatus(pid);
  const refuse = (detail: string): never => {
    throw new HcrError({ code: 'unsupported-target', pid, detail });
  };
  // Filters are per thread, and some program installs one while hcr looks: any is one too many.
  if (listThreads(pid).some((tid) => (readThreadStatus(pid, tid)?.seccomp ?? 0) !== 0)) {
    refuse('it runs under seccomp, which may end it for the system calls that reserve memory');
  }
  if (status.hasShadowStack)
    refuse('it has a shadow stack, which does not let a thread return from an injected call');
}

function isRoomyStack(stack: Mapping, frame: InjectionFrame): boolean {
  return stack.writable && stack.isPrivate && contains(stack, frame.start - STACK_ROOM_BYTES);
}

/** False when the thread does not come to a plain stop: leave it alone. */
function interruptAndWait({ libc }: TargetProcess, tracee: Tracee): boolean {
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
    tracee.continue(stop.kind === 'signal' ? stop.signal : 0);
    tracee.interrupt();
  }
}

function isPlainStop({ kind }: StopReason): boolean {
  return kind === 'interrupted' || kind === 'group-stop';
}

function waitFor(libc: Libc, tracee: Tracee, deadlineMs: number): StopReason | undefined {
  for (let round = 0; ; round++) {
    const stop = tracee.poll();
    if (stop !== undefined) return stop;
    if (performance.now() > deadlineMs) return undefined;
    if (round < 1000) libc.yieldProcessor();
    else libc.sleepMicros(NAP_MICROS);
  }
}

/** Lets a thread go that was stopped and not used. */
function giveBack(target: TargetProcess, tracee: Tracee): void {
  if (tracee.isGone()) return;
  const { machine, tracing } = target;
  const prepare = (): void => {
    repeatInterruptedCall(tracee, tracee.readRegisters(), machine.registers);
  };
  if (tracee.stop !== undefined || interruptAndWait(target, tracee)) {
    if (tracee.stop?.kind === 'interrupted') prepare();
  }
  tracing.release([tracee], prepare);
}

function frameOn(
  { machine }: TargetProcess,
  tracee: Tracee,
  gadgets: Gadgets,
  scratchBytes: number,
): { readonly frame: InjectionFrame; readonly mask: Uint8Array } {
  const mask = tracee.readSignalMask();
  const frame = machine.injection.buildFrame({
    registers: tracee.readRegisters(),
    extended: tracee.readRegisterSet(machine.registers.extendedSet),
    signalMask: mask,
    syscallGadget: gadgets.syscall,
    sigreturnGadget: gadgets.sigreturn,
    scratchBytes,
  });
  return { frame, mask };
}
