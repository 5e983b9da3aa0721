/**
 * What a patch does to the variables of a unit: the program's own keep their addresses and values,
 * so an edited initialiser has no effect, and what was deleted from the source is still there.
 */
import { type Addr, vaddr } from '../core/address.js';
import type { VariableEntry } from '../dwarf/variables.js';
import { PT } from '../elf/constants.js';
import { liveAddress } from '../elf/loaded-module.js';
import type { Section } from '../elf/sections.js';
import type { ElfSymbol } from '../elf/symbols.js';
import { variableKey } from '../link/bind.js';
import { InitialMemory } from '../link/initial-memory.js';
import type { LiveVariable } from '../link/live-unit.js';
import {
  datumKind,
  datumKindAt,
  isAllocated,
  isCode,
  isZeroFilled,
  objectsIn,
} from '../link/object-unit.js';
import { scopedNameOf } from '../link/read-live-unit.js';
import { CodeComparer } from '../patch/compare-code.js';
import { newVariables } from '../patch/ledger.js';
import { sectionOf } from './linked-code.js';
import type { ProcessImage } from './observe.js';
import type { PreparedUnit } from './prepare-unit.js';
import type { DataReport, ReportedDatum } from './report.js';

/** @throws HcrError `malformed-file` */
export function reportData(image: ProcessImage, units: readonly PreparedUnit[]): DataReport {
  const initial = new InitialMemory(image.symbols, image.target.machine.relocations);
  const reports = units.map((unit) => new UnitData(image, unit, initial).report());
  return {
    kept: reports.flatMap(({ kept }) => kept),
    new: reports.flatMap((report) => report.new),
    changed: reports.flatMap(({ changed }) => changed),
    removed: reports.flatMap(({ removed }) => removed),
  };
}

/** What a user should know of the lists: an edit that has no effect.
 *  @see DataReport.changed */
export function initialiserNotes({ changed }: DataReport): string[] {
  const [first, ...others] = changed.map(({ name }) => name);
  if (first === undefined) return [];
  return others.length === 0
    ? [`${first}: its initialiser was edited and is not applied; it keeps its value.`]
    : [
        `${[first, ...others].join(', ')}: their initialisers were edited and are not applied; they keep their values.`,
      ];
}

class UnitData {
  private readonly image: ProcessImage;
  private readonly unit: PreparedUnit;
  private readonly comparer: CodeComparer;

  constructor(image: ProcessImage, unit: PreparedUnit, initial: InitialMemory) {
    this.image = image;
    this.unit = unit;
    this.comparer = new CodeComparer({
      unit: unit.edited.unit,
      binder: unit.binder,
      symbols: image.symbols,
      module: unit.wanted.module,
      machine: image.target.machine,
      original: initial,
      decoder: undefined,
    });
  }

  report(): DataReport {
    const { edited, binder, linked } = this.unit;
    const used = new Set(linked.references.map((reference) => sectionOf(reference, edited)));
    const lists = { kept: new Map(), new: new Map(), changed: new Map() } as const;
    for (const { section, symbol } of this.variables()) {
      const datum = this.describe(section, symbol);
      const live = binder.liveVariable(section, symbol);
      if (live === undefined) {
        if (linked.sections.has(section)) lists.new.set(symbol, datum);
      } else if (this.isEdited(section, symbol, live)) {
        lists.changed.set(symbol, datum);
      } else if (used.has(section)) {
        lists.kept.set(symbol, datum);
      }
    }
    const list = (data: ReadonlyMap<unknown, ReportedDatum>): ReportedDatum[] =>
      [...data.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return {
      kept: list(lists.kept),
      new: list(lists.new),
      changed: list(lists.changed),
      removed: [...this.removed(), ...this.removedOfPatches()],
    };
  }

  private *variables(): IterableIterator<{ section: Section; symbol: ElfSymbol }> {
    const { object } = this.unit.edited.unit;
    for (const section of object.sections) {
      if (!isAllocated(section) || isCode(section) || datumKind(section) === 'constant') continue;
      for (const symbol of objectsIn(object, section))
        if (!isOfCompiler(symbol.name)) yield { section, symbol };
    }
  }

  /** Whether the program was started with another value. Of a variable that an earlier patch
   *  brought nobody knows. */
  private isEdited(section: Section, symbol: ElfSymbol, live: LiveVariable): boolean {
    const { value, sizeBytes } = symbol;
    if (live.sizeBytes !== undefined && live.sizeBytes !== sizeBytes) return false;
    const address = this.initialAddress(live);
    if (address === 'zeros') {
      const bytes = this.unit.edited.unit.object.bytesOf(section);
      return (
        !isZeroFilled(section) && bytes.subarray(value, value + sizeBytes).some((b) => b !== 0)
      );
    }
    const { symbols } = this.image;
    const isOfProgram = symbols.modules.some(
      ({ range }) => address >= range.start && address < range.end,
    );
    return isOfProgram && !this.comparer.compareDatum(section, value, sizeBytes, address);
  }

  private initialAddress({ address, blockOffset }: LiveVariable): Addr | 'zeros' {
    if (blockOffset === undefined) return address;
    const { module } = this.unit.wanted;
    const segment = module.file.segments.find(({ type }) => type === PT.TLS);
    if (segment === undefined || blockOffset >= segment.fileSizeBytes) return 'zeros';
    return liveAddress(module, vaddr(segment.address + blockOffset));
  }

  /** Variables of the program's unit that the edited one no longer mentions. */
  private removed(): ReportedDatum[] {
    const { edited, wanted } = this.unit;
    if (edited.debug === undefined || wanted.unit === undefined) return [];
    const mentioned = new Set(edited.debug.variables().map(scopedNameOf));
    return wanted.unit
      .variables()
      .filter((variable) => variable.location !== undefined && this.isWritable(variable))
      .filter((variable) => !mentioned.has(scopedNameOf(variable)))
      .map(describeVariable);
  }

  private isWritable({ location }: VariableEntry): boolean {
    if (location?.kind !== 'static') return true;
    return datumKindAt(this.unit.wanted.module.file, location.vaddr) !== 'constant';
  }

  /** Those of variables that earlier patches brought and that only this unit can have. */
  private removedOfPatches(): ReportedDatum[] {
    const { live, wanted, edited } = this.unit;
    const keys = new Set(
      [...this.variables()].map(({ section, symbol }) =>
        variableKey(live.name, symbol, edited.unit.scopedName(section, symbol.value)),
      ),
    );
    const own = `${live.name}:`;
    return newVariables(this.image.store.ledger)
      .filter(({ module, key }) => module === wanted.module.path && key.startsWith(own))
      .filter(({ key }) => !keys.has(key))
      .map(({ key }) => {
        const [scope = '', name] = key.slice(own.length).split('#');
        if (name === undefined) return { name: scope };
        return scope === '' ? { name } : { name, function: scope };
      });
  }

  private describe(section: Section, symbol: ElfSymbol): ReportedDatum {
    const variable = this.unit.edited.debugVariableAt(section, symbol.value);
    return variable === undefined ? { name: symbol.name } : describeVariable(variable);
  }
}

function describeVariable(variable: VariableEntry): ReportedDatum {
  const { function: owner, declFile, declLine } = variable;
  const source = declLine === undefined ? declFile : `${declFile ?? ''}:${declLine}`;
  return {
    name: owner === undefined ? variable.qualifiedName : variable.name,
    ...(owner === undefined ? {} : { function: owner.qualifiedName }),
    ...(source === undefined ? {} : { source }),
  };
}

/** Variables that the compiler makes: guards of static locals and of thread-local objects, and the
 *  places from which exception tables read an address. */
function isOfCompiler(name: string): boolean {
  return /^(_ZGV|__tls_guard$|DW\.ref\.)/.test(name);
}
