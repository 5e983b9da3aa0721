/**
 * One unit as the entries it is made of, and what gives its attributes their meaning: the bases
 * of its parts of the string, address and range sections.
 *
 * The root entry is read alone, from the unit's first bytes; the rest only when an entry below it
 * is asked for.
 * @see DWARF 5, 3.1 and 7.5
 */
import { type Vaddr, type VaddrRange, vaddr } from '../core/address.js';
import type { ByteReader } from '../core/byte-reader.js';
import { HcrError } from '../core/failure.js';
import type { AbbrevTable } from './abbrev.js';
import { indexedAddress } from './address-table.js';
import { DW_AT, DW_TAG } from './constants.js';
import { type DebugSection, type DebugSections, parseAt } from './debug-sections.js';
import { Die, type DieOwner, type LocationLists } from './die.js';
import { indexOfDieAt } from './die-tree.js';
import type { FileTables } from './file-tables.js';
import { type FormValue, skipForm } from './form.js';
import { readUleb128 } from './leb128.js';
import { type LineHeader, pathOfFile } from './line-header.js';
import { type RangeContext, liveRange } from './range-lists.js';
import type { ReadBudget } from './read-budget.js';
import type { UnitContent, UnitContents } from './unit-contents.js';
import type { UnitHeader, UnitKind } from './unit-header.js';

/** How the units of a file lead to others. */
export interface UnitLinks {
  /** The entry at this offset of `.debug_info`; `undefined` without that section.
   *  @throws HcrError `malformed-file` when there is none */
  dieAt(infoOffset: number): Die | undefined;
  /** The type with this signature; `undefined` when its unit is not in the file. */
  typeWithSignature(signature: bigint): Die | undefined;
  /** What all units together may import, in bytes. */
  importBudget(): ReadBudget;
  /** That of units which leave it to those that import them. */
  language(): number | undefined;
  /** The file that this one shares text and entries with. */
  supplement(): Supplement | undefined;
}

/** The other half of a file that `dwz` made smaller.
 *  @see DWARF 5, 7.3.6 */
export interface Supplement {
  text(offset: number): string | undefined;
  dieAt(infoOffset: number): Die | undefined;
  readonly sizeBytes: number;
}

/** What the units of a section share. */
export interface UnitSurroundings extends FileTables, UnitLinks {
  readonly info: DebugSection;
  readonly kind: UnitKind;
  readonly contents: UnitContents;
  /** Added to offsets, so that no two units of several sections and files have the same. */
  readonly base: number;
}

/** Where a unit's parts of the sections begin that it shares with others, in bytes. Only in
 *  packages are they not all 0. */
export interface Contributions {
  readonly info: number;
  readonly abbrev: number;
  readonly line: number;
  readonly locations: number;
  readonly strOffsets: number;
  readonly ranges: number;
}

export interface UnitPlace {
  readonly contributions: Contributions;
  /** What the program itself holds of a split unit: where its code and addresses are. */
  readonly skeleton: UnitDies | undefined;
  /** Whether it is in a file of split debug information. */
  readonly isSplit: boolean;
}

export const NO_CONTRIBUTIONS: Contributions = {
  info: 0,
  abbrev: 0,
  line: 0,
  locations: 0,
  strOffsets: 0,
  ranges: 0,
};

export const NOT_SPLIT: UnitPlace = {
  contributions: NO_CONTRIBUTIONS,
  skeleton: undefined,
  isSplit: false,
};

/** Usually more than a root entry and its header take. */
const USUAL_ROOT_BYTES = 512;

/** Where the first entry of a version 5 table is, when the unit doesn't say: after its header.
 *  Split units never say. */
const STR_OFFSETS_HEADER_BYTES = { 4: 8, 8: 16 } as const;
const LISTS_HEADER_BYTES = { 4: 12, 8: 20 } as const;

/** What the root entry says that other entries need. */
interface SharedValues {
  readonly language: number | undefined;
  /** Where the unit's part of each section of indexed values starts. */
  readonly strOffsetsBase: number;
  readonly addrBase: number;
  readonly rnglistsBase: number;
  readonly loclistsBase: number;
  /** Where a split unit of version 4 has its part of `.debug_ranges`, in the program. */
  readonly rangesBase: number;
}

export class UnitDies implements DieOwner {
  readonly header: UnitHeader;
  readonly root: Die;
  /** What the program itself holds of a split unit. */
  readonly skeleton: UnitDies | undefined;
  private readonly around: UnitSurroundings;
  private readonly place: UnitPlace;
  private readonly abbrevs: AbbrevTable;
  private rangeContextOnce: RangeContext | undefined;
  private importedOnce: readonly UnitDies[] | undefined;
  private shared: SharedValues | undefined;
  private readonly filePaths = new Map<number, string | undefined>();

  /** @throws HcrError `malformed-file` when the root entry is damaged */
  constructor(header: UnitHeader, around: UnitSurroundings, place: UnitPlace) {
    this.header = header;
    this.around = around;
    this.place = place;
    this.skeleton = place.skeleton;
    this.abbrevs = around.abbrevs.at(place.contributions.abbrev + header.abbrevOffset);
    this.root = this.readRoot();
  }

  get offset(): number {
    return this.around.base + this.header.offset;
  }

  get littleEndian(): boolean {
    return this.around.sections.littleEndian;
  }

  get language(): number | undefined {
    return this.sharedValues().language ?? this.around.language();
  }

  /** Where its part of `.debug_str_offsets` starts. */
  get strOffsetsBase(): number {
    return this.sharedValues().strOffsetsBase;
  }

  get sections(): DebugSections {
    return this.around.sections;
  }

  /** How many entries the unit has. Reads all of it. */
  get count(): number {
    return this.content().tree.count;
  }

  /** The tags of all entries, by index. Borrowed. */
  get tags(): Uint16Array {
    const { tree } = this.content();
    return tree.tags.subarray(0, tree.count);
  }

  parentIndex(index: number): number {
    return this.content().tree.parents[index] ?? -1;
  }

  endIndex(index: number): number {
    return this.content().tree.ends[index] ?? index + 1;
  }

  /** @throws HcrError `malformed-file` when the unit has no such entry */
  dieAtIndex(index: number): Die {
    const { reader, tree } = this.content();
    const offset = index < tree.count ? tree.offsets[index] : undefined;
    if (offset === undefined) return this.fail(`has no entry ${index}`);
    return this.dieFrom(reader, index, offset);
  }

  /** @param offset from the start of the unit
   *  @throws HcrError `malformed-file` when no entry starts there */
  dieAtOffset(offset: number): Die {
    const { reader, tree } = this.content();
    const index = indexOfDieAt(tree, offset);
    if (index < 0) return this.fail(`has no entry at offset 0x${offset.toString(16)}`);
    return this.dieFrom(reader, index, offset);
  }

  /** What the root entry says, or else that of the skeleton. */
  rootText(attribute: number): string | undefined {
    return this.root.text(attribute) ?? this.skeleton?.root.text(attribute);
  }

  textOf(value: FormValue): string | undefined {
    switch (value.kind) {
      case 'text':
        return value.value;
      case 'text-offset':
        return this.around.strings.text(value.section, value.offset);
      case 'text-index': {
        const { strOffsetsBase } = this.sharedValues();
        return this.around.strings.indexed(value.index, strOffsetsBase, this.header.encoding);
      }
      case 'supplementary-text':
        return this.around.supplement()?.text(value.offset);
      default:
        return undefined;
    }
  }

  addressOf(value: FormValue): number | undefined {
    if (value.kind === 'address') return value.value;
    return value.kind === 'address-index' ? this.indexedAddress(value.index) : undefined;
  }

  referenceOf(value: FormValue): Die | undefined {
    switch (value.kind) {
      case 'unit-reference':
        return this.dieAtOffset(value.offset);
      case 'info-reference': {
        const inInfo = this.place.contributions.info + value.offset;
        const inUnit = inInfo - this.header.offset;
        const isHere = this.around.kind === 'info' && inUnit >= 0 && inUnit < this.header.sizeBytes;
        return isHere ? this.dieAtOffset(inUnit) : this.around.dieAt(inInfo);
      }
      case 'supplementary-reference':
        return this.around.supplement()?.dieAt(value.offset);
      case 'type-signature':
        return this.around.typeWithSignature(value.signature);
      default:
        return undefined;
    }
  }

  /** @throws HcrError `malformed-file` when the index is outside `.debug_addr` */
  indexedAddress(index: number): number | undefined {
    if (this.skeleton !== undefined) return this.skeleton.indexedAddress(index);
    const { addrBase } = this.sharedValues();
    return indexedAddress(this.around.sections, index, addrBase, this.header.encoding);
  }

  threadLocalOffset(offset: number): number {
    if (this.skeleton !== undefined) return this.skeleton.threadLocalOffset(offset);
    const { start, end } = this.sections.threadLocals ?? { start: 0, end: 0 };
    // gcc puts the address itself into `.debug_addr` of a program with split debug information.
    const isAddress = offset >= end - start && offset >= start && offset < end;
    return isAddress ? offset - start : offset;
  }

  /** The code an entry covers: `DW_AT_ranges`, else `DW_AT_low_pc` up to `DW_AT_high_pc`.
   *  @throws HcrError `malformed-file`
   *  @see DWARF 5, 2.17 */
  rangesOf(die: Die): readonly VaddrRange[] {
    const list = die.value(DW_AT.ranges);
    if (list !== undefined) {
      const offset = this.listOffset(list);
      return offset === undefined ? [] : this.rangesAt(offset);
    }
    const low = die.address(DW_AT.low_pc);
    const high = die.value(DW_AT.high_pc);
    if (low === undefined || high === undefined) return [];
    const end = high.kind === 'constant' ? low + Number(high.value) : (this.addressOf(high) ?? low);
    const range = liveRange(low, end);
    return range === undefined ? [] : [range];
  }

  /** Where the code of an entry is entered: as it says, else `DW_AT_low_pc`, else the start of
   *  its first range. `undefined` when it has no code in the program.
   *  @see DWARF 5, 2.18 */
  entryOf(die: Die): Vaddr | undefined {
    const entry = die.address(DW_AT.entry_pc) ?? die.address(DW_AT.low_pc);
    if (entry !== undefined) return entry > 1 ? vaddr(entry) : undefined;
    return this.rangesOf(die)[0]?.start;
  }

  /** The units whose entries count as its own, with those that they import: what `dwz` found in
   *  several units is in one of its own.
   *  @throws HcrError `malformed-file`
   *  @see DWARF 5, 3.2.5 */
  imported(): readonly UnitDies[] {
    this.importedOnce ??= this.followImports();
    return this.importedOnce;
  }

  private followImports(): readonly UnitDies[] {
    const all = new Set<UnitDies>([this]);
    for (const unit of all) {
      if (unit !== this) this.around.importBudget().spend(unit.header.sizeBytes);
      for (const other of unit.importedDirectly()) all.add(other);
    }
    all.delete(this);
    return [...all];
  }

  private importedDirectly(): readonly UnitDies[] {
    const units: UnitDies[] = [];
    this.tags.forEach((tag, index) => {
      if (tag !== DW_TAG.imported_unit) return;
      const unit = this.dieAtIndex(index).reference(DW_AT.import)?.unit;
      if (unit instanceof UnitDies) units.push(unit);
    });
    return units;
  }

  /** The code of the whole unit.
   *  @throws HcrError `malformed-file` */
  codeRanges(): readonly VaddrRange[] {
    return this.skeleton?.codeRanges() ?? this.rangesOf(this.root);
  }

  /** `undefined` when the unit has no line table. That of a split unit is in the program. */
  lineHeader(): LineHeader | undefined {
    if (this.skeleton !== undefined) return this.skeleton.lineHeader();
    const offset = this.root.sectionOffset(DW_AT.stmt_list);
    if (offset === undefined) return undefined;
    return this.around.lineHeaders.at(this.place.contributions.line + offset, this);
  }

  /** The section that {@link lineHeader} is in. */
  lineSection(): DebugSection | undefined {
    return this.skeleton?.lineSection() ?? this.sections.section('.debug_line');
  }

  /** @throws HcrError `malformed-file` when the line table's header is damaged */
  filePath(index: number): string | undefined {
    if (!this.filePaths.has(index)) {
      const header = this.lineHeader();
      this.filePaths.set(index, header && pathOfFile(header, index));
    }
    return this.filePaths.get(index);
  }

  locationLists(): LocationLists {
    const start = this.place.contributions.locations;
    return { start, table: this.sharedValues().loclistsBase, isSplit: this.place.isSplit };
  }

  private rangesAt(offset: number): readonly VaddrRange[] {
    const { skeleton } = this;
    // Before version 5 only the program had a section of ranges.
    const lists =
      skeleton !== undefined && this.header.encoding.version < 5
        ? skeleton.around.rangeLists
        : this.around.rangeLists;
    return lists.at(offset, this.rangeContext());
  }

  private listOffset(value: FormValue): number | undefined {
    switch (value.kind) {
      case 'section-offset':
        return value.offset + this.rangesStart();
      case 'constant':
        return Number(value.value);
      case 'list-index': {
        const { rnglistsBase } = this.sharedValues();
        return this.around.rangeLists.offsetOfIndex(
          value.index,
          rnglistsBase,
          this.header.encoding,
        );
      }
      default:
        return undefined;
    }
  }

  /** What offsets of range lists count from. */
  private rangesStart(): number {
    const { skeleton } = this;
    if (this.header.encoding.version >= 5) return this.place.contributions.ranges;
    return skeleton === undefined ? 0 : skeleton.sharedValues().rangesBase;
  }

  rangeContext(): RangeContext {
    if (this.skeleton !== undefined) return this.skeleton.rangeContext();
    this.rangeContextOnce ??= {
      encoding: this.header.encoding,
      baseAddress: this.root.has(DW_AT.low_pc) ? this.root.address(DW_AT.low_pc) : 0,
      indexedAddress: (index) => this.indexedAddress(index),
    };
    return this.rangeContextOnce;
  }

  private sharedValues(): SharedValues {
    const { version, offsetBytes } = this.header.encoding;
    const { contributions } = this.place;
    this.shared ??= {
      language: this.root.constant(DW_AT.language),
      strOffsetsBase:
        this.root.sectionOffset(DW_AT.str_offsets_base) ??
        contributions.strOffsets + (version < 5 ? 0 : STR_OFFSETS_HEADER_BYTES[offsetBytes]),
      addrBase:
        this.root.sectionOffset(DW_AT.addr_base) ??
        this.root.sectionOffset(DW_AT.GNU_addr_base) ??
        0,
      rnglistsBase:
        this.root.sectionOffset(DW_AT.rnglists_base) ??
        contributions.ranges + LISTS_HEADER_BYTES[offsetBytes],
      loclistsBase:
        this.root.sectionOffset(DW_AT.loclists_base) ??
        contributions.locations + LISTS_HEADER_BYTES[offsetBytes],
      rangesBase: this.root.sectionOffset(DW_AT.GNU_ranges_base) ?? 0,
    };
    return this.shared;
  }

  private content(): UnitContent {
    return this.around.contents.of(this.header, this.abbrevs);
  }

  private readRoot(): Die {
    const { offset, headerBytes, encoding, sizeBytes } = this.header;
    const parse = (reader: ByteReader): Die => {
      const die = this.dieFrom(reader, 0, headerBytes);
      // Its bytes must reach to the end of its last attribute.
      const abbrev = this.abbrevs.find(readUleb128(reader.seek(headerBytes)));
      for (const spec of abbrev?.attributes ?? []) skipForm(reader, spec.form, encoding);
      return die;
    };
    return parseAt(this.around.info, offset, USUAL_ROOT_BYTES, parse, sizeBytes);
  }

  private dieFrom(reader: ByteReader, index: number, offset: number): Die {
    const code = readUleb128(reader.seek(offset));
    const abbrev = this.abbrevs.find(code);
    if (abbrev === undefined) return this.fail(`uses the unknown abbreviation ${code}`);
    return new Die(this, index, offset, abbrev, reader, reader.offset);
  }

  private fail(detail: string): never {
    throw new HcrError({
      code: 'malformed-file',
      what: this.around.info.what,
      detail: `the unit at offset 0x${this.header.offset.toString(16)} ${detail}`,
    });
  }
}
