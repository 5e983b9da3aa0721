/**
 * Frames of x86-64 code, as far as descriptions of them do not say it.
 * @see System V psABI for AMD64, 3.6.2, figure 3.36 for the numbers of registers; 3.2.1 for those
 * that belong to the caller
 */
import type { Addr } from '../../core/address.js';
import type { Unwinding } from '../unwinding.js';
import { FRAME, SIGCONTEXT_FIELDS, injection } from './injection.js';
import { type RegisterField, readRegister, writeRegister } from './registers.js';

const NUMBERED: readonly RegisterField[] = [
  'rax',
  'rdx',
  'rcx',
  'rbx',
  'rsi',
  'rdi',
  'rbp',
  'rsp',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
  'rip',
];

const numberOf = (field: RegisterField): number => NUMBERED.indexOf(field);

const WORD_BYTES = 8;

/** The trampoline runs when the handler's `ret` has taken the first word of the frame. */
const SIGNAL_FRAME = new Map(
  SIGCONTEXT_FIELDS.flatMap((field, i): [number, number][] =>
    NUMBERED.includes(field)
      ? [[numberOf(field), FRAME.sigcontext + WORD_BYTES * i - WORD_BYTES]]
      : [],
  ),
);

/** `call rel32` */
const CALL = 0xe8;
const CALL_BYTES = 5;
/** `call *r/m64` is this with 2 in the middle bits of the next byte. */
const GROUP_5 = 0xff;
const CALL_IN_GROUP = 2;
/** modrm, sib, 4 bytes of displacement. */
const INDIRECT_MAX_BYTES = 7;

function endsInCall(before: Uint8Array): boolean {
  const at = (back: number): number => before[before.length - back] ?? 0;
  if (before.length >= CALL_BYTES && at(CALL_BYTES) === CALL) return true;
  for (let length = 2; length <= Math.min(INDIRECT_MAX_BYTES, before.length); length++) {
    if (at(length) === GROUP_5 && indirectCallBytes(at(length - 1), at(length - 2)) === length)
      return true;
  }
  return false;
}

/** Length of `call *r/m64` without a prefix, 0 for what is none.
 *  @see Intel SDM volume 2, tables 2-2 and 2-3 */
function indirectCallBytes(modrm: number, sib: number): number {
  const [mode, operation, base] = [modrm >> 6, (modrm >> 3) & 7, modrm & 7];
  if (operation !== CALL_IN_GROUP) return 0;
  if (mode === 3) return 2;
  const hasSib = base === 4;
  const isAbsolute = mode === 0 && (base === 5 || (hasSib && (sib & 7) === 5));
  const displacementBytes = mode === 1 ? 1 : mode === 2 || isAbsolute ? 4 : 0;
  return 2 + Number(hasSib) + displacementBytes;
}

/** EFLAGS.DF: clear at calls and returns (psABI 3.2.1). */
const DIRECTION_FLAG = 1n << 10n;

function resumedAt(regs: Uint8Array, contents: readonly (bigint | undefined)[]): Uint8Array {
  const resumed = regs.slice();
  NUMBERED.forEach((field, number) => {
    const content = contents[number];
    if (content !== undefined) writeRegister(resumed, field, content);
  });
  writeRegister(resumed, 'orig_rax', -1n);
  writeRegister(resumed, 'eflags', readRegister(regs, 'eflags') & ~DIRECTION_FLAG);
  return resumed;
}

function atEntry(caller: readonly (bigint | undefined)[], entry: Addr): (bigint | undefined)[] {
  const contents = [...caller];
  const stackPointer = caller[numberOf('rsp')];
  contents[numberOf('rsp')] = stackPointer && stackPointer - BigInt(WORD_BYTES);
  contents[numberOf('rip')] = BigInt(entry);
  return contents;
}

/** The bits of XSTATE_BV say which parts are not in their initial state.
 *  @see Intel SDM volume 1, 13.4.1 and 13.4.2 */
const XSAVE = { xmm0: 160, vectorBytes: 16, stateBits: 512, sseState: 1 << 1 } as const;

function withFloatingResult(extended: Uint8Array, value: number, sizeBytes: number): Uint8Array {
  const copy = extended.slice();
  const view = new DataView(copy.buffer);
  copy.fill(0, XSAVE.xmm0, XSAVE.xmm0 + XSAVE.vectorBytes);
  if (sizeBytes === 4) view.setFloat32(XSAVE.xmm0, value, true);
  else view.setFloat64(XSAVE.xmm0, value, true);
  copy[XSAVE.stateBits] = (copy[XSAVE.stateBits] ?? 0) | XSAVE.sseState;
  return copy;
}

export const unwinding: Unwinding = {
  stackPointer: numberOf('rsp'),
  framePointer: numberOf('rbp'),
  returnAddress: numberOf('rip'),
  preserved: new Set((['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'] as const).map(numberOf)),
  names: NUMBERED,
  values: (regs) => NUMBERED.map((field) => readRegister(regs, field)),
  signalTrampolines: injection.sigreturnGadgets,
  signalFrame: SIGNAL_FRAME,
  returnAddressAtEntry: 0,
  endsInCall,
  callMaxBytes: INDIRECT_MAX_BYTES,
  resumedAt,
  atEntry,
  integerResult: numberOf('rax'),
  withFloatingResult,
};
