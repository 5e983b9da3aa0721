/**
 * Lists of address ranges: what `DW_AT_ranges` refers to. Version 5 keeps them in
 * `.debug_rnglists`, older versions in `.debug_ranges`.
 * @see DWARF 5, 2.17.3 and 7.25; DWARF 4, 2.17.3
 */
import { type VaddrRange, vaddr } from '../core/address.js';
import type { ByteReader } from '../core/byte-reader.js';
import { HcrError } from '../core/failure.js';
import { DW_RLE } from './constants.js';
import { type DebugSections, parseAt, readerOver } from './debug-sections.js';
import { type Encoding, readAddress, readOffset } from './form.js';
import { readUleb128 } from './leb128.js';
import { ReadBudget } from './read-budget.js';

/** Usually more than a list takes. */
const USUAL_LIST_BYTES = 256;

/** What a list in a unit is read with. */
export interface RangeContext {
  readonly encoding: Encoding;
  /** The unit's own base address: `DW_AT_low_pc` of its root, 0 when it has none, `undefined`
   *  when the linker discarded what it names. */
  readonly baseAddress: number | undefined;
  /** Resolves an index into `.debug_addr`. */
  readonly indexedAddress: (index: number) => number | undefined;
}

export class RangeLists {
  private readonly sections: DebugSections;
  private readonly budgets = new Map<string, ReadBudget>();
  /** By what a list is read with, then by its offset. */
  private readonly known = new WeakMap<RangeContext, Map<number, readonly VaddrRange[]>>();

  constructor(sections: DebugSections) {
    this.sections = sections;
  }

  /**
   * The ranges of the list at `offset` of its section: those of code that is there, in the list's
   * order. Ranges of code that the linker discarded and empty ones are left out.
   * @param context the same object for all lists of a unit: each is read once
   * @throws HcrError `malformed-file` when the list is damaged or outside the section
   */
  at(offset: number, context: RangeContext): readonly VaddrRange[] {
    const ofUnit = this.known.get(context) ?? new Map<number, readonly VaddrRange[]>();
    this.known.set(context, ofUnit);
    const known = ofUnit.get(offset);
    if (known !== undefined) return known;
    const ranges = this.read(offset, context);
    ofUnit.set(offset, ranges);
    return ranges;
  }

  private read(offset: number, context: RangeContext): readonly VaddrRange[] {
    const isOld = context.encoding.version < 5;
    const section = this.sections.section(isOld ? '.debug_ranges' : '.debug_rnglists');
    if (section === undefined) return [];
    const parse = isOld ? readOldList : readList;
    const { ranges, lengthBytes } = parseAt(section, offset, USUAL_LIST_BYTES, (reader) => ({
      ranges: parse(reader, context),
      lengthBytes: reader.offset,
    }));
    this.budgetOf(section.what, section.sizeBytes).spend(lengthBytes);
    return ranges;
  }

  /** Where the list with this number in the table at `base` starts in `.debug_rnglists`.
   *  @throws HcrError `malformed-file` when the index is outside the section */
  offsetOfIndex(index: number, base: number, encoding: Encoding): number {
    const section = this.sections.section('.debug_rnglists');
    if (section === undefined) {
      throw new HcrError({
        code: 'malformed-file',
        what: this.sections.what,
        detail: 'a range list by number without .debug_rnglists',
      });
    }
    const at = base + index * encoding.offsetBytes;
    return base + readOffset(readerOver(section, at, encoding.offsetBytes), encoding);
  }

  private budgetOf(what: string, sizeBytes: number): ReadBudget {
    let budget = this.budgets.get(what);
    if (budget === undefined) {
      budget = new ReadBudget(what, sizeBytes);
      this.budgets.set(what, budget);
    }
    return budget;
  }
}

/** A range of code that is in the program. Linkers write 0 or 1 for the start of a discarded
 *  section and leave the length; no code of a linked program starts there. */
export function liveRange(
  start: number | undefined,
  end: number | undefined,
): VaddrRange | undefined {
  if (start === undefined || end === undefined) return undefined;
  if (start <= 1 || end <= start || end > Number.MAX_SAFE_INTEGER) return undefined;
  return { start: vaddr(start), end: vaddr(end) };
}

function readList(reader: ByteReader, context: RangeContext): readonly VaddrRange[] {
  const { addressBytes } = context.encoding;
  const ranges: VaddrRange[] = [];
  const add = (start: number | undefined, end: number | undefined): void => {
    const range = liveRange(start, end);
    if (range !== undefined) ranges.push(range);
  };
  let base = context.baseAddress;
  for (;;) {
    const entry = reader.u8();
    switch (entry) {
      case DW_RLE.end_of_list:
        return ranges;
      case DW_RLE.base_addressx:
        base = context.indexedAddress(readUleb128(reader));
        break;
      case DW_RLE.base_address:
        base = readAddress(reader, addressBytes);
        break;
      case DW_RLE.startx_endx: {
        const start = context.indexedAddress(readUleb128(reader));
        add(start, context.indexedAddress(readUleb128(reader)));
        break;
      }
      case DW_RLE.startx_length: {
        const start = context.indexedAddress(readUleb128(reader));
        add(start, plus(start, readUleb128(reader)));
        break;
      }
      case DW_RLE.offset_pair: {
        const start = plus(base, readUleb128(reader));
        add(start, plus(base, readUleb128(reader)));
        break;
      }
      case DW_RLE.start_end: {
        const start = readAddress(reader, addressBytes);
        add(start, readAddress(reader, addressBytes));
        break;
      }
      case DW_RLE.start_length: {
        const start = readAddress(reader, addressBytes);
        add(start, plus(start, readUleb128(reader)));
        break;
      }
      default:
        reader.fail(`unknown range list entry 0x${entry.toString(16)}`);
    }
  }
}

/** Pairs of addresses, relative to the base; (0, 0) ends the list; the greatest address as the
 *  first of a pair makes the second the base. */
function readOldList(reader: ByteReader, context: RangeContext): readonly VaddrRange[] {
  const { addressBytes } = context.encoding;
  const ranges: VaddrRange[] = [];
  let base = context.baseAddress;
  for (;;) {
    const start = readAddress(reader, addressBytes);
    const end = readAddress(reader, addressBytes);
    if (start === 0 && end === 0) return ranges;
    if (start === undefined) {
      base = end;
      continue;
    }
    const range = liveRange(plus(start, base), plus(end, base));
    if (range !== undefined) ranges.push(range);
  }
}

function plus(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}
