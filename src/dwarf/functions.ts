/**
 * The functions of a unit.
 *
 * One entry for each body, and one for each function without a body that nothing else stands for:
 * those whose every call was inlined, and those only declared. A function can have several bodies
 * under one name: the compiler's clones (`f.isra.0`, `f.part.0`) are instances of `f`.
 * @see DWARF 5, 3.3
 */
import type { Vaddr, VaddrRange } from '../core/address.js';
import { DW_AT, DW_INL, DW_TAG } from './constants.js';
import type { Die } from './die.js';
import { abstractInstance, type Entity, entityOf } from './entity.js';
import type { Scope } from './scope.js';
import type { UnitDies } from './unit-dies.js';

export class FunctionEntry {
  readonly entity: Entity;
  /** The name in the symbol table, where it differs from {@link name}. A constructor has one for
   *  each of its bodies. */
  readonly linkageName: string | undefined;
  /** Where it is entered; `undefined` when it has no code in the program. */
  readonly entry: Vaddr | undefined;
  readonly isDeclaration: boolean;
  private readonly unit: UnitDies;
  private readonly index: number;

  constructor(unit: UnitDies, die: Die, entity: Entity) {
    this.unit = unit;
    this.index = die.index;
    this.entity = entity;
    this.linkageName = die.text(DW_AT.linkage_name) ?? entity.linkageName;
    this.entry = unit.entryOf(die);
    this.isDeclaration = die.flag(DW_AT.declaration);
  }

  get name(): string {
    return this.entity.name;
  }
  get scope(): Scope | undefined {
    return this.entity.scope;
  }
  /** `ns::Type::name` */
  get qualifiedName(): string {
    return this.entity.qualifiedName;
  }
  get declFile(): string | undefined {
    return this.entity.declFile;
  }
  get declLine(): number | undefined {
    return this.entity.declLine;
  }
  /** Visible outside its unit. */
  get external(): boolean {
    return this.entity.external;
  }

  /** True when the compiler inlined it somewhere. */
  get isInlined(): boolean {
    const { inline } = this.entity;
    return inline === DW_INL.inlined || inline === DW_INL.declared_inlined;
  }

  /** All of its code, cold parts included; empty when it has none.
   *  @throws HcrError `malformed-file` */
  ranges(): readonly VaddrRange[] {
    return this.unit.rangesOf(this.die());
  }

  /** The entry of this body. */
  die(): Die {
    return this.unit.dieAtIndex(this.index);
  }

  /** The entry with its declaration: parameters, types, names. */
  declaration(): Die {
    return abstractInstance(this.die());
  }
}

/** In the unit's order.
 *  @throws HcrError `malformed-file` */
export function readFunctions(unit: UnitDies): readonly FunctionEntry[] {
  const found: { readonly owner: UnitDies; readonly die: Die }[] = [];
  for (const owner of [unit, ...unit.imported()]) {
    owner.tags.forEach((tag, index) => {
      if (tag === DW_TAG.subprogram) found.push({ owner, die: owner.dieAtIndex(index) });
    });
  }
  const stoodFor = new Set<number>();
  for (const { die } of found) {
    const [, ...origins] = die.origins([DW_AT.abstract_origin, DW_AT.specification]);
    for (const origin of origins) stoodFor.add(origin.offset);
  }
  return found
    .filter(({ die }) => hasBody(die) || !(stoodFor.has(die.offset) || isEmptyCopy(die)))
    .map(({ owner, die }) => new FunctionEntry(owner, die, entityOf(die)));
}

function hasBody(die: Die): boolean {
  return die.has(DW_AT.low_pc) || die.has(DW_AT.ranges);
}

/** A copy without code says nothing that its origin doesn't. */
function isEmptyCopy(die: Die): boolean {
  return die.has(DW_AT.abstract_origin);
}
