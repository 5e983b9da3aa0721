/** What can be told of a machine's code from bytes alone, without a decoder. */
import type { Addr } from '../core/address.js';
import type { RelocationNeed } from './relocations.js';

export interface CodePatterns {
  /** The slot through which a PLT entry at `at` jumps; undefined when `code` is no such entry. */
  pltSlot(code: Uint8Array, at: Addr): Addr | undefined;
  /** Offsets of the fields of calls and address loads that point exactly at `code[target]`. The
   *  assembler resolves a function's references to itself, so no relocation shows them. */
  selfReferences(code: Uint8Array, target: number): readonly number[];
  /** Whether a call or jump in `code` leads to `target`, an offset that may lie outside of it, or to
   *  one of several. */
  branchesTo(code: Uint8Array, target: number | ReadonlySet<number>): boolean;
  /** Points such a field elsewhere. `place` is the field's own address. False out of reach. */
  retarget(code: Uint8Array, offset: number, place: Addr, to: Addr): boolean;
  /** What the linker made of a GOT access whose field is at `offset`: left it (`slot`), or
   *  relaxed it to a direct access (`address`); undefined when the instructions differ. */
  gotAccess(compiled: Uint8Array, live: Uint8Array, offset: number): GotAccess | undefined;
  /** What the linker made of an access to a thread-local variable whose relocated field is at
   *  `offset` of `compiled`, when what was there is at `liveOffset` of `live`; undefined when it
   *  left the access as it was compiled, or the instructions differ. */
  relaxedTlsAccess(
    need: RelocationNeed,
    compiled: Uint8Array,
    offset: number,
    live: Uint8Array,
    liveOffset: number,
  ): RelaxedTlsAccess | undefined;
}

/** A shorter way to a thread-local variable, which the linker put in place of the compiled one. */
export interface RelaxedTlsAccess {
  /** What the live code has instead: the variable's offset from the thread pointer itself
   *  (`tp-offset`), a slot that holds it (`got-tp-offset`), or only the thread pointer, to which
   *  later code adds (`thread-pointer`). */
  readonly kind: 'tp-offset' | 'got-tp-offset' | 'thread-pointer';
  /** From how many bytes before the field to how many after its start the sequence goes; it is as
   *  long in the compiled as in the live code. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** The offset, or the slot's address, for a field compiled at `place` in the live code. */
  value(place: Addr): number;
}

export interface GotAccess {
  readonly kind: 'slot' | 'address';
  /** Bytes of the live instruction that count as equal although they differ, from `start` on. */
  readonly start: number;
  readonly end: number;
  /** The address that the live field refers to. */
  target(place: Addr): number;
}
