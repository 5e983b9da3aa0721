/**
 * The few location expressions that name a fixed place. All others (registers, frame offsets,
 * pieces, values that are in no memory) are of no use for finding static storage.
 * @see DWARF 5, 2.5 and 2.6; 7.7.1
 */
import { type Vaddr, vaddr } from '../core/address.js';
import { ByteReader } from '../core/byte-reader.js';
import { DW_OP } from './constants.js';
import type { Die } from './die.js';
import { readAddress } from './form.js';
import { readUleb128 } from './leb128.js';

export type StaticLocation =
  | { readonly kind: 'static'; readonly vaddr: Vaddr }
  /** Counted from the start of the module's thread-local block. */
  | { readonly kind: 'tls'; readonly offset: number };

/** Where a variable with static storage is, by the expression in `attribute` of `die`.
 *  `undefined` when that says anything else, and for storage the linker discarded.
 *  @throws HcrError `malformed-file` when the expression is cut short */
export function staticLocation(die: Die, attribute: number): StaticLocation | undefined {
  const expression = die.block(attribute);
  if (expression === undefined || expression.length === 0) return undefined;
  const reader = new ByteReader(expression, die.unit.littleEndian, 'location expression');
  let value = readOperand(reader, die);
  if (value === undefined) return undefined;
  let isThreadLocal = false;
  while (!reader.atEnd) {
    const operation = reader.u8();
    switch (operation) {
      case DW_OP.plus_uconst:
        value = { ...value, number: value.number + readUleb128(reader) };
        break;
      case DW_OP.form_tls_address:
      case DW_OP.GNU_push_tls_address:
        isThreadLocal = true;
        break;
      default:
        return undefined;
    }
  }
  if (isThreadLocal) return { kind: 'tls', offset: die.unit.threadLocalOffset(value.number) };
  if (!value.isAddress || value.number === 0) return undefined;
  return { kind: 'static', vaddr: vaddr(value.number) };
}

/** The offset of a member where it is written as an expression, as DWARF 2 did.
 *  @throws HcrError `malformed-file` when the expression is cut short */
export function memberOffset(expression: Uint8Array, littleEndian: boolean): number | undefined {
  if (expression.length === 0) return undefined;
  const reader = new ByteReader(expression, littleEndian, 'member location');
  if (reader.u8() !== DW_OP.plus_uconst) return undefined;
  const offset = readUleb128(reader);
  return reader.atEnd ? offset : undefined;
}

/** The number that an expression of one constant stands for, such as the slot of a virtual method.
 *  @throws HcrError `malformed-file` when the expression is cut short */
export function constantOf(die: Die, attribute: number): number | undefined {
  const expression = die.block(attribute);
  if (expression === undefined || expression.length === 0) return die.constant(attribute);
  const reader = new ByteReader(expression, die.unit.littleEndian, 'constant expression');
  const value = readOperand(reader, die);
  return value !== undefined && reader.atEnd ? value.number : undefined;
}

interface Operand {
  readonly number: number;
  readonly isAddress: boolean;
}

function readOperand(reader: ByteReader, die: Die): Operand | undefined {
  const operation = reader.u8();
  switch (operation) {
    case DW_OP.addr:
      return operand(readAddress(reader, die.unit.header.encoding.addressBytes), true);
    case DW_OP.addrx:
    case DW_OP.GNU_addr_index:
      return operand(die.unit.indexedAddress(readUleb128(reader)), true);
    case DW_OP.constx:
    case DW_OP.GNU_const_index:
      return operand(die.unit.indexedAddress(readUleb128(reader)), false);
    case DW_OP.const4u:
    case DW_OP.const4s:
      return operand(readAddress(reader, 4), false);
    case DW_OP.const8u:
    case DW_OP.const8s:
      return operand(readAddress(reader, 8), false);
    case DW_OP.constu:
      return operand(readUleb128(reader), false);
    default:
      return undefined;
  }
}

function operand(number: number | undefined, isAddress: boolean): Operand | undefined {
  return number === undefined ? undefined : { number, isAddress };
}
