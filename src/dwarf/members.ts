/**
 * The members of structures, classes and unions, and where in them they are.
 * @see DWARF 5, 5.7
 */
import { DW_AT, DW_TAG } from './constants.js';
import type { Die } from './die.js';
import { memberOffset } from './expression.js';
import { sizeOfType, type TypeDie, typeOf } from './types.js';

export interface Member {
  /** Empty for anonymous members and base classes. */
  readonly name: string;
  readonly type: TypeDie;
  /** From the start of the record; `undefined` where it is only known at run time. Of a bit field
   *  the byte in which it starts. */
  readonly offsetBytes: number | undefined;
  readonly bits: BitField | undefined;
  readonly isBaseClass: boolean;
}

export interface BitField {
  /** From the start of the record, in the order of memory. */
  readonly offsetBits: number;
  readonly sizeBits: number;
}

/** The data members of a record in the order of the file, base classes included; not its static
 *  ones.
 *  @throws HcrError `malformed-file` */
export function readMembers(die: Die): readonly Member[] {
  const members: Member[] = [];
  for (const child of die.children()) {
    const isBaseClass = child.tag === DW_TAG.inheritance;
    if (!isBaseClass && child.tag !== DW_TAG.member) continue;
    if (child.flag(DW_AT.declaration) || child.flag(DW_AT.external)) continue;
    const name = isBaseClass ? '' : (child.text(DW_AT.name) ?? '');
    members.push({ name, type: typeOf(child), isBaseClass, ...readPlace(child) });
  }
  return members;
}

/** @see DWARF 5, 5.7.6; DWARF 3, 5.6.6 for `DW_AT_bit_offset` */
function readPlace(die: Die): Pick<Member, 'offsetBytes' | 'bits'> {
  const offset = memberLocation(die);
  const sizeBits = die.constant(DW_AT.bit_size);
  if (sizeBits === undefined) return { offsetBytes: offset, bits: undefined };
  const offsetBits = bitFieldOffset(die, offset ?? 0, sizeBits);
  return { offsetBytes: Math.floor(offsetBits / 8), bits: { offsetBits, sizeBits } };
}

function bitFieldOffset(die: Die, offsetBytes: number, sizeBits: number): number {
  const fromStart = die.constant(DW_AT.data_bit_offset);
  if (fromStart !== undefined) return offsetBytes * 8 + fromStart;
  // Counted from the most significant bit of the storage unit.
  const fromTop = signedConstant(die, DW_AT.bit_offset) ?? 0;
  if (!die.unit.littleEndian) return offsetBytes * 8 + fromTop;
  const storageBytes = die.constant(DW_AT.byte_size) ?? sizeOfType(typeOf(die)) ?? 0;
  return offsetBytes * 8 + storageBytes * 8 - fromTop - sizeBits;
}

function memberLocation(die: Die): number | undefined {
  const value = die.value(DW_AT.data_member_location);
  switch (value?.kind) {
    case undefined:
      return 0;
    case 'constant':
      return typeof value.value === 'number' ? value.value : undefined;
    case 'block':
      return memberOffset(value.bytes, die.unit.littleEndian);
    default:
      return undefined;
  }
}

/** gcc writes a negative bit offset in as few bytes as hold it. */
function signedConstant(die: Die, attribute: number): number | undefined {
  const value = die.value(attribute);
  if (value?.kind !== 'constant') return undefined;
  const bits = value.sizeBytes * 8;
  return bits === 0 ? Number(value.value) : Number(BigInt.asIntN(bits, BigInt(value.value)));
}
