/**
 * A file of split debug information: one compilation's (`.dwo`), or a package of many (`.dwp`).
 * @see DWARF 5, 7.3.2 and 7.3.5; https://gcc.gnu.org/wiki/DebugFission for version 4
 */
import type { ElfFile } from '../elf/elf-file.js';
import { DW_AT, DW_UT } from './constants.js';
import type { Die } from './die.js';
import { sectionsOfElf, splitSectionsOfElf } from './elf-sections.js';
import { tablesOf } from './file-tables.js';
import { type PackagedUnit, readPackageIndex } from './package-index.js';
import { ReadBudget } from './read-budget.js';
import type { UnitDies } from './unit-dies.js';
import { NO_CONTRIBUTIONS, type UnitLinks } from './unit-surroundings.js';
import type { UnitHeader } from './unit-header.js';
import { type OffsetSpace, UnitSection } from './unit-section.js';

/** What a skeleton and its split unit have in common; `undefined` for a unit that is neither.
 *  Before version 5 it is an attribute. */
export function splitIdOf(header: UnitHeader, root: Die): bigint | undefined {
  if (header.dwoId !== undefined) return header.dwoId;
  const id = root.value(DW_AT.GNU_dwo_id);
  return id?.kind === 'constant' ? BigInt(id.value) : undefined;
}

/** Every method: `@throws HcrError malformed-file`. */
export class SplitFile {
  private readonly info: UnitSection | undefined;
  private readonly types: UnitSection | undefined;
  /** By signature; undefined outside packages. */
  private readonly packaged: ReadonlyMap<bigint, PackagedUnit> | undefined;
  private readonly packagedTypes: ReadonlyMap<bigint, PackagedUnit>;
  /** By where the unit is in `.debug_info`. */
  private readonly skeletons = new Map<number, UnitDies>();

  /** @param elf borrowed for as long as the result is used
   *  @throws HcrError `malformed-file` */
  constructor(elf: ElfFile, offsets: OffsetSpace) {
    const indexes = sectionsOfElf(elf);
    const units = indexes.section('.debug_cu_index');
    const typeUnits = indexes.section('.debug_tu_index');
    this.packaged = units && readPackageIndex(units);
    this.packagedTypes = typeUnits ? readPackageIndex(typeUnits) : new Map();

    const sections = splitSectionsOfElf(elf);
    const tables = tablesOf(sections);
    const budget = new ReadBudget(elf.what, elf.sizeBytes);
    const links: UnitLinks = {
      dieAt: (offset) => this.info?.dieAt(offset),
      typeWithSignature: (signature) => this.typeWithSignature(signature),
      importBudget: () => budget,
      language: () => undefined,
      supplement: () => undefined,
    };
    const open = (kind: 'info' | 'types'): UnitSection | undefined => {
      const section = sections.section(`.debug_${kind}`);
      if (section === undefined) return undefined;
      const packaged = this.unitsIn(kind);
      return new UnitSection(section, kind, tables, links, offsets, ({ offset }) => ({
        contributions: packaged.get(offset) ?? NO_CONTRIBUTIONS,
        skeleton: kind === 'info' ? this.skeletons.get(offset) : undefined,
        isSplit: true,
      }));
    };
    this.info = open('info');
    this.types = open('types');
  }

  /** The unit that belongs to a skeleton; `undefined` when it is not in this file.
   *  @param id of the skeleton, see {@link splitIdOf} */
  unitOf(skeleton: UnitDies, id: bigint): UnitDies | undefined {
    const header = this.headerWithId(id);
    if (header === undefined) return undefined;
    this.skeletons.set(header.offset, skeleton);
    return this.info?.enter(header);
  }

  private headerWithId(id: bigint): UnitHeader | undefined {
    const { info } = this;
    if (this.packaged === undefined) {
      return info
        ?.headers()
        .find((header) => isUnit(header) && splitIdOf(header, info.rootOf(header)) === id);
    }
    const unit = this.packaged.get(id);
    return unit && info?.headerAt(unit.info);
  }

  private typeWithSignature(signature: bigint): Die | undefined {
    if (this.packaged === undefined) {
      return this.info?.typeWithSignature(signature) ?? this.types?.typeWithSignature(signature);
    }
    const unit = this.packagedTypes.get(signature);
    const section = unit?.kind === 'types' ? this.types : this.info;
    if (unit === undefined || section === undefined) return undefined;
    const header = section.headerAt(unit.info);
    return section.enter(header).dieAtOffset(header.typeOffset);
  }

  private unitsIn(wanted: 'info' | 'types'): ReadonlyMap<number, PackagedUnit> {
    const all = [...(this.packaged?.values() ?? []), ...this.packagedTypes.values()];
    return new Map(all.flatMap((unit) => (unit.kind === wanted ? [[unit.info, unit]] : [])));
  }
}

function isUnit({ unitType }: UnitHeader): boolean {
  return unitType === DW_UT.split_compile || unitType === DW_UT.compile;
}
