/**
 * Location expressions as texts that two files can be compared by.
 *
 * Most of an expression means the same everywhere: registers, offsets, numbers. That stays as
 * the hexadecimal digits of its bytes. An operand that leads to another place in the file is
 * replaced by what is there: a base type by its encoding and size, a parameter by its number, an
 * address by the name of what it is the address of. An expression with an operand for which there
 * is no such text has none itself.
 * @see DWARF 5, 2.5, 2.6.1 and 7.7.1
 */
import { ByteReader } from '../core/byte-reader.js';
import { DW_AT, DW_OP, DW_TAG } from './constants.js';
import type { Die, DieOwner } from './die.js';
import { readAddress } from './form.js';
import { readUleb128, skipLeb128 } from './leb128.js';

export interface ExpressionSurroundings {
  readonly unit: DieOwner;
  /** What is at an address, in words that are the same for another file; `undefined` when that
   *  isn't known. Never asked for 0, which is also what is not linked yet. */
  nameOfAddress(address: number): string | undefined;
  /** Number of a parameter of the function. */
  numberOfParameter(parameter: Die): number | undefined;
  /** What offsets in the function's frame count from, as a text. */
  readonly frameBase: string | undefined;
}

/** Longer than expressions are: a list may lead to a large one from many places. */
const MAX_EXPRESSION_BYTES = 4096;

/** Expressions within expressions. */
const MAX_DEPTH = 4;

/** `undefined` when something in it means nothing outside its file, or is unknown to hcr.
 *  @throws HcrError `malformed-file` when the expression is cut short */
export function portableExpression(
  expression: Uint8Array,
  around: ExpressionSurroundings,
  depth = 0,
): string | undefined {
  if (expression.length > MAX_EXPRESSION_BYTES || depth > MAX_DEPTH) return undefined;
  const reader = new ByteReader(expression, around.unit.littleEndian, 'location expression');
  let text = '';
  while (!reader.atEnd) {
    const operation = reader.u8();
    const operands = operandsOf(operation);
    if (operands === undefined) return undefined;
    text += hexText(Uint8Array.of(operation));
    for (const kind of operands) {
      const operand = operandText(kind, reader, around, depth);
      if (operand === undefined) return undefined;
      text += operand;
    }
  }
  return text;
}

export function hexText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A number is a size in bytes. */
type OperandKind =
  | number
  | 'leb'
  | 'block8'
  | 'value'
  | 'expression'
  | 'address'
  | 'address-index'
  | 'type'
  | 'parameter'
  | 'frame-offset';

const OPERANDS: ReadonlyMap<number, readonly OperandKind[]> = new Map<
  number,
  readonly OperandKind[]
>([
  [DW_OP.addr, ['address']],
  [DW_OP.addrx, ['address-index']],
  [DW_OP.GNU_addr_index, ['address-index']],
  [DW_OP.const1u, [1]],
  [DW_OP.const1s, [1]],
  [DW_OP.const2u, [2]],
  [DW_OP.const2s, [2]],
  [DW_OP.const4u, [4]],
  [DW_OP.const4s, [4]],
  [DW_OP.const8u, [8]],
  [DW_OP.const8s, [8]],
  [DW_OP.constu, ['leb']],
  [DW_OP.consts, ['leb']],
  [DW_OP.pick, [1]],
  [DW_OP.plus_uconst, ['leb']],
  [DW_OP.bra, [2]],
  [DW_OP.skip, [2]],
  [DW_OP.regx, ['leb']],
  [DW_OP.fbreg, ['frame-offset']],
  [DW_OP.bregx, ['leb', 'leb']],
  [DW_OP.piece, ['leb']],
  [DW_OP.bit_piece, ['leb', 'leb']],
  [DW_OP.deref_size, [1]],
  [DW_OP.xderef_size, [1]],
  [DW_OP.implicit_value, ['value']],
  [DW_OP.entry_value, ['expression']],
  [DW_OP.GNU_entry_value, ['expression']],
  [DW_OP.const_type, ['type', 'block8']],
  [DW_OP.GNU_const_type, ['type', 'block8']],
  [DW_OP.regval_type, ['leb', 'type']],
  [DW_OP.GNU_regval_type, ['leb', 'type']],
  [DW_OP.deref_type, [1, 'type']],
  [DW_OP.GNU_deref_type, [1, 'type']],
  [DW_OP.xderef_type, [1, 'type']],
  [DW_OP.convert, ['type']],
  [DW_OP.GNU_convert, ['type']],
  [DW_OP.reinterpret, ['type']],
  [DW_OP.GNU_reinterpret, ['type']],
  [DW_OP.GNU_parameter_ref, ['parameter']],
]);

const NO_OPERANDS: readonly (readonly [first: number, last: number])[] = [
  [DW_OP.deref, DW_OP.deref],
  [DW_OP.dup, DW_OP.over],
  [DW_OP.swap, DW_OP.plus],
  [DW_OP.shl, DW_OP.xor],
  [DW_OP.eq, DW_OP.ne],
  [DW_OP.lit0, DW_OP.reg31],
  [DW_OP.nop, DW_OP.nop],
  [DW_OP.call_frame_cfa, DW_OP.call_frame_cfa],
  [DW_OP.stack_value, DW_OP.stack_value],
  [DW_OP.GNU_uninit, DW_OP.GNU_uninit],
];

/** `undefined` also for those without a portable text: thread-locals, pointers to what is
 *  nowhere, calls of other expressions. */
function operandsOf(operation: number): readonly OperandKind[] | undefined {
  if (operation >= DW_OP.breg0 && operation <= DW_OP.breg31) return ['leb'];
  const isAlone = NO_OPERANDS.some(([first, last]) => operation >= first && operation <= last);
  return isAlone ? [] : OPERANDS.get(operation);
}

function operandText(
  kind: OperandKind,
  reader: ByteReader,
  around: ExpressionSurroundings,
  depth: number,
): string | undefined {
  const { unit } = around;
  if (typeof kind === 'number') return hexText(reader.take(kind));
  switch (kind) {
    case 'leb':
      return lebText(reader);
    case 'block8':
      return hexText(reader.take(reader.u8()));
    case 'value':
      return valueText(reader.sub(readUleb128(reader)), around);
    case 'expression': {
      const inner = portableExpression(reader.take(readUleb128(reader)), around, depth + 1);
      return inner === undefined ? undefined : `(${inner})`;
    }
    case 'address':
      return addressText(readAddress(reader, unit.header.encoding.addressBytes), around);
    case 'address-index':
      return addressText(unit.indexedAddress(readUleb128(reader)), around);
    case 'type':
      return typeText(readUleb128(reader), unit);
    case 'parameter': {
      const parameter = unit.referenceOf({ kind: 'unit-reference', offset: reader.u32() });
      const number = parameter && around.numberOfParameter(parameter);
      return number === undefined ? undefined : `{parameter ${number}}`;
    }
    case 'frame-offset': {
      const offset = lebText(reader);
      return around.frameBase === undefined ? undefined : `${offset}{${around.frameBase}}`;
    }
  }
}

function lebText(reader: ByteReader): string {
  const start = reader.offset;
  skipLeb128(reader);
  return hexText(reader.bytes.subarray(start, reader.offset));
}

/** gcc writes the address of a symbol in this way too, and nothing tells it from a number. */
function valueText(value: ByteReader, around: ExpressionSurroundings): string | undefined {
  const { addressBytes } = around.unit.header.encoding;
  const bytes = hexText(value.bytes);
  if (value.remaining !== addressBytes) return `[${bytes}]`;
  const number = readAddress(value, addressBytes);
  return number === undefined ? `[${bytes}]` : addressText(number, around);
}

function addressText(
  address: number | undefined,
  around: ExpressionSurroundings,
): string | undefined {
  const name = address === undefined || address === 0 ? undefined : around.nameOfAddress(address);
  return name === undefined ? undefined : `{${name}}`;
}

/** @param offset of the base type in the unit; 0 for a number that is as wide as an address */
function typeText(offset: number, unit: DieOwner): string | undefined {
  if (offset === 0) return '{}';
  const type = unit.referenceOf({ kind: 'unit-reference', offset });
  if (type?.tag !== DW_TAG.base_type) return undefined;
  return `{${type.constant(DW_AT.encoding) ?? '?'}:${type.constant(DW_AT.byte_size) ?? '?'}}`;
}
