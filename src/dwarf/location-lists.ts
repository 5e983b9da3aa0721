/**
 * Where something is at one place in the code: what `DW_AT_location` says, be it one expression
 * or a list of them by address. Version 5 keeps lists in `.debug_loclists`, older versions in
 * `.debug_loc`.
 *
 * gcc tells apart several states of the source at one address, its views. A parameter that is
 * overwritten before the first instruction has an entry for its first state that ends where it
 * starts. For the specification such an entry is empty, yet it is the one that holds on entry.
 * The views themselves are numbers before the list (`DW_AT_GNU_locviews`) or in it
 * (`DW_LLE_GNU_view_pair`), and are not needed: entries are in the order of states.
 * @see DWARF 5, 2.6.2 and 7.7.3; DWARF 4, 2.6.2
 */
import type { ByteReader } from '../core/byte-reader.js';
import { HcrError } from '../core/failure.js';
import { DW_LLE, DW_LLE_GNU } from './constants.js';
import { type DebugSection, parseAt, readerOver } from './debug-sections.js';
import type { Die, DieOwner } from './die.js';
import { readAddress, readOffset } from './form.js';
import { readUleb128 } from './leb128.js';
import type { RangeContext } from './range-lists.js';
import { ReadBudget } from './read-budget.js';

/** Usually more than a list takes. */
const USUAL_LIST_BYTES = 256;

const budgets = new WeakMap<DebugSection, ReadBudget>();

/** An expression and where it holds, half-open. */
interface Located {
  readonly start: number | undefined;
  readonly end: number | undefined;
  readonly expression: Uint8Array;
}

interface LocationList {
  readonly located: readonly Located[];
  /** Holds where none of them does. */
  readonly byDefault: Uint8Array | undefined;
}

/** By unit, then by where the list is. */
const known = new WeakMap<DieOwner, Map<number, LocationList | undefined>>();

/** The expression that holds when the instruction at `address` has not run yet; `undefined` when
 *  none does. Borrowed.
 *  @param attribute one of the class exprloc or loclist
 *  @throws HcrError `malformed-file` when the list is damaged or outside its section */
export function expressionAt(die: Die, attribute: number, address: number): Uint8Array | undefined {
  const value = die.value(attribute);
  const { unit } = die;
  switch (value?.kind) {
    case 'block':
      return value.bytes;
    case 'section-offset':
      return expressionInList(unit, unit.locationLists().start + value.offset, address);
    case 'list-index':
      return expressionInList(unit, offsetOfList(unit, value.index), address);
    case 'constant':
      // How DWARF 3 and older wrote an offset into a section.
      if (unit.header.encoding.version > 3 || typeof value.value !== 'number') return undefined;
      return expressionInList(unit, value.value, address);
    default:
      return undefined;
  }
}

function expressionInList(unit: DieOwner, offset: number, address: number): Uint8Array | undefined {
  const lists = known.get(unit) ?? new Map<number, LocationList | undefined>();
  known.set(unit, lists);
  if (!lists.has(offset)) lists.set(offset, readList(unit, offset));
  const list = lists.get(offset);
  return (
    list?.located.find(({ start, end }) => holdsAt(address, start, end))?.expression ??
    list?.byDefault
  );
}

function readList(unit: DieOwner, offset: number): LocationList | undefined {
  const isOld = unit.header.encoding.version < 5;
  const section = unit.sections.section(isOld ? '.debug_loc' : '.debug_loclists');
  if (section === undefined) return undefined;
  const oldList = unit.locationLists().isSplit ? readSplitList : readOldList;
  const parse = isOld ? oldList : readNewList;
  const context = unit.rangeContext();
  const budget = budgetOf(section);
  // When nothing is left, not even the first byte is read.
  budget.spend(0);
  let readBytes = 0;
  try {
    return parseAt(section, offset, USUAL_LIST_BYTES, (reader) => {
      try {
        return parse(reader, context);
      } finally {
        readBytes += reader.offset;
      }
    });
  } finally {
    budget.spend(readBytes);
  }
}

function readNewList(reader: ByteReader, context: RangeContext): LocationList {
  const { addressBytes } = context.encoding;
  const located: Located[] = [];
  let base = context.baseAddress;
  let byDefault: Uint8Array | undefined;
  for (;;) {
    let start: number | undefined;
    let end: number | undefined;
    const kind = reader.u8();
    switch (kind) {
      case DW_LLE.end_of_list:
        return { located, byDefault };
      case DW_LLE.base_addressx:
        base = context.indexedAddress(readUleb128(reader));
        continue;
      case DW_LLE.base_address:
        base = readAddress(reader, addressBytes);
        continue;
      case DW_LLE.GNU_view_pair:
        readUleb128(reader);
        readUleb128(reader);
        continue;
      case DW_LLE.default_location:
        byDefault = reader.take(readUleb128(reader)).slice();
        continue;
      case DW_LLE.startx_endx:
        start = context.indexedAddress(readUleb128(reader));
        end = context.indexedAddress(readUleb128(reader));
        break;
      case DW_LLE.startx_length:
        start = context.indexedAddress(readUleb128(reader));
        end = plus(start, readUleb128(reader));
        break;
      case DW_LLE.offset_pair:
        start = plus(base, readUleb128(reader));
        end = plus(base, readUleb128(reader));
        break;
      case DW_LLE.start_end:
        start = readAddress(reader, addressBytes);
        end = readAddress(reader, addressBytes);
        break;
      case DW_LLE.start_length:
        start = readAddress(reader, addressBytes);
        end = plus(start, readUleb128(reader));
        break;
      default:
        return reader.fail(`unknown location list entry 0x${kind.toString(16)}`);
    }
    const expression = reader.take(readUleb128(reader)).slice();
    located.push({ start, end, expression });
  }
}

/** Pairs of addresses, relative to the base, each with its expression; (0, 0) ends the list; the
 *  greatest address as the first of a pair makes the second the base, without an expression. */
function readOldList(reader: ByteReader, context: RangeContext): LocationList {
  const { addressBytes } = context.encoding;
  const located: Located[] = [];
  let base = context.baseAddress;
  for (;;) {
    const isBase = isGreatest(reader, addressBytes);
    const start = readAddress(reader, addressBytes);
    const end = readAddress(reader, addressBytes);
    if (isBase) {
      base = end;
      continue;
    }
    if (start === 0 && end === 0) return { located, byDefault: undefined };
    const expression = reader.take(reader.u16()).slice();
    located.push({ start: plus(base, start), end: plus(base, end), expression });
  }
}

/** Before version 5 split units had a form of their own, with addresses by number.
 *  @see https://gcc.gnu.org/wiki/DebugFission, "Location lists" */
function readSplitList(reader: ByteReader, context: RangeContext): LocationList {
  const located: Located[] = [];
  let base = context.baseAddress;
  for (;;) {
    let start: number | undefined;
    let end: number | undefined;
    const kind = reader.u8();
    switch (kind) {
      case DW_LLE_GNU.end_of_list_entry:
        return { located, byDefault: undefined };
      case DW_LLE_GNU.base_address_selection_entry:
        base = context.indexedAddress(readUleb128(reader));
        continue;
      case DW_LLE_GNU.start_end_entry:
        start = context.indexedAddress(readUleb128(reader));
        end = context.indexedAddress(readUleb128(reader));
        break;
      case DW_LLE_GNU.start_length_entry:
        start = context.indexedAddress(readUleb128(reader));
        end = plus(start, reader.u32());
        break;
      case DW_LLE_GNU.offset_pair_entry:
        start = plus(base, reader.u32());
        end = plus(base, reader.u32());
        break;
      default:
        return reader.fail(`unknown location list entry 0x${kind.toString(16)}`);
    }
    const expression = reader.take(reader.u16()).slice();
    located.push({ start, end, expression });
  }
}

/** {@link readAddress} has one answer for this and for the marks of discarded code, but those
 *  are followed by an expression. */
function isGreatest(reader: ByteReader, addressBytes: number): boolean {
  const { offset } = reader;
  const isIt = reader.take(addressBytes).every((byte) => byte === 0xff);
  reader.seek(offset);
  return isIt;
}

function holdsAt(address: number, start: number | undefined, end: number | undefined): boolean {
  if (start === undefined || end === undefined) return false;
  return start <= address && (address < end || (start === address && end === address));
}

/** Where the list with this number starts in `.debug_loclists`. */
function offsetOfList(unit: DieOwner, index: number): number {
  const section = unit.sections.section('.debug_loclists');
  if (section === undefined) {
    throw new HcrError({
      code: 'malformed-file',
      what: unit.sections.what,
      detail: 'a location list by number without a table of them',
    });
  }
  const { encoding } = unit.header;
  const { table } = unit.locationLists();
  const at = table + index * encoding.offsetBytes;
  return table + readOffset(readerOver(section, at, encoding.offsetBytes), encoding);
}

function budgetOf(section: DebugSection): ReadBudget {
  const known = budgets.get(section);
  if (known !== undefined) return known;
  const budget = new ReadBudget(section.what, section.sizeBytes);
  budgets.set(section, budget);
  return budget;
}

function plus(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}
