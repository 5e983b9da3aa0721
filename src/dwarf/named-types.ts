/**
 * The records and enumerations of a unit by the names that other units, and other versions of this
 * one, know them by. A type that only a typedef gives a name has that one.
 */
import { DW_AT, DW_TAG } from './constants.js';
import type { Die } from './die.js';
import { readType } from './types.js';
import type { UnitDies } from './unit-dies.js';

export interface NamedType {
  /** `ns::Type`; of a type local to a function `function::Type`. */
  readonly name: string;
  readonly die: Die;
}

export function isRecordOrEnum(tag: number): boolean {
  return (
    tag === DW_TAG.structure_type ||
    tag === DW_TAG.class_type ||
    tag === DW_TAG.union_type ||
    tag === DW_TAG.enumeration_type
  );
}

export class NamedTypes {
  private readonly unit: UnitDies;
  /** By the name without its scope, which is quicker to read. */
  private bySimpleName: Map<string, NamedDie[]> | undefined;

  constructor(unit: UnitDies) {
    this.unit = unit;
  }

  /** Those that the unit knows the layout of. A name can stand for several, each local to a block.
   *  @throws HcrError `malformed-file` */
  *all(): IterableIterator<NamedType> {
    for (const dies of this.index().values()) {
      for (const { die, naming } of dies) {
        const name = qualifiedName(naming);
        if (name !== undefined) yield { name, die };
      }
    }
  }

  /** @param name as {@link NamedType} has it
   *  @throws HcrError `malformed-file` */
  find(name: string): readonly Die[] {
    return (this.index().get(simpleName(name)) ?? [])
      .filter(({ naming }) => qualifiedName(naming) === name)
      .map(({ die }) => die);
  }

  private index(): Map<string, NamedDie[]> {
    this.bySimpleName ??= this.readIndex();
    return this.bySimpleName;
  }

  private readIndex(): Map<string, NamedDie[]> {
    const found = new Map<string, NamedDie[]>();
    const add = (naming: Die, die: Die): void => {
      const name = simpleName(naming.text(DW_AT.name) ?? '');
      const known = found.get(name);
      if (known === undefined) found.set(name, [{ die, naming }]);
      else if (!known.some((other) => other.die.offset === die.offset)) known.push({ die, naming });
    };
    this.unit.tags.forEach((tag, index) => {
      if (isRecordOrEnum(tag)) {
        const die = completeType(this.unit.dieAtIndex(index));
        if (die?.has(DW_AT.name) === true) add(die, die);
      } else if (tag === DW_TAG.typedef) {
        const naming = this.unit.dieAtIndex(index);
        const named = naming.reference(DW_AT.type);
        if (named === undefined || !isRecordOrEnum(named.tag) || named.has(DW_AT.name)) return;
        const target = completeType(named);
        if (target !== undefined) add(naming, target);
      }
    });
    return found;
  }
}

interface NamedDie {
  readonly die: Die;
  /** Itself, or the typedef that names it. */
  readonly naming: Die;
}

/** What a declaration alone leaves open; what stands for a type in a unit of its own.
 *  @see DWARF 5, 5.7.1 */
function completeType(die: Die): Die | undefined {
  if (!die.flag(DW_AT.declaration)) return die;
  return die.has(DW_AT.signature) ? die.reference(DW_AT.signature) : undefined;
}

function qualifiedName(naming: Die): string | undefined {
  const type = readType(naming);
  return type.kind === 'record' || type.kind === 'enum' || type.kind === 'alias'
    ? type.name
    : undefined;
}

/** The part after the scopes. Arguments of templates have scopes of their own. */
export function simpleName(name: string): string {
  let depth = 0;
  for (let at = name.length - 1; at > 0; at--) {
    const letter = name[at];
    if (letter === '>') depth += 1;
    else if (letter === '<') depth -= 1;
    else if (letter === ':' && name[at - 1] === ':' && depth === 0) return name.slice(at + 1);
  }
  return name;
}
