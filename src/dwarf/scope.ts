/**
 * What a name is declared in: namespaces, types and, for what is local to them, functions.
 * @see DWARF 5, 3.2.2, 3.3 and 5.7
 */
import { HcrError } from '../core/failure.js';
import { DW_AT, DW_TAG } from './constants.js';
import type { Die, DieOwner } from './die.js';

export interface Scope {
  readonly kind: 'namespace' | 'type' | 'function';
  readonly name: string;
  readonly parent: Scope | undefined;
  /** `ns::Type`, outermost first. */
  readonly qualifiedName: string;
}

/** Deeper than any program nests its names; origins can lead round in circles. */
const MAX_DEPTH = 256;

/** The names from the outermost scope inwards. */
export function scopePath(scope: Scope | undefined): readonly string[] {
  const names: string[] = [];
  for (let at = scope; at !== undefined; at = at.parent) names.push(at.name);
  return names.reverse();
}

const known = new WeakMap<DieOwner, Map<number, Scope>>();

/** What encloses an entry; `undefined` at the top level. Each scope is one object.
 *  @throws HcrError `malformed-file` */
export function scopeAround(die: Die): Scope | undefined {
  return enclosing(die, 0);
}

function enclosing(die: Die, depth: number): Scope | undefined {
  for (let parent = die.parent; parent !== undefined; parent = parent.parent) {
    const kind = kindOf(parent.tag);
    if (kind !== undefined) return scopeOf(parent, kind, depth);
  }
  return undefined;
}

function scopeOf(die: Die, kind: Scope['kind'], depth: number): Scope {
  const ofUnit = known.get(die.unit) ?? new Map<number, Scope>();
  known.set(die.unit, ofUnit);
  const found = ofUnit.get(die.index);
  if (found !== undefined) return found;
  if (depth > MAX_DEPTH) {
    throw new HcrError({
      code: 'malformed-file',
      what: '.debug_info',
      detail: `scopes nested deeper than ${MAX_DEPTH}`,
    });
  }
  // A type that is in a unit of its own leaves an entry that has perhaps no name.
  const origins = die.origins([DW_AT.abstract_origin, DW_AT.specification, DW_AT.signature]);
  const parent = enclosing(origins.at(-1) ?? die, depth + 1);
  const name = firstText(origins, DW_AT.name) ?? unnamed(kind);
  const scope: Scope = { kind, name, parent, qualifiedName: qualify(parent, name) };
  ofUnit.set(die.index, scope);
  return scope;
}

/** `name` as it is called from outside its scope. */
export function qualify(scope: Scope | undefined, name: string): string {
  return scope === undefined ? name : `${scope.qualifiedName}::${name}`;
}

/** The attribute from the first entry of a chain that has it. */
export function firstText(origins: readonly Die[], attribute: number): string | undefined {
  for (const die of origins) {
    const text = die.text(attribute);
    if (text !== undefined) return text;
  }
  return undefined;
}

function kindOf(tag: number): Scope['kind'] | undefined {
  switch (tag) {
    case DW_TAG.namespace:
      return 'namespace';
    case DW_TAG.structure_type:
    case DW_TAG.class_type:
    case DW_TAG.union_type:
    case DW_TAG.enumeration_type:
      return 'type';
    case DW_TAG.subprogram:
      return 'function';
    default:
      return undefined;
  }
}

function unnamed(kind: Scope['kind']): string {
  return kind === 'namespace' ? '(anonymous namespace)' : '(anonymous)';
}
