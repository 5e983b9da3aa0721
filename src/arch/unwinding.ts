/** What it takes, beside frame descriptions, to unwind a machine's stack. */
import type { Addr } from '../core/address.js';

/** What frame descriptions leave to the machine's ABI. Registers are numbered as DWARF does.
 *  @see psABI of the machine, "DWARF register number mapping" */
export interface Unwinding {
  /** Of the stack pointer, the frame pointer, and what stands for the return address. */
  readonly stackPointer: number;
  readonly framePointer: number;
  readonly returnAddress: number;
  /** Registers that a function gives back as they were, unless its description says where they are. */
  readonly preserved: ReadonlySet<number>;
  /** Names by number. */
  readonly names: readonly string[];
  /** Contents by number, of the registers that ptrace gives. */
  values(regs: Uint8Array): readonly bigint[];
  /** Code that a signal handler returns to, which goes back to what was interrupted. */
  readonly signalTrampolines: readonly Uint8Array[];
  /** Where, from the stack pointer in such code, the kernel keeps the interrupted registers: by
   *  number, in bytes. */
  readonly signalFrame: ReadonlyMap<number, number>;
  /** How far, in bytes, the return address of a call is above the stack pointer at the entry of
   *  the function; undefined where it is in a register. */
  readonly returnAddressAtEntry: number | undefined;
  /** Whether the bytes before a return address end in a call. */
  endsInCall(before: Uint8Array): boolean;
  /** As many of them are looked at. */
  readonly callMaxBytes: number;
  /** A copy of what ptrace gives with these contents, by number, where one is known: a thread goes on
   *  from there as from a call or a return, not from the system call or fault that it stands at. */
  resumedAt(regs: Uint8Array, contents: readonly (bigint | undefined)[]): Uint8Array;
  /** Contents at the entry of a function, when its caller has the given ones once it is back. The
   *  call has been made already: what it left on the stack is there. */
  atEntry(caller: readonly (bigint | undefined)[], entry: Addr): readonly (bigint | undefined)[];
  /** The register that an integer is returned in. */
  readonly integerResult: number;
  /** A copy of `Registers.extendedSet` with a floating-point result of 4 or 8 bytes. */
  withFloatingResult(extended: Uint8Array, value: number, sizeBytes: number): Uint8Array;
}
