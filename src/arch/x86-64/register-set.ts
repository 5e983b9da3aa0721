/**
 * Bit numbers of the registers in an x86-64 {@link RegisterSet}.
 *
 *    0..15   rax rcx rdx rbx rsp rbp rsi rdi r8..r15, the order of their encoding
 *   16..31   xmm0..15: bits 0 to 127
 *   32..47   what ymm0..15 add: bits 128 to 255
 *   48..63   what zmm0..15 add: bits 256 to 511
 *   64..79   zmm16..31, whole: they exist together with the width
 *   80..87   k0..7
 *   88       the arithmetic flags
 *
 * The parts of a vector register have their own bits because a processor may lack the upper ones,
 * and because instructions tell them apart: an SSE instruction leaves the upper part as it is, a
 * VEX-encoded one clears it, `vzeroupper` clears all of them and nothing else.
 *
 * Segment registers, x87 and MMX are left out. Nobody keeps a value there across a call: the x87
 * stack must be empty (psABI 3.2.1), and gcc's -fipa-ra takes stack registers as clobbered
 * (`collect_fn_hard_reg_usage` in gcc/final.cc).
 *
 * @see System V psABI for AMD64, 3.2.1 "Registers" and 3.2.3 "Parameter Passing"
 */
import type { RegisterSet } from '../register-set.js';

export const GENERAL_NAMES = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;

export type GeneralName = (typeof GENERAL_NAMES)[number];

const FIRST = { xmm: 16, ymm: 32, zmm: 48, zmm16: 64, mask: 80, flags: 88 } as const;

const bit = (number: number): RegisterSet => 1n << BigInt(number);

export const NONE: RegisterSet = 0n;

export const generalBit = (encoding: number): RegisterSet => bit(encoding);

export function general(...names: readonly GeneralName[]): RegisterSet {
  return names.reduce((set, name) => set | bit(GENERAL_NAMES.indexOf(name)), NONE);
}

/** Bits 0 to 127 of a vector register 0 to 15; a higher one has no narrow part of its own. */
export const xmmBit = (number: number): RegisterSet =>
  number < 16 ? bit(FIRST.xmm + number) : bit(FIRST.zmm16 + number - 16);

/** Bits 0 to 255. */
export const ymmBits = (number: number): RegisterSet =>
  number < 16 ? xmmBit(number) | bit(FIRST.ymm + number) : xmmBit(number);

/** All 512 bits. */
export const zmmBits = (number: number): RegisterSet =>
  number < 16 ? ymmBits(number) | bit(FIRST.zmm + number) : xmmBit(number);

export const maskBit = (number: number): RegisterSet => bit(FIRST.mask + number);

export const FLAGS: RegisterSet = bit(FIRST.flags);

const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

const union = (sets: readonly RegisterSet[]): RegisterSet => sets.reduce((a, b) => a | b, NONE);

/** The parts of vector registers 0 to 15 above bit 127, which `vzeroupper` clears. */
export const VECTOR_UPPER_PARTS: RegisterSet = union(
  range(0, 16).map((n) => zmmBits(n) & ~xmmBit(n)),
);

/** All vector and mask registers: what XSAVE may save. */
export const VECTOR_STATE: RegisterSet =
  union(range(0, 32).map(zmmBits)) | union(range(0, 8).map(maskBit));

/** Everything that the convention lets a callee change. */
export const CALL_CLOBBERED: RegisterSet =
  general('rax', 'rcx', 'rdx', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11') | VECTOR_STATE | FLAGS;

/** Where any function may return a value: two integers, two vectors, or a mix. */
export const RETURNED: RegisterSet = general('rax', 'rdx') | zmmBits(0) | zmmBits(1);

/** Where any call may pass one. rax: the number of vectors for a variadic callee; r10: the static
 *  chain of a nested function. */
export const PASSED: RegisterSet =
  general('rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9', 'rax', 'r10') | union(range(0, 8).map(zmmBits));

/** What every processor with 64-bit mode has. */
export const BASELINE: RegisterSet =
  union(range(0, 16).map((n) => generalBit(n) | xmmBit(n))) | FLAGS;

/** How much of a vector register the set holds: 0, 16, 32 or 64 bytes from the bottom. */
export function vectorBytes(set: RegisterSet, number: number): 0 | 16 | 32 | 64 {
  const held = set & zmmBits(number);
  if (held === NONE) return 0;
  if (number >= 16 || (held & ~ymmBits(number)) !== NONE) return 64;
  return (held & ~xmmBit(number)) !== NONE ? 32 : 16;
}

/** Names for people, each vector register once, by the widest part in the set. */
export function namesOf(set: RegisterSet): readonly string[] {
  const vector = (n: number): string[] => {
    const bytes = vectorBytes(set, n);
    return bytes === 0 ? [] : [`${bytes === 64 ? 'z' : bytes === 32 ? 'y' : 'x'}mm${n}`];
  };
  return [
    ...GENERAL_NAMES.filter((name) => (set & general(name)) !== NONE),
    ...range(0, 32).flatMap(vector),
    ...range(0, 8).flatMap((n) => ((set & maskBit(n)) === NONE ? [] : [`k${n}`])),
    ...((set & FLAGS) === NONE ? [] : ['flags']),
  ];
}
