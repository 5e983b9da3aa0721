/**
 * Two pieces of code that stand between a caller and a function and must not be noticed.
 *
 * **The ifunc stub** chooses a function the first time it is called, as ld.so's lazy binding does
 * (`_dl_runtime_resolve`, glibc sysdeps/x86_64/dl-trampoline.h): at that moment every argument
 * register is live. A resolver is plain C called without arguments. It may use any register the
 * convention lets it, so the general ones are pushed and xmm0 to xmm7 saved. The upper parts of
 * vector arguments are not saved: that needs XSAVE, and resolvers (all of glibc's, and those gcc
 * makes for target_clones) read CPUID results with general registers only. Two threads may run
 * the resolver at once; both store the same aligned 8 bytes.
 *
 * **The keeping stub** calls a new body that changes registers which its old callers, compiled
 * with gcc's -fipa-ra, know the old body to leave alone (see src/patch/call-clobbers.ts). Each
 * vector register is saved as wide as the set says, for gcc keeps 256- and 512-bit values across
 * such calls too (`ix86_avx_u128_mode_needed` in gcc/config/i386/i386.cc). `movups` for the
 * narrow ones: a load with it leaves bits above 127 as they are, where `vmovups` would clear them.
 *
 * Both align the stack. At a function's entry rsp is 8 below a multiple of 16 (psABI 3.2.2), but
 * gcc lets callers be sloppy with a function of the same translation unit that needs no more
 * (src/patch/stack-alignment.ts), so a stub can't count on it. It keeps its frame by rbp.
 *
 * A stub has a frame while its callee runs. Without an FDE a C++ exception would end the program
 * there, so each stub comes with the instructions for one.
 *
 * @see System V psABI for AMD64, 3.2; DWARF 5, 6.4
 */
import { type Addr, addr, hex } from '../../core/address.js';
import { HcrError } from '../../core/failure.js';
import type { RegisterSet } from '../register-set.js';
import {
  alignStack,
  assemble,
  call,
  type Direction,
  enterFrame,
  leaveFrame,
  lowerStack,
  moveMask,
  moveVector,
  pop,
  popFlags,
  push,
  pushFlags,
  ret,
  returnToPushed,
  type Step,
} from './assembler.js';
import {
  CALL_CLOBBERED,
  FLAGS,
  GENERAL_NAMES,
  general,
  generalBit,
  maskBit,
  NONE,
  vectorBytes,
} from './register-set.js';

const has = (set: RegisterSet, member: RegisterSet): boolean => (set & member) !== NONE;

function generalEncodings(set: RegisterSet): readonly number[] {
  return GENERAL_NAMES.map((_, encoding) => encoding).filter((e) => has(set, generalBit(e)));
}

// ---------------------------------------------------------------------------------------------

const ARGUMENTS = generalEncodings(
  general('rax', 'rcx', 'rdx', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11'),
);
const VECTOR_ARGUMENTS = [0, 1, 2, 3, 4, 5, 6, 7] as const;

const VECTOR_ARGUMENT_BYTES = 16 * VECTOR_ARGUMENTS.length;

const quad = (value: Addr): readonly number[] => [
  ...new Uint8Array(BigUint64Array.of(BigInt(value)).buffer),
];

function ifuncSteps(resolver: Addr, slot: Addr): readonly Step[] {
  const jumpThroughSlot: Step = {
    bytes: [0xff, 0x25, 0, 0, 0, 0], // jmp *slot(%rip)
    ripRelative: { fieldOffset: 2, to: slot },
  };
  const moveArguments = (direction: Direction): readonly Step[] =>
    VECTOR_ARGUMENTS.map((n) => moveVector(direction, n, 16, 16 * n));
  return [
    {
      bytes: [0x48, 0x83, 0x3d, 0, 0, 0, 0, 0x00], // cmpq $0,slot(%rip)
      ripRelative: { fieldOffset: 3, to: slot },
    },
    { bytes: [0x74, 0x06] }, //                        je 1f
    jumpThroughSlot,
    ...enterFrame, //                               1:
    ...ARGUMENTS.map(push),
    lowerStack(VECTOR_ARGUMENT_BYTES),
    alignStack,
    ...moveArguments('store'),
    { bytes: [0x48, 0xb8, ...quad(resolver)] }, //     movabs $resolver,%rax
    { bytes: [0xff, 0xd0] }, //                        call *%rax
    {
      bytes: [0x48, 0x89, 0x05, 0, 0, 0, 0], //        mov %rax,slot(%rip)
      ripRelative: { fieldOffset: 3, to: slot },
    },
    ...moveArguments('load'),
    returnToPushed(8 * ARGUMENTS.length),
    ...ARGUMENTS.toReversed().map(pop),
    leaveFrame,
    jumpThroughSlot,
  ];
}

const NOWHERE = addr(0);
const IFUNC_MODEL = assemble(NOWHERE, ifuncSteps(NOWHERE, NOWHERE));

export const IFUNC_STUB_BYTES: number = IFUNC_MODEL.code.length;
export const IFUNC_STUB_CFI: Uint8Array = IFUNC_MODEL.cfi;

/** Calls `resolver` once, keeps what it returns in `slot` (8 bytes, aligned, 0 at first), jumps
 *  there.
 *  @throws HcrError `out-of-reach` when `slot` is more than 2 GiB from `at` */
export function ifuncStub(at: Addr, resolver: Addr, slot: Addr): Uint8Array {
  const { code, reaches } = assemble(at, ifuncSteps(resolver, slot));
  if (!reaches) {
    throw new HcrError({
      code: 'out-of-reach',
      symbol: hex(slot),
      detail: `the ifunc stub at ${hex(at)} does not reach its slot`,
    });
  }
  return code;
}

// ---------------------------------------------------------------------------------------------

interface SavedOnStack {
  readonly bytes: number;
  readonly steps: (direction: Direction) => readonly Step[];
}

/** Where vector and mask registers of the set go, counted from rsp. */
function stackArea(keep: RegisterSet): SavedOnStack {
  const moves: ((direction: Direction) => Step)[] = [];
  let bytes = 0;
  for (let n = 0; n < 32; n += 1) {
    const widthBytes = vectorBytes(keep, n);
    if (widthBytes === 0) continue;
    const disp = bytes;
    moves.push((direction) => moveVector(direction, n, widthBytes, disp));
    bytes += widthBytes;
  }
  for (let n = 0; n < 8; n += 1) {
    if (!has(keep, maskBit(n))) continue;
    const disp = bytes;
    moves.push((direction) => moveMask(direction, n, disp));
    bytes += 8;
  }
  return { bytes, steps: (direction) => moves.map((move) => move(direction)) };
}

function keepingSteps(to: Addr, wanted: RegisterSet): readonly Step[] {
  // The callee itself keeps the others.
  const keep = wanted & CALL_CLOBBERED;
  const pushed = generalEncodings(keep);
  const flags = has(keep, FLAGS);
  const area = stackArea(keep);
  return [
    ...enterFrame,
    ...(flags ? [pushFlags] : []),
    ...pushed.map(push),
    lowerStack(area.bytes),
    alignStack,
    ...area.steps('store'),
    call(to),
    ...area.steps('load'),
    returnToPushed(8 * (pushed.length + (flags ? 1 : 0))),
    ...pushed.toReversed().map(pop),
    ...(flags ? [popFlags] : []),
    leaveFrame,
    ret,
  ];
}

export const KEEPING_STUB_MAX_BYTES: number = assemble(
  NOWHERE,
  keepingSteps(NOWHERE, CALL_CLOBBERED),
).code.length;

/** Calls `to` on an aligned stack and gives back every register of `keep` as it was, as wide as the set says: `keep`
 *  may name a part only if the processor has it. Callee-saved registers in `keep` need nothing
 *  done. `undefined` when `to` is more than 2 GiB away. */
export function keepingStub(at: Addr, to: Addr, keep: RegisterSet): Uint8Array | undefined {
  const { code, reaches } = assemble(at, keepingSteps(to, keep));
  return reaches ? code : undefined;
}

export function keepingStubCfi(keep: RegisterSet): Uint8Array {
  return assemble(NOWHERE, keepingSteps(NOWHERE, keep)).cfi;
}
