/**
 * Which code the entries of a unit cover. A split unit has its lists of ranges in the program before
 * version 5 and beside itself since, and always its addresses in the program.
 * @see DWARF 5, 2.17 and 2.18
 */
import { type Vaddr, type VaddrRange, vaddr } from '../core/address.js';
import { DW_AT } from './constants.js';
import type { Die, DieOwner } from './die.js';
import type { FormValue } from './form.js';
import { type RangeContext, type RangeLists, liveRange } from './range-lists.js';
import type { RootValues } from './root-values.js';

type RangedUnit = Pick<DieOwner, 'header' | 'addressOf' | 'indexedAddress'> & {
  readonly root: Die;
};

export interface RangePlace {
  /** Those of the file. */
  readonly lists: RangeLists;
  /** What offsets of version 5 count from. */
  readonly start: number;
  readonly values: () => RootValues;
  /** Of what the program itself holds of a split unit. */
  readonly skeleton: UnitRanges | undefined;
}

export class UnitRanges {
  private readonly unit: RangedUnit;
  private readonly place: RangePlace;
  private contextOnce: RangeContext | undefined;

  constructor(unit: RangedUnit, place: RangePlace) {
    this.unit = unit;
    this.place = place;
  }

  /** The code an entry covers: `DW_AT_ranges`, else `DW_AT_low_pc` up to `DW_AT_high_pc`.
   *  @throws HcrError `malformed-file`
   *  @see DWARF 5, 2.17 */
  of(die: Die): readonly VaddrRange[] {
    const list = die.value(DW_AT.ranges);
    if (list !== undefined) {
      const offset = this.listOffset(list);
      return offset === undefined ? [] : this.at(offset);
    }
    const low = die.address(DW_AT.low_pc);
    const high = die.value(DW_AT.high_pc);
    if (low === undefined || high === undefined) return [];
    const end =
      high.kind === 'constant' ? low + Number(high.value) : (this.unit.addressOf(high) ?? low);
    const range = liveRange(low, end);
    return range === undefined ? [] : [range];
  }

  /** Where the code of an entry is entered: as it says, else `DW_AT_low_pc`, else the start of
   *  its first range. `undefined` when it has no code in the program.
   *  @throws HcrError `malformed-file`
   *  @see DWARF 5, 2.18 */
  entryOf(die: Die): Vaddr | undefined {
    const entry = die.address(DW_AT.entry_pc) ?? die.address(DW_AT.low_pc);
    if (entry !== undefined) return entry > 1 ? vaddr(entry) : undefined;
    return this.of(die)[0]?.start;
  }

  /** What lists of the unit are read with; the same object each time. */
  context(): RangeContext {
    if (this.place.skeleton !== undefined) return this.place.skeleton.context();
    const { root, header } = this.unit;
    this.contextOnce ??= {
      encoding: header.encoding,
      baseAddress: root.has(DW_AT.low_pc) ? root.address(DW_AT.low_pc) : 0,
      indexedAddress: (index) => this.unit.indexedAddress(index),
    };
    return this.contextOnce;
  }

  private get isOld(): boolean {
    return this.unit.header.encoding.version < 5;
  }

  private at(offset: number): readonly VaddrRange[] {
    const { skeleton, lists } = this.place;
    // Before version 5 only the program had a section of ranges.
    const where = skeleton !== undefined && this.isOld ? skeleton.place.lists : lists;
    return where.at(offset, this.context());
  }

  private listOffset(value: FormValue): number | undefined {
    switch (value.kind) {
      case 'section-offset':
        return value.offset + this.offsetsStart();
      case 'constant':
        return Number(value.value);
      case 'list-index': {
        const { lists, values } = this.place;
        const { encoding } = this.unit.header;
        return lists.offsetOfIndex(value.index, values().rnglistsBase, encoding);
      }
      default:
        return undefined;
    }
  }

  /** What offsets of lists count from. */
  private offsetsStart(): number {
    const { skeleton, start } = this.place;
    if (!this.isOld) return start;
    return skeleton === undefined ? 0 : skeleton.place.values().rangesBase;
  }
}
