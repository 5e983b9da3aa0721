/** System calls of hcr's own that a thread of the program makes. */
import type { Addr } from '../core/address.js';

/** How a system call is made on a thread that did not ask for it, so that the thread lives on
 *  whatever happens to hcr. See `src/ptrace/remote-calls.ts` for the protocol. */
export interface Injection {
  /** Byte sequences that make a system call and then return; the first byte is the entry. */
  readonly syscallGadgets: readonly Uint8Array[];
  /** What the kernel calls the machine when it asks a seccomp filter. @see linux/audit.h */
  readonly auditArch: number;
  /** Byte sequences that call rt_sigreturn. */
  readonly sigreturnGadgets: readonly Uint8Array[];
  /**
   * The signal frame that, once rt_sigreturn reads it, puts the thread back where it was.
   *
   * The bytes it covers may hold the program's own data when its stack is a small one of a
   * coroutine: save what is there and put it back afterwards. A write that fails means that the
   * stack has not grown that far; take another thread.
   * @returns where the frame goes, its bytes, and the registers that start the first call
   * @throws HcrError `unexpected` when the input is not what ptrace gives
   */
  buildFrame(input: FrameInput): InjectionFrame;
  /** Registers for one system call from the frame. */
  syscallRegisters(frame: InjectionFrame, call: number, args: readonly number[]): Uint8Array;
  /** The value a system call left, negative errno on failure. */
  syscallResult(regs: Uint8Array): number;
}

export interface FrameInput {
  /** As the thread has them now. */
  readonly registers: Uint8Array;
  /** Its NT_X86_XSTATE (or the machine's like), whole. */
  readonly extended: Uint8Array;
  /** Its blocked signals, the kernel's 8 bytes. */
  readonly signalMask: Uint8Array;
  readonly syscallGadget: Addr;
  readonly sigreturnGadget: Addr;
  /** Bytes that injected calls may use as memory; placed beside the frame. */
  readonly scratchBytes: number;
}

export interface InjectionFrame {
  /** Lowest address that is written. */
  readonly start: Addr;
  readonly bytes: Uint8Array;
  /** Where rsp points when the injected call starts. */
  readonly stackPointer: Addr;
  /** Start of the scratch memory asked for. */
  readonly scratch: Addr;
  readonly syscallGadget: Addr;
  readonly sigreturnGadget: Addr;
  /** The registers the frame was built from. */
  readonly original: Uint8Array;
}
