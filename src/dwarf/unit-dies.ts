/**
 * One unit as the entries it is made of, and what gives their attributes a meaning: the parts that the
 * unit has of the sections of text, addresses and lines.
 *
 * The root entry is read alone, from the unit's first bytes; the rest only when an entry below it
 * is asked for.
 * @see DWARF 5, 3.1 and 7.5
 */
import type { Vaddr, VaddrRange } from '../core/address.js';
import type { ByteReader } from '../core/byte-reader.js';
import { HcrError } from '../core/failure.js';
import type { AbbrevTable } from './abbrev.js';
import { indexedAddress } from './address-table.js';
import { DW_AT, DW_TAG } from './constants.js';
import { type DebugSection, type DebugSections, parseAt } from './debug-sections.js';
import { Die, type DieOwner, type LocationLists } from './die.js';
import { indexOfDieAt } from './die-tree.js';
import { type FormValue, skipForm } from './form.js';
import { readUleb128 } from './leb128.js';
import { type LineHeader, pathOfFile } from './line-header.js';
import type { RangeContext } from './range-lists.js';
import { type RootValues, readRootValues } from './root-values.js';
import type { UnitContent } from './unit-contents.js';
import type { UnitHeader } from './unit-header.js';
import { UnitRanges } from './unit-ranges.js';
import {
  type Contributions,
  NO_CONTRIBUTIONS,
  type UnitSurroundings,
} from './unit-surroundings.js';

export interface UnitPlace {
  readonly contributions: Contributions;
  /** What the program itself holds of a split unit: where its code and addresses are. */
  readonly skeleton: UnitDies | undefined;
  /** Whether it is in a file of split debug information. */
  readonly isSplit: boolean;
}

export const NOT_SPLIT: UnitPlace = {
  contributions: NO_CONTRIBUTIONS,
  skeleton: undefined,
  isSplit: false,
};

/** Usually more than a root entry and its header take. */
const USUAL_ROOT_BYTES = 512;

export class UnitDies implements DieOwner {
  readonly header: UnitHeader;
  readonly root: Die;
  /** What the program itself holds of a split unit. */
  readonly skeleton: UnitDies | undefined;
  private readonly around: UnitSurroundings;
  private readonly place: UnitPlace;
  private readonly abbrevs: AbbrevTable;
  private readonly ranges: UnitRanges;
  private importedOnce: readonly UnitDies[] | undefined;
  private rootValuesOnce: RootValues | undefined;
  private readonly filePaths = new Map<number, string | undefined>();

  /** @throws HcrError `malformed-file` when the root entry is damaged */
  constructor(header: UnitHeader, around: UnitSurroundings, place: UnitPlace) {
    this.header = header;
    this.around = around;
    this.place = place;
    this.skeleton = place.skeleton;
    this.abbrevs = around.abbrevs.at(place.contributions.abbrev + header.abbrevOffset);
    this.root = this.readRoot();
    this.ranges = new UnitRanges(this, {
      lists: around.rangeLists,
      start: place.contributions.ranges,
      values: () => this.rootValues(),
      skeleton: place.skeleton?.ranges,
    });
  }

  get offset(): number {
    return this.around.base + this.header.offset;
  }

  get littleEndian(): boolean {
    return this.around.sections.littleEndian;
  }

  get language(): number | undefined {
    return this.rootValues().language ?? this.around.language();
  }

  /** Where its part of `.debug_str_offsets` starts. */
  get strOffsetsBase(): number {
    return this.rootValues().strOffsetsBase;
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
        const { strOffsetsBase } = this.rootValues();
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
    const { addrBase } = this.rootValues();
    return indexedAddress(this.around.sections, index, addrBase, this.header.encoding);
  }

  threadLocalOffset(offset: number): number {
    if (this.skeleton !== undefined) return this.skeleton.threadLocalOffset(offset);
    const { start, end } = this.sections.threadLocals ?? { start: 0, end: 0 };
    // gcc puts the address itself into `.debug_addr` of a program with split debug information.
    const isAddress = offset >= end - start && offset >= start && offset < end;
    return isAddress ? offset - start : offset;
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

  /** The code an entry covers.
   *  @throws HcrError `malformed-file` */
  rangesOf(die: Die): readonly VaddrRange[] {
    return this.ranges.of(die);
  }

  /** Where the code of an entry is entered; `undefined` when it has none in the program.
   *  @throws HcrError `malformed-file` */
  entryOf(die: Die): Vaddr | undefined {
    return this.ranges.entryOf(die);
  }

  rangeContext(): RangeContext {
    return this.ranges.context();
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
    return { start, table: this.rootValues().loclistsBase, isSplit: this.place.isSplit };
  }

  private rootValues(): RootValues {
    const { header, place } = this;
    this.rootValuesOnce ??= readRootValues(this.root, header.encoding, place.contributions);
    return this.rootValuesOnce;
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
