/**
 * Instructions that hcr recognises by their bytes: PLT entries, a function's references to itself,
 * and GOT accesses that the linker relaxed.
 *
 * @see psABI for AMD64: 5.2 Procedure Linkage Table, B.2 Optimize GOTPCRELX Relocations
 */
import type { Addr } from '../../core/address.js';
import type { CodePatterns, GotAccess } from '../patterns.js';
import { relaxedTlsAccess } from './patterns-tls.js';

const FIELD_BYTES = 4;
const CALL = 0xe8;
const LEA = 0x8d;
const MOV_LOAD = 0x8b;
const MOV_IMMEDIATE = 0xc7;
const TEST = 0x85;
const GROUP_3 = 0xf7;
/** `op r/m, r` with the operation in bits 3 to 5. */
const BINARY_OPERATION = 0x03;
const GROUP_1 = 0x81;
/** ModRM of a register operand. */
const REGISTER_OPERAND = 0xc0;
const GROUP_5 = 0xff;
const JMP = 0xe9;
const TWO_BYTE_ESCAPE = 0x0f;
/** Second opcode bytes 0x80 to 0x8f: `jcc rel32`. */
const CONDITIONAL_JUMP = 0x80;
const ADDRESS_SIZE_PREFIX = 0x67;
/** ModRM bytes of group 5 with a RIP-relative operand. */
const CALL_INDIRECT = 0x15;
const JMP_INDIRECT = 0x25;

function int32(code: Uint8Array, offset: number): number {
  return new DataView(code.buffer, code.byteOffset, code.byteLength).getInt32(offset, true);
}

function pltSlot(code: Uint8Array, at: Addr): Addr | undefined {
  let offset = 0;
  if (code[0] === 0xf3 && code[1] === 0x0f && code[2] === 0x1e && code[3] === 0xfa) offset = 4; // endbr64
  if (code[offset] === 0xf2) offset++; // bnd
  if (code[offset] !== GROUP_5 || code[offset + 1] !== JMP_INDIRECT || offset + 6 > code.length)
    return undefined;
  return (at + offset + 6 + int32(code, offset + 2)) as Addr; // jmp *slot(%rip)
}

/** True for the ModRM byte of a RIP-relative operand. */
function isRipRelative(modrm: number | undefined): boolean {
  return modrm !== undefined && (modrm & 0xc7) === 0x05;
}

function selfReferences(code: Uint8Array, target: number): number[] {
  const found: number[] = [];
  for (let offset = 1; offset + FIELD_BYTES <= code.length; offset++) {
    const isCall = code[offset - 1] === CALL;
    const isLea = offset >= 2 && code[offset - 2] === LEA && isRipRelative(code[offset - 1]);
    // That these bytes are something else and yet lead exactly here has odds of 2^-32.
    if ((isCall || isLea) && offset + FIELD_BYTES + int32(code, offset) === target)
      found.push(offset);
  }
  return found;
}

function branchesTo(code: Uint8Array, target: number | ReadonlySet<number>): boolean {
  const targets = typeof target === 'number' ? new Set([target]) : target;
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (let offset = 1; offset + FIELD_BYTES <= code.length; offset++) {
    const opcode = code[offset - 1] ?? 0;
    const isConditional =
      offset >= 2 && code[offset - 2] === TWO_BYTE_ESCAPE && (opcode & 0xf0) === CONDITIONAL_JUMP;
    if (opcode !== CALL && opcode !== JMP && !isConditional) continue;
    if (targets.has(offset + FIELD_BYTES + view.getInt32(offset, true))) return true;
  }
  return false;
}

function retarget(code: Uint8Array, offset: number, place: Addr, to: Addr): boolean {
  const distance = to - (place + FIELD_BYTES);
  if (distance < -(2 ** 31) || distance >= 2 ** 31) return false;
  new DataView(code.buffer, code.byteOffset, code.byteLength).setInt32(offset, distance, true);
  return true;
}

/** The immediate form of `test reg, x` and of `add`, `or`, `adc`, `sbb`, `and`, `sub`, `xor`, `cmp`
 *  with a register and memory: the operation moves from the opcode to the ModRM byte. */
function isImmediateForm(
  opcode: number | undefined,
  modrm: number,
  liveOpcode: number | undefined,
  liveModrm: number | undefined,
): boolean {
  const register = REGISTER_OPERAND | ((modrm >> 3) & 7);
  if (opcode === TEST) return liveOpcode === GROUP_3 && liveModrm === register;
  if (opcode === undefined || (opcode & 0xc7) !== BINARY_OPERATION) return false;
  return liveOpcode === GROUP_1 && liveModrm === (register | (opcode & 0x38));
}

function gotAccess(compiled: Uint8Array, live: Uint8Array, offset: number): GotAccess | undefined {
  if (offset < 2 || offset + FIELD_BYTES > live.length) return undefined;
  const opcode = compiled[offset - 2];
  const modrm = compiled[offset - 1] ?? 0;
  const [liveOpcode, liveModrm] = [live[offset - 2], live[offset - 1]];
  const end = offset + FIELD_BYTES;
  const relative = (start: number, field: number): GotAccess => ({
    kind: 'address',
    start,
    end,
    target: (place) => place - offset + field + FIELD_BYTES + int32(live, field),
  });
  if (opcode === liveOpcode && modrm === liveModrm)
    return { ...relative(offset, offset), kind: 'slot' };
  if (opcode === MOV_LOAD && liveOpcode === LEA && liveModrm === modrm) {
    return relative(offset - 2, offset); // mov x@GOTPCREL(%rip), reg -> lea x(%rip), reg
  }
  if (opcode === MOV_LOAD && liveOpcode === MOV_IMMEDIATE) {
    // mov x@GOTPCREL(%rip), reg -> mov $x, reg; REX.R becomes REX.B
    return {
      kind: 'address',
      start: Math.max(0, offset - 3),
      end,
      target: () => int32(live, offset),
    };
  }
  if (isImmediateForm(opcode, modrm, liveOpcode, liveModrm)) {
    // binop x@GOTPCREL(%rip), reg -> binop $x, reg; REX.R becomes REX.B
    return {
      kind: 'address',
      start: Math.max(0, offset - 3),
      end,
      target: () => int32(live, offset),
    };
  }
  if (opcode !== GROUP_5) return undefined;
  if (modrm === CALL_INDIRECT && liveOpcode === ADDRESS_SIZE_PREFIX && liveModrm === CALL) {
    return relative(offset - 2, offset); // call *x@GOTPCREL(%rip) -> addr32 call x
  }
  if (modrm === JMP_INDIRECT && liveOpcode === JMP) {
    return relative(offset - 2, offset - 1); // jmp *x@GOTPCREL(%rip) -> jmp x; nop
  }
  return undefined;
}

export const patterns: CodePatterns = {
  pltSlot,
  selfReferences,
  branchesTo,
  retarget,
  gotAccess,
  relaxedTlsAccess,
};
