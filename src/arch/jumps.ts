/** The jumps that lead to new code, and the stubs between it and the program's. */
import type { Addr } from '../core/address.js';
import type { RegisterSet } from './register-set.js';

export interface Jumps {
  /** How many bytes a `near` jump takes. */
  readonly nearBytes: number;
  /** How many bytes a `short` jump takes. */
  readonly shortBytes: number;
  /** Greatest distance in bytes a near jump or call reaches, from its end. */
  readonly nearReachBytes: number;
  /** Bytes at the start of a body that stay in place before a redirect (`endbr64`), or 0. */
  landingPadBytes(body: Uint8Array): number;
  /** A direct jump placed at `from`; `undefined` out of reach. */
  near(from: Addr, to: Addr): Uint8Array | undefined;
  /** Where the direct jump leads that `bytes` at `from` begin with; `undefined` when they begin
   *  with anything else. */
  nearTarget(bytes: Uint8Array, from: Addr): Addr | undefined;
  /** The shortest direct jump; `undefined` out of reach. */
  short(from: Addr, to: Addr): Uint8Array | undefined;
  /** Bytes between functions that no control flow enters: the length of the run of padding at
   *  the start of `bytes` (long nops, `int3`, `nop`), whole padding instructions only. */
  paddingBytes(bytes: Uint8Array): number;
  /** Size of {@link farStub}. */
  readonly farStubBytes: number;
  /** Position-independent jump to anywhere in the address space. */
  farStub(to: Addr): Uint8Array;
  /** Size of {@link ifuncStub}. */
  readonly ifuncStubBytes: number;
  /** Calls `resolver` once, keeps the result in the 8-byte `slot`, then jumps there with all
   *  argument registers as they were. `at` is where the stub will be. `slot` holds 0 before the
   *  first call, and must be writable by the target.
   *  @throws HcrError `out-of-reach` when `slot` is not near `at`; `resolver` may be anywhere */
  ifuncStub(at: Addr, resolver: Addr, slot: Addr): Uint8Array;
  /** The call frame instructions of {@link ifuncStub}; see {@link keepingStubCfi}. */
  readonly ifuncStubCfi: Uint8Array;
  /** Calls `to` with the stack aligned as the convention has it, and gives back every register of
   *  `keep` as it was; see call-clobbers and stack-alignment. The callee
   *  must take no arguments on the stack. `keep` must not hold a register in which the function
   *  returns its value: the stub would undo it. `undefined` when out of reach. */
  keepingStub(at: Addr, to: Addr, keep: RegisterSet): Uint8Array | undefined;
  /** An upper bound for the size of {@link keepingStub}. */
  readonly keepingStubMaxBytes: number;
  /** What a frame description entry for {@link keepingStub} says, so that an exception and a
   *  debugger pass through it: DW_CFA instructions for a CIE with code alignment 1 and the data
   *  alignment and first rules usual on the machine (x86-64: -8; CFA = rsp + 8, return address at
   *  CFA - 8). */
  keepingStubCfi(keep: RegisterSet): Uint8Array;
  /** The whole CIE, its length included, that the instructions for stubs go with. */
  readonly stubCie: Uint8Array;
  /** A function with the interface of libgcc's `_Unwind_Find_FDE`: looks an address up in the index
   *  that `slot` points to (see src/link/frame-index.ts) and, when it is not there, executes
   *  `displaced`, the first instructions of the original function, and jumps to `back`, where that
   *  goes on. `undefined` when something is out of reach. */
  frameSearch(at: Addr, slot: Addr, displaced: Uint8Array, back: Addr): Uint8Array | undefined;
  /** Size of {@link frameSearch}, without the displaced instructions. */
  readonly frameSearchBytes: number;
}
