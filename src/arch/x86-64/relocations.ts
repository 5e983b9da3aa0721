/**
 * What each x86-64 relocation computes and which field it fills.
 *
 * The formulas are those of the psABI for AMD64, 4.4.1, table 4.9. All of hcr's fall into two:
 * `S + A`, and `S + A - P` for what is relative to the place. The other letters of the table fold
 * into S: `G + GOT` is the address of a GOT slot, `L` that of a stub, `@tpoff` an offset from the
 * thread pointer. {@link RelocationRule.needs} says which, the linker supplies it.
 *
 * P is the address of the field, not of the end of the instruction. The assembler puts the
 * distance between the two into the addend: -4 when the field ends the instruction, -5 or -8 when
 * an immediate follows (`cmpl $0, x(%rip)`). So the target is always `S + A - P` undone with the
 * same A, and never "addend + 4".
 *
 * A field that does not hold the value is an error in ld and here. ld's rule per type (`howto` in
 * binutils bfd/elf64-x86-64.c): 32S and everything relative is signed, 32 is unsigned (it is
 * zero-extended where it is used), 8 and 16 may be read either way.
 *
 * The large code model counts from the GOT's base, `_GLOBAL_OFFSET_TABLE_`: `G + A` (GOT64) is the
 * slot's address less GOT, `S + A - GOT` (GOTOFF64) the symbol's, `L - GOT + A` (PLTOFF64) that of
 * the function or its stub. The base may be any address, so long as all of one object agree on it.
 *
 * No rule: what only a dynamic linker handles (COPY, GLOB_DAT, JUMP_SLOT, RELATIVE, DTPMOD64,
 * TLSDESC, IRELATIVE); see {@link Relocations.dynamicKind}.
 *
 * GOTPCRELX and REX_GOTPCRELX mark instructions which a linker may rewrite to do without the
 * slot. hcr fills in the slot's address and rewrites nothing, so that the code stays as compiled.
 */
import { HcrError } from '../../core/failure.js';
import type {
  DynamicRelocation,
  RelocationNeed,
  RelocationRule,
  RelocationTerms,
  Relocations,
} from '../relocations.js';
import { R_X86_64, relocationName } from './relocation-types.js';

/** How a field of `widthBytes` is read: which values fit. */
type Range = 'signed' | 'unsigned' | 'either' | 'any';

interface Field extends RelocationRule {
  readonly range: Range;
}

const R = R_X86_64;

const FIELDS: ReadonlyMap<number, Field> = new Map(
  (
    [
      // type, needs, width in bytes, S + A less P or less GOT, range
      [R.R_X86_64_NONE, 'nothing', 0, 'S+A', 'any'],
      [R.R_X86_64_64, 'address', 8, 'S+A', 'any'],
      [R.R_X86_64_32, 'address', 4, 'S+A', 'unsigned'],
      [R.R_X86_64_32S, 'address', 4, 'S+A', 'signed'],
      [R.R_X86_64_16, 'address', 2, 'S+A', 'either'],
      [R.R_X86_64_8, 'address', 1, 'S+A', 'either'],
      [R.R_X86_64_PC64, 'address', 8, 'S+A-P', 'any'],
      [R.R_X86_64_PC32, 'address', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_PC16, 'address', 2, 'S+A-P', 'signed'],
      [R.R_X86_64_PC8, 'address', 1, 'S+A-P', 'signed'],
      [R.R_X86_64_PLT32, 'branch', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_GOTPCREL, 'got', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_GOTPCRELX, 'got', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_REX_GOTPCRELX, 'got', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_CODE_4_GOTPCRELX, 'got', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_CODE_5_GOTPCRELX, 'got', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_CODE_6_GOTPCRELX, 'got', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_GOTPCREL64, 'got', 8, 'S+A-P', 'any'],
      [R.R_X86_64_GOT32, 'got', 4, 'S+A-GOT', 'signed'],
      [R.R_X86_64_GOT64, 'got', 8, 'S+A-GOT', 'any'],
      [R.R_X86_64_GOTPLT64, 'got', 8, 'S+A-GOT', 'any'],
      [R.R_X86_64_GOTOFF64, 'address', 8, 'S+A-GOT', 'any'],
      [R.R_X86_64_PLTOFF64, 'branch', 8, 'S+A-GOT', 'any'],
      [R.R_X86_64_GOTPC32, 'got-base', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_GOTPC64, 'got-base', 8, 'S+A-P', 'any'],
      [R.R_X86_64_SIZE32, 'size', 4, 'S+A', 'unsigned'],
      [R.R_X86_64_SIZE64, 'size', 8, 'S+A', 'any'],
      // Thread-local storage: psABI 4.4.1 and Drepper, "ELF Handling For Thread-Local Storage", 4.
      [R.R_X86_64_TPOFF32, 'tp-offset', 4, 'S+A', 'signed'],
      [R.R_X86_64_TPOFF64, 'tp-offset', 8, 'S+A', 'any'],
      [R.R_X86_64_GOTTPOFF, 'got-tp-offset', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_CODE_4_GOTTPOFF, 'got-tp-offset', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_CODE_5_GOTTPOFF, 'got-tp-offset', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_CODE_6_GOTTPOFF, 'got-tp-offset', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_TLSGD, 'tls-index', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_TLSLD, 'tls-module', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_DTPOFF32, 'module-tls-offset', 4, 'S+A', 'signed'],
      [R.R_X86_64_DTPOFF64, 'module-tls-offset', 8, 'S+A', 'any'],
      [R.R_X86_64_GOTPC32_TLSDESC, 'tls-descriptor', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_CODE_4_GOTPC32_TLSDESC, 'tls-descriptor', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_CODE_5_GOTPC32_TLSDESC, 'tls-descriptor', 4, 'S+A-P', 'signed'],
      [R.R_X86_64_CODE_6_GOTPC32_TLSDESC, 'tls-descriptor', 4, 'S+A-P', 'signed'],
      // Marks `call *(%rax)`: nothing is written there.
      [R.R_X86_64_TLSDESC_CALL, 'tls-call', 0, 'S+A', 'any'],
    ] as const satisfies readonly (readonly [number, RelocationNeed, number, string, Range])[]
  ).map(([type, needs, widthBytes, formula, range]) => [
    type,
    {
      name: relocationName(type),
      needs,
      widthBytes,
      pcRelative: formula === 'S+A-P',
      fromGotBase: formula === 'S+A-GOT',
      range,
    },
  ]),
);

const DYNAMIC: ReadonlyMap<number, DynamicRelocation> = new Map<number, DynamicRelocation>([
  [R.R_X86_64_64, 'address'],
  [R.R_X86_64_GLOB_DAT, 'address'],
  [R.R_X86_64_JUMP_SLOT, 'call-slot'],
  [R.R_X86_64_IRELATIVE, 'resolved'],
  [R.R_X86_64_COPY, 'copy'],
  [R.R_X86_64_DTPMOD64, 'tls-module'],
  [R.R_X86_64_DTPOFF64, 'tls-offset'],
  [R.R_X86_64_TLSDESC, 'tls-descriptor'],
  [R.R_X86_64_TPOFF64, 'tp-offset'],
]);

function fieldOf(type: number, bytes: Uint8Array, offset: number): Field {
  const field = FIELDS.get(type);
  if (!field) {
    throw new HcrError({ code: 'unexpected', detail: `${relocationName(type)} has no rule` });
  }
  if (!Number.isSafeInteger(offset) || offset < 0 || offset + field.widthBytes > bytes.length) {
    throw new HcrError({
      code: 'malformed-file',
      what: 'relocation',
      detail: `${field.name} at offset ${offset} is outside a section of ${bytes.length} bytes`,
    });
  }
  return field;
}

function fits(value: number, bits: number, range: Range): boolean {
  switch (range) {
    case 'signed':
      return value >= -(2 ** (bits - 1)) && value < 2 ** (bits - 1);
    case 'unsigned':
      return value >= 0 && value < 2 ** bits;
    case 'either':
      return value >= -(2 ** (bits - 1)) && value < 2 ** bits;
    case 'any':
      return true;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function apply(type: number, bytes: Uint8Array, offset: number, terms: RelocationTerms): boolean {
  const field = fieldOf(type, bytes, offset);
  const view = viewOf(bytes);
  const { S, A } = terms;
  const P = field.pcRelative ? terms.P : 0;
  if (field.widthBytes === 8) {
    const value = BigInt(S) + BigInt(A) - BigInt(P);
    view.setBigUint64(offset, BigInt.asUintN(64, value), true);
    return true;
  }
  const value = S + A - P;
  if (!fits(value, field.widthBytes * 8, field.range)) return false;
  // The setters keep the low bits, so one serves signed and unsigned.
  if (field.widthBytes === 4) view.setInt32(offset, value, true);
  else if (field.widthBytes === 2) view.setInt16(offset, value, true);
  else if (field.widthBytes === 1) view.setInt8(offset, value);
  return true;
}

function read(
  type: number,
  bytes: Uint8Array,
  offset: number,
  terms: Omit<RelocationTerms, 'S'>,
): number {
  const field = fieldOf(type, bytes, offset);
  const view = viewOf(bytes);
  const { A } = terms;
  const P = field.pcRelative ? terms.P : 0;
  const unsigned = field.range === 'unsigned' || field.range === 'either';
  switch (field.widthBytes) {
    case 8: {
      const S = view.getBigUint64(offset, true) - BigInt(A) + BigInt(P);
      return Number(BigInt.asIntN(64, S));
    }
    case 4:
      return (unsigned ? view.getUint32(offset, true) : view.getInt32(offset, true)) - A + P;
    case 2:
      return (unsigned ? view.getUint16(offset, true) : view.getInt16(offset, true)) - A + P;
    case 1:
      return (unsigned ? view.getUint8(offset) : view.getInt8(offset)) - A + P;
    default:
      return 0;
  }
}

/** @see psABI for AMD64, 4.4.1 */
export const relocations: Relocations = {
  pcBiasBytes: 4,
  rule: (type) => FIELDS.get(type),
  nameOf: relocationName,
  dynamicKind: (type) => DYNAMIC.get(type),
  apply,
  read,
};
