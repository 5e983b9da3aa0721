/** What of a fresh object goes into the process with the functions that are patched. */
import type { Machine } from '../arch/arch.js';
import type { FunctionEntry } from '../dwarf/functions.js';
import type { VariableEntry } from '../dwarf/variables.js';
import type { Section } from '../elf/sections.js';
import type { Binder } from '../link/bind.js';
import { collectReferences } from '../link/layout.js';
import { framesOf } from '../link/unwind-frames.js';
import { objectsIn } from '../link/object-unit.js';
import type { EditedUnit } from '../link/read-object-unit.js';
import type { Reference } from '../link/resolve.js';
import type { PatchRoot } from './select-roots.js';

export interface LinkedCode {
  readonly sections: ReadonlySet<Section>;
  readonly references: readonly Reference[];
  /** Debug information of the functions in it. */
  readonly functions: ReadonlySet<FunctionEntry>;
  /** And of the unit's variables that it refers to. */
  readonly variables: ReadonlySet<VariableEntry>;
}

/** @param brought sections that other units refer to
 *  @throws HcrError as `resolveReferences` */
export function linkedCode(
  roots: readonly PatchRoot[],
  brought: readonly Section[],
  edited: EditedUnit,
  binder: Binder,
  machine: Machine,
): LinkedCode {
  const { unit } = edited;
  const { sections, references } = collectReferences(
    [...roots.map(({ fn }) => fn.section), ...brought],
    unit,
    framesOf(unit),
    binder,
    machine,
  );
  const functions = new Set<FunctionEntry>();
  for (const fn of unit.functions) {
    const entry = sections.has(fn.section) ? edited.debugEntryOf(fn) : undefined;
    if (entry !== undefined) functions.add(entry);
  }
  const variables = new Set<VariableEntry>();
  for (const section of new Set(references.map((reference) => sectionOf(reference, edited)))) {
    for (const symbol of section === undefined ? [] : objectsIn(unit.object, section)) {
      const variable = section && edited.debugVariableAt(section, symbol.value);
      if (variable !== undefined) variables.add(variable);
    }
  }
  return { sections, references, functions, variables };
}

/** The section of the object that a reference leads to. */
export function sectionOf({ symbol }: Reference, edited: EditedUnit): Section | undefined {
  return edited.unit.object.sectionOf(symbol);
}
