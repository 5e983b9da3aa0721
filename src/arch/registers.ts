/** What is in the registers of a stopped thread, and with which it is let go. */
import type { Addr } from '../core/address.js';

/** General registers as `PTRACE_GETREGSET NT_PRSTATUS` gives them. The bytes are the kernel's
 *  own structure; accessors read and write in place. */
export interface Registers {
  readonly sizeBytes: number;
  pc(regs: Uint8Array): number;
  /** A copy with another pc. */
  withPc(regs: Uint8Array, pc: Addr): Uint8Array;
  stackPointer(regs: Uint8Array): number;
  /** Bytes below the stack pointer that a function may use without moving it. */
  readonly redZoneBytes: number;
  /** Which register set of ptrace holds the floating-point and vector registers. */
  readonly extendedSet: number;
  /** Base of the thread's own data, which a threads library puts at the end of its stack. */
  threadPointer(regs: Uint8Array): number;
  /** Present when the thread stands at a system call that the kernel may restart. */
  interruptedSyscall(regs: Uint8Array): InterruptedSyscall | undefined;
  /** A copy in which a wait that the kernel has gone on with once already shows as the call that the
   *  program made, as far as the instructions before its pc tell which. */
  asFirstMade(regs: Uint8Array, codeBefore: Uint8Array): Uint8Array;
  /** As many bytes of them are looked at. */
  readonly callCodeBytes: number;
  /** A copy from which the same call is made again, unseen by the program, whatever comes. */
  repeatSyscall(regs: Uint8Array): Uint8Array;
  /** A copy from which the kernel makes the same call again, or answers EINTR when a handler runs
   *  first. For a thread that stands where the kernel looks for signals, not at a system call. */
  restartSyscall(regs: Uint8Array): Uint8Array;
}

export interface InterruptedSyscall {
  readonly number: number;
  /** The errno it would return, positive (4 for EINTR, 512 to 516 for the kernel's restarts). */
  readonly errno: number;
  /** False for calls that cannot be made again (close): leave them as they are, and inject on
   *  another thread if there is one, since a frame can't bring them back either. */
  readonly repeatable: boolean;
  /** True when the kernel itself restarts it once the thread runs on. */
  readonly restartedByKernel: boolean;
  /** False when it waits as long as it takes, or until a moment that stays the same when it is made
   *  again. True when that is not known. */
  readonly hasTimeout: boolean;
}
