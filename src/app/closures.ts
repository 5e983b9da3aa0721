/**
 * Lambdas and the local classes that they are.
 *
 * A compiler numbers the lambdas of a function in their order. Old closures are in the process, and
 * call the code that was compiled for them; when a lambda is added before others, or captures
 * something else, the names stay and mean another one. Then the new lambdas are new code, which new
 * closures call, and old closures keep the old.
 * @see Itanium C++ ABI, 5.1.8 (closure types) and 5.1.7 (local entities)
 */
import { DW_AT } from '../dwarf/constants.js';
import type { FunctionEntry } from '../dwarf/functions.js';
import { readMembers } from '../dwarf/members.js';
import { symbolName } from '../dwarf/source-name.js';
import { typeKey } from '../dwarf/type-key.js';
import { parameterDies, readType, typeOf, withoutAliases } from '../dwarf/types.js';
import type { Unit } from '../dwarf/unit.js';

interface Closure {
  /** Mangled name of the function it is in, `Z4makeiE`. */
  readonly scope: string;
  /** Mangled name of its type, as it occurs in symbols. */
  readonly type: string;
  readonly captures: string;
}

/** Whether a function is local to another one, or an instance of a template for something local to
 *  it: lambdas, methods of local classes, `std::function`'s handlers of a lambda. */
export function isLocalTo(symbol: string, owner: string): boolean {
  return owner.startsWith('_Z') && symbol.includes(`Z${owner.slice(2)}E`);
}

/** @returns whether a function belongs to a lambda that is another one than the live one of its
 *  name; always false without debug information
 *  @throws HcrError `malformed-file` */
export function renewedClosures(
  live: Unit | undefined,
  edited: Unit | undefined,
): (symbol: string) => boolean {
  const before = closuresOf(live);
  const after = closuresOf(edited);
  const renewed = new Set<string>();
  for (const { scope, type, captures } of after.values()) {
    const old = before.get(type);
    if (old?.captures === captures && sameTypes(scope, before, after)) continue;
    renewed.add(type);
  }
  if (renewed.size === 0) return () => false;
  return (symbol) => [...renewed].some((type) => mentions(symbol, type));
}

/** A method of the closure has the type as its scope, where a qualifier stands in between. */
function mentions(symbol: string, type: string): boolean {
  return symbol.includes(type) || symbol.replace(/^_Z(Z.*E)NK?(U[lt])/, '$1$2').includes(type);
}

function sameTypes(
  scope: string,
  before: ReadonlyMap<string, Closure>,
  after: ReadonlyMap<string, Closure>,
): boolean {
  const typesIn = (closures: ReadonlyMap<string, Closure>): string =>
    [...closures.values()]
      .filter((closure) => closure.scope === scope)
      .map(({ type }) => type)
      .sort()
      .join();
  return typesIn(before) === typesIn(after);
}

function closuresOf(unit: Unit | undefined): ReadonlyMap<string, Closure> {
  const closures = new Map<string, Closure>();
  for (const entry of unit?.functions() ?? []) {
    const match = /^_Z(Z.+E)NK?(Ul.*E\d*_)cl/.exec(symbolName(entry));
    if (entry.name !== 'operator()' || match === null) continue;
    const [, scope = '', name = ''] = match;
    const type = scope + name;
    closures.set(type, { scope, type, captures: capturesOf(entry) });
  }
  return closures;
}

/** What the closure holds, and where. */
function capturesOf(entry: FunctionEntry): string {
  const lists = entry
    .declaration()
    .origins([DW_AT.specification])
    .map((die) => parameterDies(die).entries);
  const [object] = lists.find((entries) => entries.length > 0) ?? [];
  const pointer = object && readType(withoutAliases(typeOf(object)));
  if (pointer?.kind !== 'pointer') return '';
  const record = withoutAliases(pointer.target);
  if (record === undefined) return '';
  return readMembers(record)
    .map(({ name, type, offsetBytes }) => `${name}@${offsetBytes ?? '?'}:${typeKey(type)}`)
    .join();
}
