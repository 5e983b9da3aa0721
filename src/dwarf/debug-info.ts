/**
 * The debug information of one file, entered by unit or by address, wherever it is kept: in the
 * file itself, in a separate debug file, or with each unit in a file of its own.
 *
 * Nothing is read before it is asked for. To find the unit of an address takes `.debug_aranges`
 * and, for units that it leaves out, their root entries; to find a function takes that one unit.
 * @see DWARF 5, 3.1 and 6.1.2
 */
import type { Vaddr } from '../core/address.js';
import { HcrError, isHcrError } from '../core/failure.js';
import type { CompanionFiles, ElfFile } from '../elf/elf-file.js';
import { AddressIndex } from './address-index.js';
import { readAranges } from './aranges.js';
import { DW_AT, DW_TAG, DW_UT } from './constants.js';
import type { DebugSection, DebugSections } from './debug-sections.js';
import { sectionsOfElf } from './elf-sections.js';
import { tablesOf } from './file-tables.js';
import { findUnitsNaming } from './name-search.js';
import { ReadBudget } from './read-budget.js';
import { SplitUnits } from './split-units.js';
import { Unit } from './unit.js';
import type { UnitDies } from './unit-dies.js';
import type { Supplement, UnitLinks } from './unit-surroundings.js';
import type { UnitHeader } from './unit-header.js';
import { OffsetSpace, UnitSection } from './unit-section.js';

/** `undefined` when neither the file nor one that was split off it has debug information.
 *  @param elf borrowed for as long as the result is used
 *  @throws HcrError `malformed-file` */
export function openDebugInfo(elf: ElfFile): DebugInfo | undefined {
  const own = debugInfoIn(sectionsOfElf(elf), elf.companions);
  if (own !== undefined) return own;
  const separate = elf.companions?.separate();
  return separate && debugInfoIn(sectionsOfElf(separate), separate.companions);
}

/** As {@link openDebugInfo}, for sections from elsewhere. */
export function debugInfoIn(
  sections: DebugSections,
  companions?: CompanionFiles,
): DebugInfo | undefined {
  const info = sections.section('.debug_info');
  return info === undefined || info.sizeBytes === 0
    ? undefined
    : new DebugInfo(sections, info, companions);
}

const IMPORTS_PER_UNIT = 8;

/** Every method: `@throws HcrError malformed-file`. */
export class DebugInfo {
  /** Of the part that is in the program. */
  readonly sizeBytes: number;
  private readonly sections: DebugSections;
  private readonly info: UnitSection;
  private readonly types: UnitSection | undefined;
  private readonly split: SplitUnits;
  private readonly openSupplement: () => Supplement | HcrError | undefined;
  private supplementOnce: { readonly found: Supplement | HcrError | undefined } | undefined;
  private readonly compileUnits = new Map<number, Unit | HcrError | undefined>();
  private importBudgetOnce: ReadBudget | undefined;
  private languageOnce: { readonly found: number | undefined } | undefined;
  private arangesOnce: Aranges | undefined;
  private uncoveredOnce: AddressIndex | undefined;

  constructor(sections: DebugSections, info: DebugSection, companions?: CompanionFiles) {
    const tables = tablesOf(sections);
    const offsets = new OffsetSpace();
    const links: UnitLinks = {
      dieAt: (offset) => this.info.dieAt(offset),
      typeWithSignature: (signature) =>
        this.info.typeWithSignature(signature) ?? this.types?.typeWithSignature(signature),
      importBudget: () => this.importBudget(),
      language: () => this.language(),
      supplement: () => {
        const found = this.supplement();
        return found instanceof HcrError ? undefined : found;
      },
    };
    const types = sections.section('.debug_types');
    this.sizeBytes = info.sizeBytes;
    this.sections = sections;
    this.info = new UnitSection(info, 'info', tables, links, offsets);
    this.types = types && new UnitSection(types, 'types', tables, links, offsets);
    this.split = new SplitUnits(sections.what, companions, offsets);
    this.openSupplement = () =>
      openSupplement(sections.what, companions, offsets, {
        importBudget: () => this.importBudget(),
        language: () => this.language(),
      });
  }

  /** The compilation units in the order of the file. Types that units share are left out, and
   *  units whose information is in a file that is not there: see {@link absent}. */
  *units(): IterableIterator<Unit> {
    for (const header of this.info.headers()) {
      const unit = this.unitOf(header);
      if (unit instanceof Unit) yield unit;
    }
  }

  /** Why units are left out, one failure for each, of those that were asked for until now. */
  absent(): readonly HcrError[] {
    return [...this.compileUnits.values()].filter((unit) => unit instanceof HcrError);
  }

  /** The unit whose code contains an address.
   *  @throws HcrError `debug-file-missing` when its information is in a file that is not there */
  unitForAddress(address: Vaddr): Unit | undefined {
    this.arangesOnce ??= this.readAranges();
    const offset = this.arangesOnce.index.find(address) ?? this.uncovered().find(address);
    if (offset === undefined) return undefined;
    const unit = this.unitOf(this.info.headerAt(offset));
    if (unit instanceof HcrError) throw unit;
    return unit;
  }

  /** As {@link unitForAddress}, but `undefined` also where the information is not there. */
  unitAt(address: Vaddr): Unit | undefined {
    try {
      return this.unitForAddress(address);
    } catch (error) {
      if (isHcrError(error, 'debug-file-missing')) return undefined;
      throw error;
    }
  }

  /** Units, those of single types included, whose entries may use one of some names. Of those that
   *  are split off nothing is known without reading them. */
  unitsNaming(names: readonly string[]): readonly UnitDies[] {
    const own = [this.info, ...(this.types === undefined ? [] : [this.types])].flatMap((section) =>
      findUnitsNaming(names, section, this.sections),
    );
    const split = [...this.units()].flatMap(({ dies }) => (dies.skeleton ? [dies] : []));
    return [...own, ...split];
  }

  private uncovered(): AddressIndex {
    this.uncoveredOnce ??= this.readUncovered(this.arangesOnce?.units ?? new Set());
    return this.uncoveredOnce;
  }

  private readAranges(): Aranges {
    const section = this.sections.section('.debug_aranges');
    const ranges = section === undefined ? [] : readAranges(section);
    return {
      index: new AddressIndex(ranges),
      units: new Set(ranges.map(({ owner }) => owner)),
    };
  }

  private readUncovered(covered: ReadonlySet<number>): AddressIndex {
    const ranges = [];
    for (const header of this.info.headers()) {
      if (!mayHaveCode(header) || covered.has(header.offset)) continue;
      for (const range of this.info.enter(header).codeRanges()) {
        ranges.push({ ...range, owner: header.offset });
      }
    }
    return new AddressIndex(ranges);
  }

  /** Undefined for what is no compilation unit. */
  private unitOf(header: UnitHeader): Unit | HcrError | undefined {
    if (!this.compileUnits.has(header.offset)) {
      this.compileUnits.set(header.offset, this.readUnit(header));
    }
    return this.compileUnits.get(header.offset);
  }

  private readUnit(header: UnitHeader): Unit | HcrError | undefined {
    if (!mayHaveCode(header)) return undefined;
    // Its text and types are nowhere else.
    const supplement = this.supplement();
    if (supplement instanceof HcrError) return supplement;
    const dies = this.info.enter(header);
    const { tag } = dies.root;
    // Others only hold what several units import.
    if (tag !== DW_TAG.compile_unit && tag !== DW_TAG.skeleton_unit) return undefined;
    try {
      return new Unit(this.split.wholeOf(dies));
    } catch (error) {
      if (isHcrError(error, 'debug-file-missing')) return error;
      throw error;
    }
  }

  private importBudget(): ReadBudget {
    const found = this.supplement();
    const shared = found === undefined || found instanceof HcrError ? 0 : found.sizeBytes;
    // A unit that is imported by a dozen others counts for each of them.
    const sizeBytes = IMPORTS_PER_UNIT * (this.sizeBytes + shared);
    this.importBudgetOnce ??= new ReadBudget(this.info.info.what, sizeBytes);
    return this.importBudgetOnce;
  }

  /** Of the first unit that says one: what `dwz` takes out of several does not. */
  private language(): number | undefined {
    this.languageOnce ??= { found: this.findLanguage() };
    return this.languageOnce.found;
  }

  private findLanguage(): number | undefined {
    for (const header of this.info.headers()) {
      if (!mayHaveCode(header)) continue;
      const language = this.info.rootOf(header).constant(DW_AT.language);
      if (language !== undefined) return language;
    }
    return undefined;
  }

  private supplement(): Supplement | HcrError | undefined {
    this.supplementOnce ??= { found: this.openSupplement() };
    return this.supplementOnce.found;
  }
}

function mayHaveCode({ unitType }: UnitHeader): boolean {
  return unitType === DW_UT.compile || unitType === DW_UT.skeleton;
}

/** `undefined` for a file that shares nothing, a failure when the other half is not there. */
function openSupplement(
  what: string,
  companions: CompanionFiles | undefined,
  offsets: OffsetSpace,
  ofMain: Pick<UnitLinks, 'language' | 'importBudget'>,
): Supplement | HcrError | undefined {
  const named = companions?.supplementary();
  if (named === undefined) return undefined;
  const sections = named.file && sectionsOfElf(named.file);
  const info = sections?.section('.debug_info');
  if (sections === undefined || info === undefined) {
    const reason = 'is not there or of another build';
    return new HcrError({ code: 'debug-file-missing', file: named.name, module: what, reason });
  }
  const tables = tablesOf(sections);
  const links: UnitLinks = {
    dieAt: (offset) => units.dieAt(offset),
    typeWithSignature: (signature) => units.typeWithSignature(signature),
    ...ofMain,
    supplement: () => undefined,
  };
  const units = new UnitSection(info, 'info', tables, links, offsets);
  return {
    text: (offset) => tables.strings.text('.debug_str', offset),
    dieAt: (offset) => units.dieAt(offset),
    sizeBytes: info.sizeBytes,
  };
}

interface Aranges {
  readonly index: AddressIndex;
  /** Offsets of the units that have ranges in it. */
  readonly units: ReadonlySet<number>;
}
