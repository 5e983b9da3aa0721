/**
 * What mentions a type: functions by their parameters, results and variables, variables by their
 * own type, and other types by their members, in turn. A type that is only pointed to counts, for
 * the pointer is there to be followed.
 *
 * The whole unit is read once into edges from what mentions to what is mentioned, which are then
 * walked backwards from the types in question.
 */
import { DW_AT, DW_TAG } from './constants.js';
import type { Die } from './die.js';
import type { FunctionEntry } from './functions.js';
import { parameterDies, typeOf } from './types.js';
import type { Unit } from './unit.js';
import type { UnitDies } from './unit-dies.js';
import type { VariableEntry } from './variables.js';

export interface TypeUsers {
  /** Those with code; what is inlined into one is its own. */
  readonly functions: readonly FunctionEntry[];
  /** Those that live as long as the program or a thread. */
  readonly variables: readonly VariableEntry[];
}

/** Every method: `@throws HcrError malformed-file`. */
export class TypeUses {
  private readonly unit: Unit;
  private readonly edges: Edges;

  constructor(unit: Unit) {
    this.unit = unit;
    this.edges = readEdges(unit.dies);
  }

  /** @param types entries of records and enumerations, as `Die.offset`
   *  @param how `held`: only where values of them are, not what leads to one by a pointer */
  usersOf(types: ReadonlySet<number>, how: 'mentioned' | 'held'): TypeUsers {
    const reaching = this.reaching(types, how);
    return {
      functions: this.unit
        .functions()
        .filter((entry) => entry.entry !== undefined && reaching.has(entry.die().offset)),
      variables: this.unit
        .variables()
        .filter((entry) => entry.location !== undefined && reaching.has(entry.die().offset)),
    };
  }

  /** Whether a function is called with one of some types, or with what leads to one. */
  isPassed(types: ReadonlySet<number>, entry: FunctionEntry): boolean {
    const reaching = this.reaching(types, 'mentioned');
    const declaration = entry.declaration();
    const passed = [declaration, ...parameterDies(declaration).entries].map(typeOf);
    return passed.some((type) => type !== undefined && reaching.has(type.offset));
  }

  /** Whether values of one type hold values of some others. */
  holds(type: number, others: ReadonlySet<number>): boolean {
    return this.reaching(others, 'held').has(type);
  }

  private reaching(targets: ReadonlySet<number>, how: 'mentioned' | 'held'): Set<number> {
    const reached = new Set<number>(targets);
    for (const target of reached) {
      // A Set hands out what is added to it while it is walked.
      for (const from of this.edges.holders.get(target) ?? []) reached.add(from);
      if (how === 'held') continue;
      for (const from of this.edges.mentioners.get(target) ?? []) reached.add(from);
    }
    return reached;
  }
}

type Adjacency = Map<number, number[]>;

/** By the entry that is mentioned. */
interface Edges {
  readonly holders: Adjacency;
  readonly mentioners: Adjacency;
}

function readEdges(unit: UnitDies): Edges {
  const reader = new EdgeReader(unit);
  reader.read();
  return reader;
}

class EdgeReader implements Edges {
  readonly holders: Adjacency = new Map();
  readonly mentioners: Adjacency = new Map();
  private readonly unit: UnitDies;
  /** Types in units of their own. */
  private readonly elsewhere = new Map<number, Die>();

  constructor(unit: UnitDies) {
    this.unit = unit;
  }

  read(): void {
    const { unit } = this;
    const owners = new Int32Array(unit.count).fill(NONE);
    unit.tags.forEach((tag, index) => {
      const outer = index === 0 ? NONE : (owners[unit.parentIndex(index)] ?? NONE);
      owners[index] = OWNERS.has(tag) ? index : outer;
      const owner = outer === NONE ? undefined : unit.dieAtIndex(outer);
      this.addEdges(unit.dieAtIndex(index), owner);
    });
    // A Map hands out what is added to it while it is walked.
    for (const die of this.elsewhere.values()) this.addSubtree(die, undefined);
  }

  private addSubtree(die: Die, owner: Die | undefined): void {
    this.addEdges(die, owner);
    const inner = OWNERS.has(die.tag) ? die : owner;
    for (const child of die.children()) this.addSubtree(child, inner);
  }

  /** @param owner the nearest type or function around the entry */
  private addEdges(die: Die, owner: Die | undefined): void {
    const isVariable = die.tag === DW_TAG.variable;
    const from = isVariable || OWNERS.has(die.tag) ? die : owner;
    if (from === undefined) return;
    if (isVariable && owner?.tag === DW_TAG.subprogram) add(this.holders, die.offset, owner.offset);
    const target = die.reference(DW_AT.type) ?? die.reference(DW_AT.signature);
    if (target !== undefined) {
      const adjacency = isHeld(die, from) ? this.holders : this.mentioners;
      add(adjacency, target.offset, from.offset);
      if (target.unit !== this.unit) this.elsewhere.set(target.offset, target);
    }
    const origin = die.reference(DW_AT.abstract_origin) ?? die.reference(DW_AT.specification);
    if (origin !== undefined && from.offset !== origin.offset)
      add(this.holders, origin.offset, from.offset);
  }
}

const NONE = -1;

/** Whether what an entry says of a type is that a value of it is in what the entry belongs to. */
function isHeld(die: Die, from: Die): boolean {
  switch (die.tag) {
    case DW_TAG.pointer_type:
    case DW_TAG.reference_type:
    case DW_TAG.rvalue_reference_type:
    case DW_TAG.ptr_to_member_type:
    case DW_TAG.subroutine_type:
      return false;
    case DW_TAG.member:
    case DW_TAG.inheritance:
    case DW_TAG.variable:
      return true;
    case DW_TAG.formal_parameter:
      return from.tag === DW_TAG.subprogram;
    default:
      return OWNERS.has(die.tag);
  }
}

function add(adjacency: Adjacency, to: number, from: number): void {
  const known = adjacency.get(to);
  if (known === undefined) adjacency.set(to, [from]);
  else known.push(from);
}

/** Types and functions: what a member, a parameter or a template's argument belongs to. */
const OWNERS: ReadonlySet<number> = new Set([
  DW_TAG.array_type,
  DW_TAG.class_type,
  DW_TAG.enumeration_type,
  DW_TAG.pointer_type,
  DW_TAG.reference_type,
  DW_TAG.rvalue_reference_type,
  DW_TAG.structure_type,
  DW_TAG.subroutine_type,
  DW_TAG.typedef,
  DW_TAG.template_alias,
  DW_TAG.union_type,
  DW_TAG.ptr_to_member_type,
  DW_TAG.subprogram,
  DW_TAG.const_type,
  DW_TAG.volatile_type,
  DW_TAG.restrict_type,
  DW_TAG.atomic_type,
  DW_TAG.packed_type,
]);
