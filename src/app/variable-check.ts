/**
 * Whether the variables of the program that new code is bound to are still what it takes them for.
 * A variable keeps its place and its size: a larger one would reach into its neighbour.
 */
import { HcrError } from '../core/failure.js';
import type { Difference } from '../core/failure-codes.js';
import { sameRepresentation } from '../dwarf/compare-layouts.js';
import { DW_AT, DW_TAG } from '../dwarf/constants.js';
import type { Die } from '../dwarf/die.js';
import { LayoutReader } from '../dwarf/type-layout.js';
import { typeText } from '../dwarf/type-text.js';
import { sizeOfType, typeOf } from '../dwarf/types.js';
import type { Unit } from '../dwarf/unit.js';
import type { Section } from '../elf/sections.js';
import type { ElfSymbol } from '../elf/symbols.js';
import type { Binder } from '../link/bind.js';
import type { LiveSymbol } from '../link/live-symbols.js';
import { datumKind, isCode, objectsIn } from '../link/object-unit.js';
import type { EditedUnit } from '../link/read-object-unit.js';
import { scopedNameOf } from '../link/read-live-unit.js';
import { type LinkedCode, sectionOf } from './linked-code.js';
import type { WantedUnit } from './locate.js';

/** @returns a `layout-changed` for each variable that is of another type or size now
 *  @throws HcrError `malformed-file` */
export function checkVariables(
  wanted: WantedUnit,
  edited: EditedUnit,
  binder: Binder,
  linked: LinkedCode,
): HcrError[] {
  const check = new VariableCheck(wanted, edited, binder);
  const sections = new Set<Section>();
  const declared = new Map<string, LiveSymbol>();
  for (const reference of linked.references) {
    const section = sectionOf(reference, edited);
    const { symbol, binding } = reference;
    if (section !== undefined) sections.add(section);
    else if (
      symbol.home === 'undefined' &&
      binding.kind === 'live' &&
      binding.symbol?.kind === 'object'
    )
      declared.set(symbol.name, binding.symbol);
  }
  return [
    ...[...sections].filter(isWritable).flatMap((section) => check.section(section)),
    ...[...declared].flatMap(([name, live]) => check.declared(name, live)),
  ];
}

/** The same for the data of some sections, whether or not the new code refers to them. */
export function checkData(
  wanted: WantedUnit,
  edited: EditedUnit,
  binder: Binder,
  sections: ReadonlySet<Section>,
): HcrError[] {
  const check = new VariableCheck(wanted, edited, binder);
  return [...sections].flatMap((section) => check.section(section));
}

function isWritable(section: Section): boolean {
  return !isCode(section) && datumKind(section) !== 'constant';
}

class VariableCheck {
  private readonly wanted: WantedUnit;
  private readonly edited: EditedUnit;
  private readonly binder: Binder;
  private readonly liveReader = new LayoutReader();
  private readonly editedReader = new LayoutReader();
  private liveByScope: ReadonlyMap<string, Die> | undefined;
  private readonly declarations = new Map<Unit, ReadonlyMap<string, Die>>();

  constructor(wanted: WantedUnit, edited: EditedUnit, binder: Binder) {
    this.wanted = wanted;
    this.edited = edited;
    this.binder = binder;
  }

  /** The variables that the unit itself defines, as far as the program has them. */
  section(section: Section): HcrError[] {
    return objectsIn(this.edited.unit.object, section).flatMap((symbol) => {
      const live = this.binder.counterparts.variableOf(section, symbol);
      if (live === undefined) return [];
      const die = this.edited.debugVariableAt(section, symbol.value)?.die();
      const scoped = this.edited.unit.scopedName(section, symbol.value);
      const before = scoped === undefined ? undefined : this.liveDie(scoped);
      return this.compare(symbol, die, before, live.sizeBytes);
    });
  }

  /** A variable of another unit, which this one only declares. */
  declared(name: string, live: LiveSymbol): HcrError[] {
    const after = this.declarationIn(this.edited.debug, name);
    if (after === undefined) return [];
    const before = this.declarationIn(this.wanted.unit, name);
    const differences = before === undefined ? [] : this.compareTypes(before, after);
    const sizeBytes = sizeOfType(typeOf(after));
    if (differences.length === 0 && before === undefined && sizeBytes !== undefined) {
      if (sizeBytes > live.sizeBytes && live.sizeBytes > 0)
        differences.push(sizeDifference(live.sizeBytes, sizeBytes));
    }
    return refusals(name, differences);
  }

  private compare(
    symbol: ElfSymbol,
    after: Die | undefined,
    before: Die | undefined,
    liveBytes: number | undefined,
  ): HcrError[] {
    const differences =
      after === undefined || before === undefined ? [] : this.compareTypes(before, after);
    if (differences.length === 0 && liveBytes !== undefined && liveBytes !== symbol.sizeBytes)
      differences.push(sizeDifference(liveBytes, symbol.sizeBytes));
    return refusals(after?.text(DW_AT.name) ?? symbol.name, differences);
  }

  private compareTypes(before: Die, after: Die): Difference[] {
    const [live, edited] = [typeOf(before), typeOf(after)];
    if (sameRepresentation(this.liveReader.keyOf(live), this.editedReader.keyOf(edited))) return [];
    const name = after.text(DW_AT.name) ?? before.text(DW_AT.name) ?? '';
    return [
      {
        what: 'its declaration',
        live: withSize(typeText(live, name), sizeOfType(live)),
        edited: withSize(typeText(edited, name), sizeOfType(edited)),
      },
    ];
  }

  private liveDie(scopedName: string): Die | undefined {
    this.liveByScope ??= new Map(
      (this.wanted.unit?.variables() ?? [])
        .filter(({ location }) => location !== undefined)
        .map((variable) => [scopedNameOf(variable), variable.die()]),
    );
    return this.liveByScope.get(scopedName);
  }

  private declarationIn(unit: Unit | undefined, name: string): Die | undefined {
    if (unit === undefined) return undefined;
    let known = this.declarations.get(unit);
    if (known === undefined) {
      known = readDeclarations(unit);
      this.declarations.set(unit, known);
    }
    return known.get(name);
  }
}

/** Variables outside functions that a unit only declares, by their symbols. */
function readDeclarations(unit: Unit): ReadonlyMap<string, Die> {
  const found = new Map<string, Die>();
  const { dies } = unit;
  dies.tags.forEach((tag, index) => {
    if (tag !== DW_TAG.variable) return;
    const die = dies.dieAtIndex(index);
    if (!die.flag(DW_AT.declaration) || !die.flag(DW_AT.external)) return;
    const name = die.text(DW_AT.linkage_name) ?? die.text(DW_AT.name);
    if (name !== undefined) found.set(name, die);
  });
  return found;
}

function refusals(name: string, differences: readonly Difference[]): HcrError[] {
  return differences.length === 0
    ? []
    : [new HcrError({ code: 'layout-changed', type: `the variable ${name}`, differences })];
}

function sizeDifference(live: number, edited: number): Difference {
  return { what: 'its size', live: `${live} bytes`, edited: `${edited} bytes` };
}

function withSize(text: string, sizeBytes: number | undefined): string {
  return sizeBytes === undefined ? text : `${text} of ${sizeBytes} bytes`;
}
