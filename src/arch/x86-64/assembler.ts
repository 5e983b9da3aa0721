/**
 * As much of an x86-64 assembler as hcr's stubs need: each function is one instruction, and
 * {@link assemble} joins them, fills in rip-relative fields and writes the call frame information
 * that goes with the code.
 *
 * Stack slots are always addressed as disp32(%rsp): ModRM `10 reg 100`, SIB `24`. The longer form
 * keeps every instruction of one kind at one length.
 *
 * @see Intel SDM volume 2, chapter 2, for REX, VEX and EVEX; DWARF 5, 6.4.2, for the frame
 * instructions
 */
import type { Addr } from '../../core/address.js';

export interface Step {
  readonly bytes: readonly number[];
  /** DW_CFA instructions that hold from the end of the step on. */
  readonly cfi?: readonly number[];
  /** A 4-byte field that takes the distance from the end of the step to an address. */
  readonly ripRelative?: { readonly fieldOffset: number; readonly to: Addr };
}

export interface Assembled {
  readonly code: Uint8Array;
  /** DW_CFA instructions that follow `CFA = rsp + 8`. */
  readonly cfi: Uint8Array;
  /** False when a rip-relative field does not reach; the code is useless then. */
  readonly reaches: boolean;
}

const DW_CFA_advance_loc = 0x40;
const DW_CFA_advance_loc1 = 0x02;
const DW_CFA_advance_loc2 = 0x03;
const DW_CFA_offset = 0x80;
const DW_CFA_restore = 0xc0;
const DW_CFA_def_cfa = 0x0c;
const DW_CFA_def_cfa_register = 0x0d;
const DW_CFA_def_cfa_offset = 0x0e;

/** Register numbers of the psABI, 3.6.2, which are not those of instructions. */
const DWARF_RBP = 6;
const DWARF_RSP = 7;

function advance(bytes: number): readonly number[] {
  if (bytes < 0x40) return [DW_CFA_advance_loc | bytes];
  if (bytes < 0x100) return [DW_CFA_advance_loc1, bytes];
  return [DW_CFA_advance_loc2, bytes & 0xff, bytes >> 8];
}

/** @param at where the code will stand */
export function assemble(at: Addr, steps: readonly Step[]): Assembled {
  const code = new Uint8Array(steps.reduce((sum, step) => sum + step.bytes.length, 0));
  const view = new DataView(code.buffer);
  const cfi: number[] = [];
  let reaches = true;
  let offset = 0;
  let describedTo = 0;
  for (const step of steps) {
    code.set(step.bytes, offset);
    const end = offset + step.bytes.length;
    if (step.ripRelative) {
      const distance = step.ripRelative.to - (at + end);
      reaches &&= distance >= -(2 ** 31) && distance < 2 ** 31;
      view.setInt32(offset + step.ripRelative.fieldOffset, distance, true);
    }
    if (step.cfi) {
      cfi.push(...advance(end - describedTo), ...step.cfi);
      describedTo = end;
    }
    offset = end;
  }
  return { code, cfi: Uint8Array.from(cfi), reaches };
}

/** The four bytes of `value`, little end first. */
const dword = (value: number): readonly number[] => [
  value & 0xff,
  (value >> 8) & 0xff,
  (value >> 16) & 0xff,
  (value >> 24) & 0xff,
];

/** ModRM, SIB and displacement of disp32(%rsp). */
const stackSlot = (register: number, disp: number): readonly number[] => [
  0x84 | ((register & 7) << 3),
  0x24,
  ...dword(disp),
];

/** push %r */
export const push = (encoding: number): Step => ({
  bytes: [...(encoding < 8 ? [] : [0x41]), 0x50 | (encoding & 7)],
});

/** pop %r */
export const pop = (encoding: number): Step => ({
  bytes: [...(encoding < 8 ? [] : [0x41]), 0x58 | (encoding & 7)],
});

/** pushfq */
export const pushFlags: Step = { bytes: [0x9c] };

/** popfq */
export const popFlags: Step = { bytes: [0x9d] };

/** lea -bytes(%rsp),%rsp: moves the stack pointer and leaves the flags alone. */
export const lowerStack = (bytes: number): Step => ({
  bytes: [0x48, 0x8d, ...stackSlot(4, -bytes)],
});

/** and $-16,%rsp */
export const alignStack: Step = { bytes: [0x48, 0x83, 0xe4, 0xf0] };

/** A frame with rbp as its base, in which rsp may be aligned. CFA = rbp + 16, old rbp at CFA - 16. */
export const enterFrame: readonly Step[] = [
  {
    bytes: [0x55], //             push %rbp
    cfi: [DW_CFA_def_cfa_offset, 16, DW_CFA_offset | DWARF_RBP, 2],
  },
  {
    bytes: [0x48, 0x89, 0xe5], // mov %rsp,%rbp
    cfi: [DW_CFA_def_cfa_register, DWARF_RBP],
  },
];

/** lea -bytes(%rbp),%rsp: back to what was pushed right after {@link enterFrame}. */
export const returnToPushed = (bytes: number): Step => ({
  bytes: [0x48, 0x8d, 0xa5, ...dword(-bytes)],
});

/** pop %rbp */
export const leaveFrame: Step = {
  bytes: [0x5d],
  cfi: [DW_CFA_def_cfa, DWARF_RSP, 8, DW_CFA_restore | DWARF_RBP],
};

const MOVE = { load: 0x10, store: 0x11 } as const;

export type Direction = keyof typeof MOVE;

/**
 * Moves the low `widthBytes` of a vector register to or from the stack, aligned or not:
 *
 *   16   0f 11 /r                movups  %xmm,disp(%rsp), with REX.R for xmm8 to xmm15
 *   32   VEX.256.0F 11 /r        vmovups %ymm,disp(%rsp)
 *   64   EVEX.512.0F.W0 11 /r    vmovups %zmm,disp(%rsp), also zmm16 to zmm31
 *
 * A load of 16 leaves the bits above as they are; the others need AVX and AVX-512F.
 */
export function moveVector(
  direction: Direction,
  register: number,
  widthBytes: 16 | 32 | 64,
  disp: number,
): Step {
  const tail = [MOVE[direction], ...stackSlot(register, disp)];
  const low8 = (register & 8) === 0;
  switch (widthBytes) {
    case 16:
      return { bytes: [...(low8 ? [] : [0x44]), 0x0f, ...tail] };
    case 32:
      // VEX prefixes hold R and vvvv inverted: vvvv 1111 means no second source, L 1 is 256 bits.
      return { bytes: [0xc5, (low8 ? 0x80 : 0) | 0x7c, ...tail] };
    case 64: {
      const low16 = (register & 16) === 0;
      // R, X, B, R' inverted, map 0F; W 0, vvvv 1111; L'L 10 is 512 bits, V' 1, no masking.
      const p0 = (low8 ? 0x80 : 0) | 0x60 | (low16 ? 0x10 : 0) | 0x01;
      return { bytes: [0x62, p0, 0x7c, 0x48, ...tail] };
    }
  }
}

/** kmovq %k,disp(%rsp) and back: VEX.L0.0F.W1 91 /r stores, 90 /r loads. Needs AVX-512BW. */
export const moveMask = (direction: Direction, register: number, disp: number): Step => ({
  bytes: [0xc4, 0xe1, 0xf8, direction === 'store' ? 0x91 : 0x90, ...stackSlot(register, disp)],
});

/** call to */
export const call = (to: Addr): Step => ({
  bytes: [0xe8, 0, 0, 0, 0],
  ripRelative: { fieldOffset: 1, to },
});

/** ret */
export const ret: Step = { bytes: [0xc3] };
