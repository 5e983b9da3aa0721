/**
 * One debugging information entry. Attributes are decoded when asked for; a question about an
 * attribute of the wrong class is answered as if it were absent, since the file may say anything.
 * @see DWARF 5, 2.2 and 7.5.2
 */
import type { ByteReader } from '../core/byte-reader.js';
import type { Abbrev } from './abbrev.js';
import type { DebugSections } from './debug-sections.js';
import { type FormValue, readForm, skipForm } from './form.js';
import type { RangeContext } from './range-lists.js';
import type { UnitHeader } from './unit-header.js';

/** What an entry needs from its unit to make sense of its attributes. */
export interface DieOwner {
  readonly header: UnitHeader;
  /** Where it starts, in a count that goes on from one section and file to the next. */
  readonly offset: number;
  readonly littleEndian: boolean;
  /** Those of the file. */
  readonly sections: DebugSections;
  /** `DW_AT_language`. */
  readonly language: number | undefined;
  /** @throws HcrError `malformed-file` */
  textOf(value: FormValue): string | undefined;
  /** @throws HcrError `malformed-file` */
  addressOf(value: FormValue): number | undefined;
  /** @throws HcrError `malformed-file` when it leads to no entry */
  referenceOf(value: FormValue): Die | undefined;
  /** An address from `.debug_addr`.
   *  @throws HcrError `malformed-file` */
  indexedAddress(index: number): number | undefined;
  /** Where in the thread-local block of its module a variable is that an expression says is at
   *  `offset` of it. */
  threadLocalOffset(offset: number): number;
  /** What its lists of ranges and locations are read with. */
  rangeContext(): RangeContext;
  /** Where its lists of locations are. */
  locationLists(): LocationLists;
  /** Path of a file by its number in the unit. */
  filePath(index: number): string | undefined;
  dieAtIndex(index: number): Die;
  /** Index of the parent; -1 for the root. */
  parentIndex(index: number): number;
  /** Index after the last descendant. */
  endIndex(index: number): number;
}

/** Where the location lists of a unit are in `.debug_loclists` or `.debug_loc`. */
export interface LocationLists {
  /** What offsets of lists count from: 0 but in packages. */
  readonly start: number;
  /** Where the table of lists by number is. */
  readonly table: number;
  /** Whether the list is in a file of split debug information. */
  readonly isSplit: boolean;
}

/** What a chain of `DW_AT_abstract_origin` and `DW_AT_specification` never exceeds. */
const MAX_ORIGINS = 32;

export class Die {
  readonly unit: DieOwner;
  /** Place in the unit's order, 0 for the root. */
  readonly index: number;
  /** Where it starts, counted from the start of the unit. */
  readonly offsetInUnit: number;
  private readonly abbrev: Abbrev;
  private readonly reader: ByteReader;
  private readonly attributesOffset: number;

  /** @param reader over the unit, at least up to the end of this entry. Entries share it: each
   *  read seeks first, and is done before the next. */
  constructor(
    unit: DieOwner,
    index: number,
    offsetInUnit: number,
    abbrev: Abbrev,
    reader: ByteReader,
    attributesOffset: number,
  ) {
    this.unit = unit;
    this.index = index;
    this.offsetInUnit = offsetInUnit;
    this.abbrev = abbrev;
    this.reader = reader;
    this.attributesOffset = attributesOffset;
  }

  /** Its identity: where it starts in `.debug_info`, or beyond that for entries of other sections
   *  and files. */
  get offset(): number {
    return this.unit.offset + this.offsetInUnit;
  }

  /** A `DW_TAG` number. */
  get tag(): number {
    return this.abbrev.tag;
  }

  /** `undefined` when the entry has no such attribute.
   *  @throws HcrError `malformed-file` */
  value(attribute: number): FormValue | undefined {
    if (!this.has(attribute)) return undefined;
    const { encoding } = this.unit.header;
    const reader = this.reader.seek(this.attributesOffset);
    for (const spec of this.abbrev.attributes) {
      if (spec.name === attribute) return readForm(reader, spec.form, encoding, spec.implicitConst);
      skipForm(reader, spec.form, encoding);
    }
    return undefined;
  }

  has(attribute: number): boolean {
    for (const spec of this.abbrev.attributes) if (spec.name === attribute) return true;
    return false;
  }

  text(attribute: number): string | undefined {
    const value = this.value(attribute);
    return value && this.unit.textOf(value);
  }

  /** An integer as it is written: unsigned unless its form is signed. `undefined` above 2^53. */
  constant(attribute: number): number | undefined {
    const value = this.value(attribute);
    return value?.kind === 'constant' && typeof value.value === 'number' ? value.value : undefined;
  }

  /** True for `DW_FORM_flag_present` and a set `DW_FORM_flag`. */
  flag(attribute: number): boolean {
    const value = this.value(attribute);
    return value?.kind === 'flag' && value.value;
  }

  address(attribute: number): number | undefined {
    const value = this.value(attribute);
    return value && this.unit.addressOf(value);
  }

  /** An offset into another section. DWARF 3 and older wrote it as a plain number. */
  sectionOffset(attribute: number): number | undefined {
    const value = this.value(attribute);
    if (value?.kind === 'section-offset') return value.offset;
    if (value?.kind === 'constant' && typeof value.value === 'number') return value.value;
    return undefined;
  }

  /** The bytes of a block or an expression; a view. */
  block(attribute: number): Uint8Array | undefined {
    const value = this.value(attribute);
    return value?.kind === 'block' ? value.bytes : undefined;
  }

  /** The entry that an attribute refers to; `undefined` also for a type unit that is nowhere. */
  reference(attribute: number): Die | undefined {
    const value = this.value(attribute);
    return value && this.unit.referenceOf(value);
  }

  get parent(): Die | undefined {
    const index = this.unit.parentIndex(this.index);
    return index < 0 ? undefined : this.unit.dieAtIndex(index);
  }

  /** Its children in order, without their own. */
  *children(): IterableIterator<Die> {
    const end = this.unit.endIndex(this.index);
    for (let index = this.index + 1; index < end; index = this.unit.endIndex(index)) {
      yield this.unit.dieAtIndex(index);
    }
  }

  /**
   * This entry, then what it stands for: the abstract instance of an inlined or out-of-line copy,
   * then the declaration that a definition completes. What an entry does not say itself is said
   * by a later one.
   * @param attributes which references to follow, in order of preference
   * @throws HcrError `malformed-file` when the chain has no end
   * @see DWARF 5, 2.13.2 and 3.3.8
   */
  origins(attributes: readonly number[]): readonly Die[] {
    const chain: Die[] = [this];
    for (let next = this.origin(attributes); next; next = next.origin(attributes)) {
      if (chain.length > MAX_ORIGINS) {
        this.reader.seek(this.offsetInUnit).fail('an entry whose origins have no end');
      }
      chain.push(next);
    }
    return chain;
  }

  private origin(attributes: readonly number[]): Die | undefined {
    const attribute = attributes.find((name) => this.has(name));
    return attribute === undefined ? undefined : this.reference(attribute);
  }
}
