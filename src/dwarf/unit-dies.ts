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
import type { AbbrevTable, AbbrevTables } from './abbrev.js';
import { indexedAddress } from './address-table.js';
import { DW_AT } from './constants.js';
import { type DebugSection, type DebugSections, parseAt } from './debug-sections.js';
import { Die, type DieOwner } from './die.js';
import { indexOfDieAt } from './die-tree.js';
import { type FormValue, skipForm } from './form.js';
import { readUleb128 } from './leb128.js';
import { type LineHeader, type LineHeaders, pathOfFile } from './line-header.js';
import { type RangeContext, type RangeLists, liveRange } from './range-lists.js';
import type { StringTables } from './string-tables.js';
import type { UnitContent, UnitContents } from './unit-contents.js';
import type { UnitHeader } from './unit-header.js';

/** What the units of a file share. */
export interface UnitSurroundings {
  readonly sections: DebugSections;
  readonly info: DebugSection;
  readonly abbrevs: AbbrevTables;
  readonly strings: StringTables;
  readonly rangeLists: RangeLists;
  readonly lineHeaders: LineHeaders;
  readonly contents: UnitContents;
  /** The entry at this offset of `.debug_info`.
   *  @throws HcrError `malformed-file` when there is none */
  dieAt(infoOffset: number): Die;
  /** The type with this signature; `undefined` when its unit is not in the file. */
  typeWithSignature(signature: bigint): Die | undefined;
}

/** Usually more than a root entry and its header take. */
const USUAL_ROOT_BYTES = 512;

/** Where the first entry of a version 5 table is, when the unit doesn't say: after its header. */
const STR_OFFSETS_HEADER_BYTES = { 4: 8, 8: 16 } as const;

/** What the root entry says that other entries need. */
interface SharedValues {
  readonly language: number | undefined;
  /** Where the unit's part of each section of indexed values starts. */
  readonly strOffsetsBase: number;
  readonly addrBase: number;
  readonly rnglistsBase: number;
}

export class UnitDies implements DieOwner {
  readonly header: UnitHeader;
  readonly root: Die;
  private readonly around: UnitSurroundings;
  private readonly abbrevs: AbbrevTable;
  private rangeContextOnce: RangeContext | undefined;
  private shared: SharedValues | undefined;
  private readonly filePaths = new Map<number, string | undefined>();

  /** @throws HcrError `malformed-file` when the root entry is damaged */
  constructor(header: UnitHeader, around: UnitSurroundings) {
    this.header = header;
    this.around = around;
    this.abbrevs = around.abbrevs.at(header.abbrevOffset);
    this.root = this.readRoot();
  }

  get littleEndian(): boolean {
    return this.around.sections.littleEndian;
  }

  get language(): number | undefined {
    return this.sharedValues().language;
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
        const inUnit = value.offset - this.header.offset;
        const isHere = inUnit >= 0 && inUnit < this.header.sizeBytes;
        return isHere ? this.dieAtOffset(inUnit) : this.around.dieAt(value.offset);
      }
      case 'type-signature':
        return this.around.typeWithSignature(value.signature);
      default:
        return undefined;
    }
  }

  /** @throws HcrError `malformed-file` when the index is outside `.debug_addr` */
  indexedAddress(index: number): number | undefined {
    const { addrBase } = this.sharedValues();
    return indexedAddress(this.around.sections, index, addrBase, this.header.encoding);
  }

  /** The code an entry covers: `DW_AT_ranges`, else `DW_AT_low_pc` up to `DW_AT_high_pc`.
   *  @throws HcrError `malformed-file`
   *  @see DWARF 5, 2.17 */
  rangesOf(die: Die): readonly VaddrRange[] {
    const list = die.value(DW_AT.ranges);
    if (list !== undefined) {
      const offset = this.listOffset(list);
      return offset === undefined ? [] : this.around.rangeLists.at(offset, this.rangeContext());
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

  /** `undefined` when the unit has no line table. */
  lineHeader(): LineHeader | undefined {
    const offset = this.root.sectionOffset(DW_AT.stmt_list);
    return offset === undefined ? undefined : this.around.lineHeaders.at(offset, this);
  }

  /** @throws HcrError `malformed-file` when the line table's header is damaged */
  filePath(index: number): string | undefined {
    if (!this.filePaths.has(index)) {
      const header = this.lineHeader();
      this.filePaths.set(index, header && pathOfFile(header, index));
    }
    return this.filePaths.get(index);
  }

  private listOffset(value: FormValue): number | undefined {
    switch (value.kind) {
      case 'section-offset':
        return value.offset;
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

  private rangeContext(): RangeContext {
    this.rangeContextOnce ??= {
      encoding: this.header.encoding,
      baseAddress: this.root.has(DW_AT.low_pc) ? this.root.address(DW_AT.low_pc) : 0,
      indexedAddress: (index) => this.indexedAddress(index),
    };
    return this.rangeContextOnce;
  }

  private sharedValues(): SharedValues {
    const { version, offsetBytes } = this.header.encoding;
    this.shared ??= {
      language: this.root.constant(DW_AT.language),
      strOffsetsBase:
        this.root.sectionOffset(DW_AT.str_offsets_base) ??
        (version < 5 ? 0 : STR_OFFSETS_HEADER_BYTES[offsetBytes]),
      addrBase:
        this.root.sectionOffset(DW_AT.addr_base) ??
        this.root.sectionOffset(DW_AT.GNU_addr_base) ??
        0,
      rnglistsBase: this.root.sectionOffset(DW_AT.rnglists_base) ?? 0,
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
