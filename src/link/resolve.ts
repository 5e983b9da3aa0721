/**
 * Each relocation of a section with what it refers to.
 *
 * A relocation against a section symbol of code is ambiguous: within a function it means a label
 * (a switch table's cases, the cold part's way back) and must follow the new body; from elsewhere,
 * exactly at a function's start, it means the function, whose address is its entry for ever.
 */
import type { RelocationRule, Relocations } from '../arch/relocations.js';
import { type Addr, offsetBy } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { STT } from '../elf/constants.js';
import type { Relocation } from '../elf/relocations.js';
import type { Section } from '../elf/sections.js';
import type { ElfSymbol } from '../elf/symbols.js';
import type { Binder, Binding } from './bind.js';
import { type ObjectUnit, isCode, objectsIn } from './object-unit.js';

export interface Reference {
  readonly section: Section;
  readonly relocation: Relocation;
  readonly rule: RelocationRule;
  readonly symbol: ElfSymbol;
  /** What the symbol's value is; the relocation's addend is still to be added. */
  readonly binding: Binding;
}

/** The function or variable that a relocation points at, as an offset into the symbol's section,
 *  whatever the addend includes. Distances in a table (clang's of strings) are counted from the
 *  start of the table, which has a section of its own. */
export function targetOffset(
  reference: Pick<Reference, 'section' | 'relocation' | 'rule' | 'symbol'>,
  relocations: Relocations,
): number {
  const { section, relocation, rule, symbol } = reference;
  const target = symbol.value + relocation.addend;
  if (!rule.pcRelative) return target;
  return isCode(section) ? target + relocations.pcBiasBytes : target - relocation.offset;
}

/** Where the constant begins that a relocation refers to, in its section. An index that begins at
 *  one is counted from below the constant. */
export function constantOffset(
  reference: Pick<Reference, 'section' | 'relocation' | 'rule' | 'symbol'>,
  relocations: Relocations,
): number {
  return Math.max(targetOffset(reference, relocations), reference.symbol.value);
}

/** @throws HcrError `unsupported-relocation`, `unresolved-symbol`, `function-not-patchable` */
export function resolveReferences(
  section: Section,
  unit: ObjectUnit,
  binder: Binder,
  relocations: Relocations,
): Reference[] {
  return unit.object.relocationsOf(section).flatMap((relocation) => {
    const reference = resolveReference(section, relocation, unit, binder, relocations);
    return reference === undefined ? [] : [reference];
  });
}

/** Undefined for a mere marker.
 *  @throws HcrError as {@link resolveReferences} */
export function resolveReference(
  section: Section,
  relocation: Relocation,
  unit: ObjectUnit,
  binder: Binder,
  relocations: Relocations,
): Reference | undefined {
  const symbol = unit.object.symbolAt(relocation.symbolIndex);
  const rule = relocations.rule(relocation.type);
  if (rule === undefined) {
    throw new HcrError({
      code: 'unsupported-relocation',
      relocation: relocations.nameOf(relocation.type),
      section: section.name,
      symbol: symbol.name,
    });
  }
  if (rule.needs === 'nothing') return undefined;
  const partial = { section, relocation, rule, symbol };
  return { ...partial, binding: resolve(partial, unit, binder, relocations) };
}

function resolve(
  reference: Omit<Reference, 'binding'>,
  unit: ObjectUnit,
  binder: Binder,
  relocations: Relocations,
): Binding {
  const { section, symbol } = reference;
  const target = unit.object.sectionOf(symbol);
  if (target === undefined || symbol.type !== STT.SECTION || !isCode(target))
    return binder.bind(symbol);
  const label: Binding = { kind: 'fresh', section: target, offset: symbol.value };
  if (!namesFunctions(section, unit)) return label;
  const fn = binder.functionAt(target, targetOffset(reference, relocations));
  if (fn === undefined) return label;
  const bound = binder.bindFunction(fn);
  if (bound.kind !== 'live') return label;
  // S is the section's start: what has the function at its offset.
  return { ...bound, address: sectionStart(bound.address, fn.offset, symbol.value) };
}

function sectionStart(entry: Addr, functionOffset: number, symbolValue: number): Addr {
  return offsetBy(entry, symbolValue - functionOffset);
}

/** Code and named data hold addresses of functions; unnamed constants hold switch tables. */
function namesFunctions(section: Section, unit: ObjectUnit): boolean {
  return isCode(section) || objectsIn(unit.object, section).length > 0;
}
