/**
 * One traced thread. A dropped tracee detaches.
 *
 * Threads are seized, never attached: PTRACE_ATTACH sends a SIGSTOP that the program can see and
 * that gets lost or duplicated when another comes. A seized thread runs on until it is interrupted.
 */
import { type Addr, type Tid, addr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { ERRNO, type Libc, type NativeBuffer } from './libc.js';
import {
  NT_PRSTATUS,
  PTRACE,
  PTRACE_OPTION,
  type StopReason,
  WAIT,
  stopReason,
} from './requests.js';
import { INSTRUCTION_BYTES } from './seccomp-filter.js';

const MAX_XSTATE_BYTES = 65536;
/** The kernel's sigset_t. */
const SIGNAL_SET_BYTES = 8;
const SIGNAL_INFO_BYTES = 128;

const SEQUENCE_CONFIGURATION_BYTES = 24;

/** Native memory that register requests go through; one is enough for all threads. */
export interface RegisterBuffer {
  readonly vector: NativeBuffer;
  readonly data: NativeBuffer;
}

export function allocateRegisterBuffer(libc: Libc): RegisterBuffer {
  return { vector: libc.allocate(16), data: libc.allocate(MAX_XSTATE_BYTES) };
}

/** It takes some microseconds, also on a machine with far too much to do. */
const SEIZE_SECONDS = 10;

export class Tracee {
  readonly tid: Tid;
  /** Why it stands still now; undefined while it runs. */
  stop: StopReason | undefined;
  /** Whether it stops at system calls whenever it is continued. */
  stopsAtSyscalls = false;
  private attached = true;
  private readonly libc: Libc;
  private readonly buffer: RegisterBuffer;
  private readonly options: number;

  private constructor(libc: Libc, buffer: RegisterBuffer, tid: Tid, options: number) {
    this.libc = libc;
    this.buffer = buffer;
    this.tid = tid;
    this.options = options;
  }

  /**
   * Starts tracing a thread, which goes on running.
   *
   * The kernel makes this wait for a thread that is in exec, and exec waits for the other threads to
   * end, which those that hcr traces do only when hcr takes note of it. Nothing but the end of hcr
   * gets the program out of that, so the kernel is asked to see to it.
   * @returns a negative errno when it cannot be had
   * @see de_thread in fs/exec.c of the kernel, and who holds cred_guard_mutex
   */
  static seize(libc: Libc, buffer: RegisterBuffer, tid: Tid, options: number): Tracee | number {
    libc.alarm(SEIZE_SECONDS);
    const result = libc.ptrace(PTRACE.SEIZE, tid, 0, options);
    libc.alarm(0);
    return result < 0 ? result : new Tracee(libc, buffer, tid, options);
  }

  /** A thread that the kernel traces for hcr already, as a new thread of a traced one is, with the
   *  same options. */
  static adopt(libc: Libc, buffer: RegisterBuffer, tid: Tid, options: number): Tracee {
    return new Tracee(libc, buffer, tid, options);
  }

  /** True when the thread has gone from under us. */
  isGone(): boolean {
    return this.stop?.kind === 'exited' || this.stop?.kind === 'killed';
  }

  /** Asks a running thread to stop; `poll` tells when it has. */
  interrupt(): void {
    this.request(PTRACE.INTERRUPT, 0, 0);
  }

  /** Takes a report of this thread without waiting. */
  poll(): StopReason | undefined {
    const report = this.libc.waitpid(this.tid, WAIT.NOHANG | WAIT.ALL);
    if (report === undefined) return undefined;
    if (report.tid < 0) {
      this.stop = { kind: 'exited', code: 0 };
      this.attached = false;
      return this.stop;
    }
    this.stop = stopReason(report.status);
    if (this.isGone()) this.attached = false;
    return this.stop;
  }

  /** Lets it run on, delivering `signal` when it is not 0. */
  continue(signal = 0): void {
    this.request(this.stopsAtSyscalls ? PTRACE.SYSCALL : PTRACE.CONT, 0, signal);
    this.stop = undefined;
  }

  /** Lets it go on without the signal that it was about to get. */
  swallowSignal(): void {
    if (this.stop?.kind === 'signal') this.stop = { kind: 'interrupted' };
  }

  /** Leaves it stopped by job control, until SIGCONT. */
  listen(): void {
    this.request(PTRACE.LISTEN, 0, 0);
    this.stop = undefined;
  }

  /** What an event stop is about: the id of a new thread. */
  readEventMessage(): number {
    this.request(PTRACE.GETEVENTMSG, 0, this.buffer.data.address);
    return Number(this.buffer.data.view.getBigUint64(0, true));
  }

  /** Lets it run to the next entry into or exit from a system call, delivering `signal` when it is
   *  not 0. */
  continueToSyscall(signal = 0): void {
    this.request(PTRACE.SYSCALL, 0, signal);
    this.stop = undefined;
  }

  /** A copy of its general registers, in the kernel's layout. */
  readRegisters(): Uint8Array {
    return this.readRegisterSet(NT_PRSTATUS);
  }

  writeRegisters(registers: Uint8Array): void {
    this.writeRegisterSet(NT_PRSTATUS, registers);
  }

  writeRegisterSet(set: number, registers: Uint8Array): void {
    this.buffer.data.bytes.set(registers);
    this.describe(registers.length);
    this.request(PTRACE.SETREGSET, set, this.buffer.vector.address);
  }

  /** A copy of one set of its registers, as the kernel lays it out. */
  readRegisterSet(set: number): Uint8Array {
    this.describe(MAX_XSTATE_BYTES);
    this.request(PTRACE.GETREGSET, set, this.buffer.vector.address);
    const lengthBytes = Number(this.buffer.vector.view.getBigUint64(8, true));
    return new Uint8Array(this.buffer.data.bytes.subarray(0, lengthBytes));
  }

  private describe(lengthBytes: number): void {
    this.buffer.vector.view.setBigUint64(0, BigInt(this.buffer.data.address), true);
    this.buffer.vector.view.setBigUint64(8, BigInt(lengthBytes), true);
  }

  /** A copy of what is known of the signal that it is about to get: the kernel's siginfo_t. */
  readSignalInfo(): Uint8Array {
    this.request(PTRACE.GETSIGINFO, 0, this.buffer.data.address);
    return Uint8Array.from(this.buffer.data.bytes.subarray(0, SIGNAL_INFO_BYTES));
  }

  /** Blocked signals, the kernel's 8 bytes. */
  readSignalMask(): Uint8Array {
    this.request(PTRACE.GETSIGMASK, SIGNAL_SET_BYTES, this.buffer.data.address);
    return Uint8Array.from(this.buffer.data.bytes.subarray(0, SIGNAL_SET_BYTES));
  }

  writeSignalMask(mask: Uint8Array): void {
    this.buffer.data.bytes.set(mask);
    this.request(PTRACE.SETSIGMASK, SIGNAL_SET_BYTES, this.buffer.data.address);
  }

  /** Where its threads library told the kernel that it marks restartable sequences; undefined when
   *  nowhere. @see rseq(2), `struct ptrace_rseq_configuration` in linux/ptrace.h */
  readRestartableSequenceArea(): Addr | undefined {
    const { address, view } = this.buffer.data;
    const request = PTRACE.GET_RSEQ_CONFIGURATION;
    // Before Linux 5.13 the request is unknown.
    if (this.libc.ptrace(request, this.tid, SEQUENCE_CONFIGURATION_BYTES, address) < 0)
      return undefined;
    const area = addr(view.getBigUint64(0, true));
    return area === 0 ? undefined : area;
  }

  /** Its seccomp filters, as instructions of 8 bytes.
   *  @returns a negative errno when hcr may not read them */
  readSeccompFilters(): readonly Uint8Array[] | number {
    const { address, bytes } = this.buffer.data;
    const filters: Uint8Array[] = [];
    for (;;) {
      const result = this.libc.ptrace(PTRACE.SECCOMP_GET_FILTER, this.tid, filters.length, address);
      if (result === -ERRNO.ENOENT) return filters;
      if (result < 0) return result;
      filters.push(Uint8Array.from(bytes.subarray(0, result * INSTRUCTION_BYTES)));
    }
  }

  /** Whether its seccomp filters are asked; they are again when hcr is no more.
   *  @returns false when hcr may not decide it */
  suspendSeccomp(suspended: boolean): boolean {
    const options = this.options | (suspended ? PTRACE_OPTION.SUSPEND_SECCOMP : 0);
    return this.libc.ptrace(PTRACE.SETOPTIONS, this.tid, 0, options) >= 0;
  }

  /** Stops tracing. A signal that it was about to get is delivered. The thread must be stopped
   *  or gone.
   *  @returns false when it was killed while it stood; its parent is told only once its death has
   *    been taken with {@link poll} */
  detach(): boolean {
    if (!this.attached) return true;
    const signal = this.stop?.kind === 'signal' ? this.stop.signal : 0;
    this.attached = this.libc.ptrace(PTRACE.DETACH, this.tid, 0, signal) === -ERRNO.ESRCH;
    return !this.attached;
  }

  private request(request: number, address: number, data: number): void {
    const result = this.libc.ptrace(request, this.tid, address, data);
    if (result >= 0) return;
    if (result === -ERRNO.ESRCH) {
      // Either gone, or killed while stopped: both end in an exit report.
      throw new HcrError({
        code: 'target-exited',
        pid: this.tid,
        how: 'a thread vanished while it was stopped',
      });
    }
    throw new HcrError({
      code: 'unexpected',
      detail: `ptrace request 0x${request.toString(16)} on thread ${this.tid} failed with errno ${-result}`,
    });
  }
}
