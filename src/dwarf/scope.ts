/**
 * What a name is declared in: namespaces, types and, for what is local to them, functions.
 * @see DWARF 5, 3.2.2, 3.3 and 5.7
 */
import { HcrError } from '../core/failure.js';
import { DW_AT, DW_TAG } from './constants.js';
import type { Die } from './die.js';

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

/** Scopes of the entries of one unit, each made once. */
export class Scopes {
  private readonly known = new Map<number, Scope | undefined>();

  /** What encloses an entry; `undefined` at the top level.
   *  @throws HcrError `malformed-file` */
  around(die: Die): Scope | undefined {
    return this.enclosing(die, 0);
  }

  private enclosing(die: Die, depth: number): Scope | undefined {
    for (let parent = die.parent; parent !== undefined; parent = parent.parent) {
      const kind = kindOf(parent.tag);
      if (kind !== undefined) return this.of(parent, kind, depth);
    }
    return undefined;
  }

  private of(die: Die, kind: Scope['kind'], depth: number): Scope | undefined {
    if (this.known.has(die.offset)) return this.known.get(die.offset);
    if (depth > MAX_DEPTH) {
      throw new HcrError({
        code: 'malformed-file',
        what: '.debug_info',
        detail: `scopes nested deeper than ${MAX_DEPTH}`,
      });
    }
    const origins = die.origins([DW_AT.abstract_origin, DW_AT.specification]);
    const parent = this.enclosing(origins.at(-1) ?? die, depth + 1);
    const name = firstText(origins, DW_AT.name) ?? unnamed(kind);
    const qualifiedName = qualify(parent, name);
    const scope: Scope = { kind, name, parent, qualifiedName };
    this.known.set(die.offset, scope);
    return scope;
  }
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
