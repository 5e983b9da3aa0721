/**
 * The units of one section: of `.debug_info`, or of `.debug_types`, where types that object files
 * share were before DWARF 5. Each unit is entered once.
 */
import { HcrError } from '../core/failure.js';
import type { DebugSection } from './debug-sections.js';
import type { Die } from './die.js';
import type { FileTables } from './file-tables.js';
import { UnitContents } from './unit-contents.js';
import { NOT_SPLIT, UnitDies, type UnitPlace } from './unit-dies.js';
import type { UnitLinks } from './unit-surroundings.js';
import { readUnitHeader, readUnitHeaders, type UnitHeader, type UnitKind } from './unit-header.js';

/** Gives each section of a family of files a range of offsets of its own, so that an entry is known
 *  by one number. The first section keeps its offsets. */
export class OffsetSpace {
  private next = 0;

  /** What to add to the offsets of a section. */
  take({ sizeBytes }: DebugSection): number {
    const base = this.next;
    this.next += sizeBytes;
    return base;
  }
}

/** Every method: `@throws HcrError malformed-file`. */
export class UnitSection {
  readonly info: DebugSection;
  private readonly tables: FileTables;
  private readonly kind: UnitKind;
  private readonly links: UnitLinks;
  private readonly placeOf: (header: UnitHeader) => UnitPlace;
  private readonly contents: UnitContents;
  private readonly base: number;
  private readonly entered = new Map<number, UnitDies>();
  private headersOnce: readonly UnitHeader[] | undefined;
  private bySignatureOnce: ReadonlyMap<bigint, UnitHeader> | undefined;

  /** @param placeOf what is special about a unit of a file of split units */
  constructor(
    info: DebugSection,
    kind: UnitKind,
    tables: FileTables,
    links: UnitLinks,
    offsets: OffsetSpace,
    placeOf: (header: UnitHeader) => UnitPlace = () => NOT_SPLIT,
  ) {
    this.info = info;
    this.kind = kind;
    this.tables = tables;
    this.links = links;
    this.placeOf = placeOf;
    this.contents = new UnitContents(info);
    this.base = offsets.take(info);
  }

  /** In the order of the file. */
  headers(): readonly UnitHeader[] {
    this.headersOnce ??= readUnitHeaders(this.info, this.kind);
    return this.headersOnce;
  }

  headerAt(offset: number): UnitHeader {
    return this.entered.get(offset)?.header ?? readUnitHeader(this.info, offset, this.kind);
  }

  enter(header: UnitHeader): UnitDies {
    let dies = this.entered.get(header.offset);
    if (dies === undefined) {
      dies = this.read(header);
      this.entered.set(header.offset, dies);
    }
    return dies;
  }

  /** The root entry of a unit, without entering it. */
  rootOf(header: UnitHeader): Die {
    return (this.entered.get(header.offset) ?? this.read(header)).root;
  }

  private read(header: UnitHeader): UnitDies {
    const { info, contents, base, kind } = this;
    const around = { ...this.tables, ...this.links, info, contents, base, kind };
    return new UnitDies(header, around, this.placeOf(header));
  }

  /** The entry at this offset of the section. */
  dieAt(offset: number): Die {
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
        what: this.info.what,
        detail: `a reference to offset 0x${offset.toString(16)}, where no unit is`,
      });
    }
    return this.enter(header).dieAtOffset(offset - header.offset);
  }

  /** The type with this signature; `undefined` when its unit is not in the section. */
  typeWithSignature(signature: bigint): Die | undefined {
    this.bySignatureOnce ??= new Map(
      this.headers().flatMap((header): [bigint, UnitHeader][] =>
        header.typeSignature === undefined ? [] : [[header.typeSignature, header]],
      ),
    );
    const header = this.bySignatureOnce.get(signature);
    return header && this.enter(header).dieAtOffset(header.typeOffset);
  }
}
