/**
 * What hcr has to know about a machine. Everything outside `src/arch/<machine>/` works through
 * this interface; a new machine is one folder that implements it and one line in `select.ts`.
 */
import type { Addr } from '../core/address.js';

export interface Machine {
  readonly name: string;
  /** `e_machine` of its ELF files. */
  readonly elfMachine: number;
  readonly pageBytes: number;
  /** Compiler flags with which the address of every external variable is read from memory, so that
   *  the variable may be anywhere. */
  readonly indirectDataFlags: readonly string[];
  readonly relocations: Relocations;
  readonly threadLocals: ThreadLocals;
  readonly jumps: Jumps;
  readonly patterns: CodePatterns;
  readonly callingConvention: CallingConvention;
  readonly registers: Registers;
  readonly unwinding: Unwinding;
  readonly syscalls: SyscallNumbers;
  readonly injection: Injection;
  readonly functionCalls: FunctionCalls;
  /** Loads the instruction decoder. Takes tens of milliseconds the first time: do it beside a
   *  compiler, and only where bytes alone do not decide. */
  readonly loadDecoder: () => Promise<Decoder>;
}

// ---------------------------------------------------------------------------------------------
// Relocations

/**
 * What the linker has to supply as S for a relocation:
 * - `address`: the symbol's address
 * - `branch`: the symbol's address, or that of a stub which jumps there
 * - `got`: the address of a slot that holds the symbol's address
 * - `tp-offset`: the symbol's offset from the thread pointer
 * - `got-tp-offset`: the address of a slot that holds that offset
 * - `tls-index`: the address of a pair {module id, the symbol's offset in that module's thread-local
 *   block}, the argument of `__tls_get_addr` (general dynamic)
 * - `tls-module`: the address of a pair {module id, 0} (local dynamic)
 * - `module-tls-offset`: the symbol's offset in its module's thread-local block
 * - `tls-descriptor`: the address of a TLS descriptor {function, argument}
 * - `tls-call`: no value; it marks the call through a TLS descriptor
 * - `got-base`: the address that offsets into the GOT are counted from
 * - `size`: the symbol's size
 * - `nothing`: no value (markers)
 */
export type RelocationNeed =
  | 'address'
  | 'branch'
  | 'got'
  | 'tp-offset'
  | 'got-tp-offset'
  | 'tls-index'
  | 'tls-descriptor'
  | 'tls-module'
  | 'module-tls-offset'
  | 'tls-call'
  | 'got-base'
  | 'size'
  | 'nothing';

export interface RelocationRule {
  /** The psABI's name, `R_X86_64_PC32`. */
  readonly name: string;
  readonly needs: RelocationNeed;
  /** Bytes of the section that the relocation writes, from its offset. */
  readonly widthBytes: number;
  /** True when the value depends on P, the place. */
  readonly pcRelative: boolean;
  /** True when S is to be counted from the GOT's base: then S is what {@link needs} says less that
   *  base. */
  readonly fromGotBase: boolean;
}

/**
 * What the dynamic linker left in the place of a relocation of a linked module:
 * - `address`: the symbol's address plus the addend
 * - `call-slot`: the address of a function, or until its first call that of code which finds it
 * - `resolved`: what the IFUNC resolver at the addend returned
 * - `copy`: the symbol's content, copied from where a library defines it
 * - `tls-module`: the id of the module that has the symbol's thread-local block, or of this module
 *   when there is no symbol
 * - `tls-offset`: the symbol's offset in that block plus the addend
 * - `tls-descriptor`: two words {function, argument}
 * - `tp-offset`: the symbol's offset from the thread pointer plus the addend
 */
export type DynamicRelocation =
  | 'address'
  | 'call-slot'
  | 'resolved'
  | 'copy'
  | 'tls-module'
  | 'tls-offset'
  | 'tls-descriptor'
  | 'tp-offset';

/** The psABI's letters: S the symbol value as {@link RelocationNeed} says, A the addend, P the
 *  address of the place being relocated. */
export interface RelocationTerms {
  readonly S: number;
  readonly A: number;
  readonly P: number;
}

export interface Relocations {
  /** Distance in bytes from the place of a PC-relative field in code to the address the processor
   *  counts from, which compilers take off the addend. */
  readonly pcBiasBytes: number;
  /** `undefined` for a type that hcr cannot link. */
  rule(type: number): RelocationRule | undefined;
  /** The psABI's name, also of types without a rule. */
  nameOf(type: number): string;
  /** What a relocation of a linked module leaves in its place; undefined for one that says nothing
   *  of a symbol. */
  dynamicKind(type: number): DynamicRelocation | undefined;
  /** Writes the relocated field at `bytes[offset]`. False, with nothing written, when the value
   *  does not fit the field. The field's old bytes are overwritten, not added to (RELA).
   *  @throws HcrError `malformed-file` when the field is not inside `bytes`,
   *  `unexpected` for a type without a {@link rule} */
  apply(type: number, bytes: Uint8Array, offset: number, terms: RelocationTerms): boolean;
  /** The inverse: the S for which a live field has its present value. Exact for any addend,
   *  also when an immediate follows the field. A marker without a field reads as 0.
   *  @throws HcrError as {@link apply} */
  read(type: number, bytes: Uint8Array, offset: number, terms: Omit<RelocationTerms, 'S'>): number;
}

// ---------------------------------------------------------------------------------------------
// Thread-local storage

/** How the machine's code reaches thread-local variables.
 *  @see Drepper, "ELF Handling For Thread-Local Storage"; psABI of the machine */
export interface ThreadLocals {
  /** Name of the function that turns a pair {module id, offset} into an address. */
  readonly addressFunctionName: string;
  /** Offset from the thread pointer at which the executable's block starts. */
  executableBlock(segment: {
    readonly memorySizeBytes: number;
    readonly alignment: number;
  }): number;
  /** The same for any module, from the distance that glibc keeps for it (`l_tls_offset`). */
  blockAtDistance(distanceBytes: number): number;
  /** Code of a TLS descriptor's function for which the argument is the offset from the thread
   *  pointer. Position-independent. */
  readonly descriptorFunction: Uint8Array;
  /** Code that does what {@link addressFunctionName} does, for pairs whose second word counts from
   *  the thread pointer. Position-independent. */
  readonly addressFunction: Uint8Array;
}

// ---------------------------------------------------------------------------------------------
// Jumps and stubs

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

// ---------------------------------------------------------------------------------------------
// Patterns: what can be told from bytes alone, without a decoder

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

// ---------------------------------------------------------------------------------------------
// Decoding

/** A set of registers as a bit mask; bit numbers are the machine's own. Narrow names (`al`) count
 *  as the whole register (`rax`); the parts that only some processors have (above 128 bits of a
 *  vector register) have bits of their own. bigint, because there are more than 32. */
export type RegisterSet = bigint;

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

/** What the convention says of the stack pointer at calls. */
export interface StackAlignment {
  /** It is a multiple of this before a call. */
  readonly bytes: number;
  /** Bytes that the call itself pushes. */
  readonly pushedByCall: number;
  /** Registers that code may keep on the stack with instructions which fault on a bad address. */
  readonly registers: RegisterSet;
}

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

// ---------------------------------------------------------------------------------------------
// Registers, system calls, injection

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
}

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
  /** A copy of {@link Registers.extendedSet} with a floating-point result of 4 or 8 bytes. */
  withFloatingResult(extended: Uint8Array, value: number, sizeBytes: number): Uint8Array;
}

export interface SyscallNumbers {
  /** That hcr makes itself. */
  readonly perf_event_open: number;
  readonly memfd_create: number;
  readonly ftruncate: number;
  readonly mmap: number;
  readonly mprotect: number;
  readonly munmap: number;
  readonly close: number;
  readonly rt_sigreturn: number;
}

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

/** How a function of the program is called above the same frame. See
 *  `src/ptrace/function-call.ts` for the protocol. */
export interface FunctionCalls {
  /** Registers at the entry of a function that takes one integer and returns into the frame. */
  registers(frame: InjectionFrame, entry: Addr, argument: number): Uint8Array;
  /** A copy of {@link Registers.extendedSet} as a function may expect it. */
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
