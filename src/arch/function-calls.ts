/** Calls of the program's functions that hcr has a thread of it make. */
import type { Addr } from '../core/address.js';
import type { InjectionFrame } from './injection.js';

/** How a function of the program is called above the same frame. See
 *  `src/ptrace/function-call.ts` for the protocol. */
export interface FunctionCalls {
  /** Registers at the entry of a function that takes one integer and returns into the frame. */
  registers(frame: InjectionFrame, entry: Addr, argument: number): Uint8Array;
  /** A copy of `Registers.extendedSet` as a function may expect it. */
  extendedState(extended: Uint8Array): Uint8Array;
  /** Whether the call that a thread enters makes the kernel forget what it remembers of a wait that
   *  was interrupted. */
  forgetsWait(regs: Uint8Array): boolean;
  /** Whether a thread that enters a system call has returned from the function and is about to be
   *  brought back by the frame. */
  isReturning(frame: InjectionFrame, regs: Uint8Array): boolean;
  /** A copy for such a thread: it makes no call now, and this one when it is let go. */
  stayingRegisters(frame: InjectionFrame, regs: Uint8Array): Uint8Array;
}
