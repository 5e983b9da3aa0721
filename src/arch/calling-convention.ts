/** What callers and callees of a machine agree on. @see psABI of the machine */
import type { RegisterSet } from './register-set.js';

/** Where values go in a call, by their class. */
export interface CallingConvention {
  /** The registers that arguments of a class go in, in their order; the rest goes on the stack. */
  readonly argumentRegisters: Readonly<
    Record<'integer' | 'floating-point', readonly RegisterSet[]>
  >;
  /** Registers that a returned value takes. */
  readonly returnedIn: Readonly<
    Record<'nothing' | 'integer' | 'floating-point' | 'other', RegisterSet>
  >;
}

/** What the convention says of the stack pointer at calls. */
export interface StackAlignment {
  /** It is a multiple of this before a call. */
  readonly bytes: number;
  /** Bytes that the call itself pushes. */
  readonly pushedByCall: number;
  /** Registers that code may keep on the stack with instructions which fault on a bad address. */
  readonly registers: RegisterSet;
}
