/** Which types the edited source lays out otherwise than the live program does. */
import type { Difference } from '../core/failure-codes.js';
import { compareLayouts } from './compare-layouts.js';
import { DW_AT } from './constants.js';
import type { Die } from './die.js';
import { type NamedType, NamedTypes } from './named-types.js';
import { LayoutReader, type TypeLayout } from './type-layout.js';
import type { UnitDies } from './unit-dies.js';

export interface ChangedType {
  readonly name: string;
  readonly edited: Die;
  /** Usually one; a name may stand for several, each local to a block of a function. */
  readonly live: readonly Die[];
  readonly differences: readonly Difference[];
}

export interface TypeComparison {
  readonly changed: readonly ChangedType[];
  /** Complete in the edited unit, and not in the live one. */
  readonly unknown: readonly NamedType[];
}

/** Types of a live unit, read once for as long as the unit is known: each reload compares them. */
class KnownLayouts {
  readonly types: NamedTypes;
  private readonly reader = new LayoutReader();
  private readonly layouts = new Map<Die, TypeLayout>();

  constructor(unit: UnitDies) {
    this.types = new NamedTypes(unit);
  }

  layoutOf(die: Die): TypeLayout {
    const layout = this.layouts.get(die) ?? this.reader.layoutOf(die);
    this.layouts.set(die, layout);
    return layout;
  }
}

const liveLayouts = new WeakMap<UnitDies, KnownLayouts>();

/** Compares all types of two versions of a unit by name. An incomplete declaration says nothing.
 *  @throws HcrError `malformed-file` */
export function compareTypes(live: UnitDies, edited: UnitDies): TypeComparison {
  const known = liveLayouts.get(live) ?? new KnownLayouts(live);
  liveLayouts.set(live, known);
  const editedReader = new LayoutReader();
  const changed: ChangedType[] = [];
  const unknown: NamedType[] = [];
  for (const type of new NamedTypes(edited).all()) {
    const dies = known.types.find(type.name);
    if (dies.length === 0) {
      unknown.push(type);
      continue;
    }
    const layout = editedReader.layoutOf(type.die);
    const all = dies.map((die) => compareLayouts(known.layoutOf(die), layout));
    const [differences] = all;
    if (differences === undefined || all.some((found) => found.length === 0)) continue;
    changed.push({ name: type.name, edited: type.die, live: dies, differences });
  }
  return { changed, unknown };
}

/** Path of the file that declares a type; absolute when its unit's directory is. */
export function declaringFile(die: Die): string | undefined {
  const file = die.constant(DW_AT.decl_file);
  return file === undefined ? undefined : die.unit.filePath(file);
}
