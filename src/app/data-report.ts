/**
 * What a patch does to the variables of a unit: the program's own keep their addresses and values,
 * so an edited initialiser has no effect, and what was deleted from the source is still there.
 */
import type { VariableEntry } from '../dwarf/variables.js';
import type { Section } from '../elf/sections.js';
import type { ElfSymbol } from '../elf/symbols.js';
import { variableKey } from '../link/live-counterparts.js';
import type { InitialMemory } from '../link/initial-memory.js';
import { MarkedData, isMark } from '../link/marked-data.js';
import { datumKind, datumKindAt, isAllocated, isCode, objectsIn } from '../link/object-unit.js';
import { scopedNameOf } from '../link/read-live-unit.js';
import { newVariables } from '../patch/ledger.js';
import { sectionOf } from './linked-code.js';
import { Initialisers, initialMemoryOf } from './initialisers.js';
import type { ProcessImage } from './observe.js';
import type { PreparedUnit } from './prepare-unit.js';
import type { DataReport, ReportedDatum } from './report.js';

/** @throws HcrError `malformed-file` */
export function reportData(image: ProcessImage, units: readonly PreparedUnit[]): DataReport {
  const initial = initialMemoryOf(image);
  const reports = units.map((unit) => new UnitData(image, unit, initial).report());
  return {
    kept: reports.flatMap(({ kept }) => kept),
    new: reports.flatMap((report) => report.new),
    changed: reports.flatMap(({ changed }) => changed),
    reset: reports.flatMap(({ reset }) => reset),
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
  private readonly initialisers: Initialisers;
  private readonly marked: MarkedData;

  constructor(image: ProcessImage, unit: PreparedUnit, initial: InitialMemory) {
    this.image = image;
    this.unit = unit;
    this.initialisers = new Initialisers(image, unit, initial);
    this.marked = new MarkedData(unit.edited.unit.object);
  }

  report(): DataReport {
    const { edited, binder, linked } = this.unit;
    const used = new Set(linked.references.map((reference) => sectionOf(reference, edited)));
    const lists = {
      kept: new Map(),
      new: new Map(),
      changed: new Map(),
      reset: new Map(),
    } as const;
    for (const { section, symbol } of this.variables()) {
      const datum = this.describe(section, symbol);
      const live = binder.counterparts.variableOf(section, symbol);
      if (live === undefined) {
        if (linked.sections.has(section)) lists.new.set(symbol, datum);
      } else if (this.unit.resets.some((reset) => reset.symbol === symbol)) {
        lists.reset.set(symbol, datum);
      } else if (this.initialisers.isEdited(section, symbol, live)) {
        const isKept = this.marked.has('keep', section, symbol);
        (isKept ? lists.kept : lists.changed).set(symbol, datum);
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
      reset: list(lists.reset),
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

  /** Variables of the program's unit that the edited one no longer mentions. */
  private removed(): ReportedDatum[] {
    const { edited, wanted } = this.unit;
    if (edited.debug === undefined || wanted.unit === undefined) return [];
    const mentioned = new Set(edited.debug.variables().map(scopedNameOf));
    return wanted.unit
      .variables()
      .filter((variable) => variable.location !== undefined && this.isWritable(variable))
      .filter((variable) => !mentioned.has(scopedNameOf(variable)) && !isMark(variable.name))
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
  return /^(_ZGV|__tls_guard$|DW\.ref\.)/.test(name) || isMark(name);
}
