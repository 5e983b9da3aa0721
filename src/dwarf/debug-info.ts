/**
 * The debug information of one file, entered by unit or by address.
 *
 * Nothing is read before it is asked for. To find the unit of an address takes `.debug_aranges`
 * and, for units that it leaves out, their root entries; to find a function takes that one unit.
 * @see DWARF 5, 3.1 and 6.1.2
 */
import type { Vaddr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { ElfFile } from '../elf/elf-file.js';
import { AbbrevTables } from './abbrev.js';
import { AddressIndex } from './address-index.js';
import { readAranges } from './aranges.js';
import { DW_AT, DW_TAG, DW_UT } from './constants.js';
import { type DebugSection, type DebugSections, sectionFromBytes } from './debug-sections.js';
import type { Die } from './die.js';
import { sectionsOfElf } from './elf-sections.js';
import { LineHeaders } from './line-header.js';
import { RangeLists } from './range-lists.js';
import { StringTables } from './string-tables.js';
import { Unit } from './unit.js';
import { UnitContents } from './unit-contents.js';
import { UnitDies, type UnitSurroundings } from './unit-dies.js';
import { readUnitHeader, readUnitHeaders, type UnitHeader } from './unit-header.js';

/** `undefined` when the file has no debug information of its own.
 *  @param elf borrowed for as long as the result is used */
export function openDebugInfo(elf: ElfFile): DebugInfo | undefined {
  return debugInfoIn(sectionsOfElf(elf));
}

/** As {@link openDebugInfo}, for sections from elsewhere. */
export function debugInfoIn(sections: DebugSections): DebugInfo | undefined {
  const info = sections.section('.debug_info');
  return info === undefined || info.sizeBytes === 0 ? undefined : new DebugInfo(sections, info);
}

/** Every method: `@throws HcrError malformed-file`. */
export class DebugInfo {
  private readonly around: UnitSurroundings;
  private readonly entered = new Map<number, UnitDies>();
  private readonly compileUnits = new Map<number, Unit>();
  private headersOnce: readonly UnitHeader[] | undefined;
  private typeUnitsOnce: ReadonlyMap<bigint, UnitHeader> | undefined;
  private arangesOnce: Aranges | undefined;
  private uncoveredOnce: AddressIndex | undefined;

  constructor(sections: DebugSections, info: DebugSection) {
    const nothing = new Uint8Array(0);
    const abbrev =
      sections.section('.debug_abbrev') ??
      sectionFromBytes(`${sections.what} .debug_abbrev`, nothing, sections.littleEndian);
    this.around = {
      sections,
      info,
      abbrevs: new AbbrevTables(abbrev),
      strings: new StringTables(sections),
      rangeLists: new RangeLists(sections),
      lineHeaders: new LineHeaders(sections),
      contents: new UnitContents(info),
      dieAt: (offset) => this.dieAt(offset),
      typeWithSignature: (signature) => this.typeWithSignature(signature),
    };
  }

  /** The compilation units in the order of the file. Types that units share, and skeletons of
   *  units whose information is in other files, are left out. */
  *units(): IterableIterator<Unit> {
    for (const header of this.headers()) {
      const unit = header.unitType === DW_UT.compile ? this.unitOf(header) : undefined;
      if (unit !== undefined) yield unit;
    }
  }

  /** The unit whose code contains an address. */
  unitForAddress(address: Vaddr): Unit | undefined {
    this.arangesOnce ??= this.readAranges();
    const offset = this.arangesOnce.index.find(address) ?? this.uncovered().find(address);
    if (offset === undefined) return undefined;
    return this.unitOf(this.headerAt(offset));
  }

  private uncovered(): AddressIndex {
    this.uncoveredOnce ??= this.readUncovered(this.arangesOnce?.units ?? new Set());
    return this.uncoveredOnce;
  }

  private readAranges(): Aranges {
    const section = this.around.sections.section('.debug_aranges');
    const ranges = section === undefined ? [] : readAranges(section);
    return {
      index: new AddressIndex(ranges),
      units: new Set(ranges.map(({ unitOffset }) => unitOffset)),
    };
  }

  private readUncovered(covered: ReadonlySet<number>): AddressIndex {
    const ranges = [];
    for (const header of this.headers()) {
      if (header.unitType !== DW_UT.compile || covered.has(header.offset)) continue;
      const unit = this.unitOf(header);
      for (const range of unit?.ranges ?? []) ranges.push({ ...range, unitOffset: header.offset });
    }
    return new AddressIndex(ranges);
  }

  private headers(): readonly UnitHeader[] {
    this.headersOnce ??= readUnitHeaders(this.around.info);
    return this.headersOnce;
  }

  private headerAt(offset: number): UnitHeader {
    return this.entered.get(offset)?.header ?? readUnitHeader(this.around.info, offset);
  }

  private unitOf(header: UnitHeader): Unit | undefined {
    let unit = this.compileUnits.get(header.offset);
    if (unit === undefined) {
      if (header.unitType !== DW_UT.compile) return undefined;
      const dies = this.diesOf(header);
      if (!isWholeUnit(dies.root)) return undefined;
      unit = new Unit(dies);
      this.compileUnits.set(header.offset, unit);
    }
    return unit;
  }

  private diesOf(header: UnitHeader): UnitDies {
    let dies = this.entered.get(header.offset);
    if (dies === undefined) {
      dies = new UnitDies(header, this.around);
      this.entered.set(header.offset, dies);
    }
    return dies;
  }

  private dieAt(offset: number): Die {
    const headers = this.headers();
    let low = 0;
    let high = headers.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((headers[middle]?.offset ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const header = headers[low - 1];
    if (header === undefined || header.unitType === 0) {
      throw new HcrError({
        code: 'malformed-file',
        what: this.around.info.what,
        detail: `a reference to offset 0x${offset.toString(16)}, where no unit is`,
      });
    }
    return this.diesOf(header).dieAtOffset(offset - header.offset);
  }

  private typeWithSignature(signature: bigint): Die | undefined {
    this.typeUnitsOnce ??= new Map(
      this.headers().flatMap((header): [bigint, UnitHeader][] =>
        header.typeSignature === undefined ? [] : [[header.typeSignature, header]],
      ),
    );
    const header = this.typeUnitsOnce.get(signature);
    return header && this.diesOf(header).dieAtOffset(header.typeOffset);
  }
}

interface Aranges {
  readonly index: AddressIndex;
  /** Offsets of the units that have ranges in it. */
  readonly units: ReadonlySet<number>;
}

/** Not a unit that only holds what others import, nor the skeleton of one that is elsewhere. */
function isWholeUnit(root: Die): boolean {
  return (
    root.tag === DW_TAG.compile_unit && !root.has(DW_AT.GNU_dwo_name) && !root.has(DW_AT.dwo_name)
  );
}
