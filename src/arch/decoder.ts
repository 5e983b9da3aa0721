/** What a machine's instructions do. */
import type { Addr } from '../core/address.js';
import type { StackAlignment } from './calling-convention.js';
import type { RegisterSet } from './register-set.js';

export type Flow =
  | 'next'
  | 'jump'
  | 'conditional-jump'
  | 'indirect-jump'
  | 'call'
  | 'indirect-call'
  | 'return'
  | 'stop';

export interface Instruction {
  readonly address: Addr;
  readonly lengthBytes: number;
  readonly flow: Flow;
  /** Target of a direct jump or call. */
  readonly target: Addr | undefined;
  /** True when it means something else at another address: a branch by distance, an operand
   *  relative to the instruction. */
  readonly pcRelative: boolean;
  readonly reads: RegisterSet;
  /** Registers that are certainly or possibly written, all parts of them (`vzeroupper` excepted:
   *  it is known to change the upper parts only). */
  readonly writes: RegisterSet;
  /** Registers that are certainly and wholly overwritten, with what does not depend on their old
   *  value (`xor %eax,%eax` does not). */
  readonly kills: RegisterSet;
  /** Equal for two instructions that do the same but for the bytes of a relocated field or of a
   *  direct branch's displacement and size: the mnemonic of a direct branch, the encoding of any
   *  other instruction without the fields that are wide enough for a relocation. Those fields are
   *  left to compare. */
  readonly shape: string;
  /** Where within the instruction its displacement or immediate bytes are, so that a relocation
   *  can be told to fall on one; offsets from the instruction's start, 0 when there is none. The
   *  distance of a direct branch is a displacement. */
  readonly displacementOffset: number;
  readonly immediateOffset: number;
  /** Size of the memory operand, when the address does not depend on a register but the program
   *  counter: it reads no more there than this. 0 without such an operand, and for an instruction
   *  that only works out the address. */
  readonly fixedAccessBytes: number;
  readonly isPadding: boolean;
  readonly stack: StackEffect;
}

/** What an instruction does to the stack pointer: move it by so many bytes (a push by -8; a call by
 *  0, once it is back), round it down to a multiple, put it back to where it was at the function's
 *  entry, or something else. */
export type StackEffect =
  | { readonly kind: 'moves'; readonly bytes: number }
  | { readonly kind: 'aligns'; readonly to: number }
  | { readonly kind: 'unwinds' }
  | { readonly kind: 'unknown' };

export interface Decoder {
  /** Decodes `code`, which is borrowed, as if it stood at `address`; stops at the first undecodable
   *  byte. */
  decode(code: Uint8Array, address: Addr): readonly Instruction[];
  /** Assembly text, one line an instruction, for people. */
  format(code: Uint8Array, address: Addr): readonly string[];
  /** Registers that a call may change when nothing is known of the callee. */
  readonly callClobbered: RegisterSet;
  /** Registers in which a function returns values. */
  readonly returned: RegisterSet;
  /** Registers in which arguments are passed. */
  readonly passed: RegisterSet;
  /** Registers that every processor of this machine has. Code that touches another one must know
   *  that the processor has it, from an instruction of the target that names it. */
  readonly baseline: RegisterSet;
  readonly stackAlignment: StackAlignment;
  namesOf(set: RegisterSet): readonly string[];
}
