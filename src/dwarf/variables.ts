/**
 * The variables of a unit that live as long as the program or a thread: globals, statics of
 * files, classes and functions, thread-locals.
 *
 * gcc describes the statics of an inlined function in its abstract instance, with their address,
 * and may mention them again in each copy; they are one variable.
 * @see DWARF 5, 4.1
 */
import { DW_AT, DW_TAG } from './constants.js';
import type { Die } from './die.js';
import { abstractInstance, type Entity, entityOf } from './entity.js';
import { staticLocation, type StaticLocation } from './expression.js';
import { enclosingIndexes } from './inlined-copies.js';
import { type Scope, scopePath } from './scope.js';
import { typeText } from './type-text.js';
import { sizeOfType, typeOf } from './types.js';
import type { UnitDies } from './unit-dies.js';

export class VariableEntry {
  readonly entity: Entity;
  /** The function it is local to. */
  readonly function: Entity | undefined;
  /** Its place among the variables of the same name in the same scope or function, from 0, in
   *  the unit's order: tells `n.0` from `n.1`. */
  readonly ordinal: number;
  /** `undefined` when it was optimised away or the linker discarded it. */
  readonly location: StaticLocation | undefined;
  private readonly unit: UnitDies;
  private readonly index: number;

  constructor(
    unit: UnitDies,
    found: Pick<VariableEntry, 'entity' | 'function' | 'ordinal' | 'location'>,
    index: number,
  ) {
    this.unit = unit;
    this.index = index;
    this.entity = found.entity;
    this.function = found.function;
    this.ordinal = found.ordinal;
    this.location = found.location;
  }

  get name(): string {
    return this.entity.name;
  }
  get linkageName(): string | undefined {
    return this.entity.linkageName;
  }
  get scope(): Scope | undefined {
    return this.entity.scope;
  }
  /** Names of namespaces, types and functions around it, outermost first. */
  get scopePath(): readonly string[] {
    return scopePath(this.entity.scope);
  }
  get qualifiedName(): string {
    return this.entity.qualifiedName;
  }
  get declFile(): string | undefined {
    return this.entity.declFile;
  }
  get declLine(): number | undefined {
    return this.entity.declLine;
  }
  get external(): boolean {
    return this.entity.external;
  }

  /** `undefined` when its type is incomplete.
   *  @throws HcrError `malformed-file` */
  get sizeBytes(): number | undefined {
    return sizeOfType(typeOf(this.die()));
  }

  /** Its type as the source would write it.
   *  @throws HcrError `malformed-file` */
  get typeText(): string {
    return typeText(typeOf(this.die()));
  }

  die(): Die {
    return this.unit.dieAtIndex(this.index);
  }
}

/** In the unit's order.
 *  @throws HcrError `malformed-file` */
export function readVariables(unit: UnitDies): readonly VariableEntry[] {
  const ordinals = new Map<string, number>();
  return findInstances([unit, ...unit.imported()]).map(
    ({ unit: holder, index, around, location }) => {
      const entity = entityOf(holder.dieAtIndex(index));
      const owner = around < 0 ? undefined : entityOf(holder.dieAtIndex(around));
      const key = `${owner?.offset ?? entity.scope?.qualifiedName ?? ''} ${entity.name}`;
      const ordinal = ordinals.get(key) ?? 0;
      ordinals.set(key, ordinal + 1);
      return new VariableEntry(holder, { entity, function: owner, ordinal, location }, index);
    },
  );
}

interface Instance {
  readonly unit: UnitDies;
  /** Index of the function around it, -1 for none. */
  readonly around: number;
  readonly index: number;
  readonly location: StaticLocation | undefined;
}

/** Of each variable the first instance that says where it is, else the first. */
function findInstances(units: readonly UnitDies[]): readonly Instance[] {
  const instances = new Map<number, Instance>();
  for (const unit of units) {
    const functionAround = enclosingIndexes(unit, isFunction);
    unit.tags.forEach((tag, index) => {
      if (tag !== DW_TAG.variable) return;
      const die = unit.dieAtIndex(index);
      const location = staticLocation(die, DW_AT.location);
      const around = functionAround[index] ?? -1;
      // Without a fixed place, a variable in a function is one of its frame, and one that is only
      // declared is another unit's.
      if (location === undefined && (around >= 0 || die.flag(DW_AT.declaration))) return;
      const identity = abstractInstance(die).offset;
      const known = instances.get(identity);
      if (known === undefined || known.location === undefined) {
        instances.set(identity, { unit, index, around, location });
      }
    });
  }
  return [...instances.values()];
}

function isFunction(tag: number): boolean {
  return tag === DW_TAG.subprogram || tag === DW_TAG.inlined_subroutine;
}
