/**
 * What the source declares once and debug information may describe in several entries: the
 * declaration in a class, the abstract instance, each out-of-line and inlined copy. An entity
 * puts together what they say.
 * @see DWARF 5, 2.13.2 (specification) and 3.3.8 (abstract instances)
 */
import { DW_AT } from './constants.js';
import type { Die, DieOwner } from './die.js';
import { firstText, qualify, type Scope, scopeAround } from './scope.js';

export interface Entity {
  /** As the source has it, without scope; empty for what has no name. */
  readonly name: string;
  /** The name in the symbol table, where it differs from {@link name}. */
  readonly linkageName: string | undefined;
  readonly scope: Scope | undefined;
  /** `ns::Type::name` */
  readonly qualifiedName: string;
  /** Path of the file that declares it: absolute when the unit's directory is. */
  readonly declFile: string | undefined;
  readonly declLine: number | undefined;
  /** Visible outside its unit. */
  readonly external: boolean;
  /** `DW_AT_inline`, a `DW_INL` number; 0 when absent. */
  readonly inline: number;
  /** Where its abstract instance, or else its only one, is in `.debug_info`: equal for all
   *  copies of one entity. */
  readonly offset: number;
}

const known = new WeakMap<DieOwner, Map<number, Entity>>();

/** What an entry is an instance of; one object for all its instances.
 *  @throws HcrError `malformed-file` */
export function entityOf(die: Die): Entity {
  const abstract = abstractInstance(die);
  const ofUnit = known.get(abstract.unit) ?? new Map<number, Entity>();
  known.set(abstract.unit, ofUnit);
  let entity = ofUnit.get(abstract.index);
  if (entity === undefined) {
    entity = readEntity(abstract);
    ofUnit.set(abstract.index, entity);
  }
  return entity;
}

function readEntity(abstract: Die): Entity {
  const origins = abstract.origins([DW_AT.specification]);
  const name = firstText(origins, DW_AT.name) ?? '';
  const scope = scopeAround(origins.at(-1) ?? abstract);
  return {
    name,
    linkageName:
      firstText(origins, DW_AT.linkage_name) ?? firstText(origins, DW_AT.MIPS_linkage_name),
    scope,
    qualifiedName: qualify(scope, name),
    declFile: declFile(origins),
    declLine: firstConstant(origins, DW_AT.decl_line),
    external: origins.some((die) => die.flag(DW_AT.external)),
    inline: abstract.constant(DW_AT.inline) ?? 0,
    offset: abstract.offset,
  };
}

/** The entry all copies of a function or variable lead to; itself when it is no copy.
 *  @throws HcrError `malformed-file` */
export function abstractInstance(die: Die): Die {
  return die.origins([DW_AT.abstract_origin]).at(-1) ?? die;
}

function firstConstant(origins: readonly Die[], attribute: number): number | undefined {
  for (const die of origins) {
    const constant = die.constant(attribute);
    if (constant !== undefined) return constant;
  }
  return undefined;
}

/** File numbers are those of the unit that the entry is in. */
function declFile(origins: readonly Die[]): string | undefined {
  for (const die of origins) {
    const file = die.constant(DW_AT.decl_file);
    if (file !== undefined) return die.unit.filePath(file);
  }
  return undefined;
}
