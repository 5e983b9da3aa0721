/**
 * Lambdas and the local classes that they are.
 *
 * A compiler numbers the lambdas of a function in their order. Old closures are in the process, and
 * call the code that was compiled for them; when a lambda is added before others, or captures
 * something else, the names stay and mean another one. Then the new lambdas are new code, which new
 * closures call, and old closures keep the old.
 * @see Itanium C++ ABI, 5.1.8 (closure types) and 5.1.7 (local entities)
 */
import type { FunctionEntry } from '../dwarf/functions.js';
import { readMembers } from '../dwarf/members.js';
import { typeKey } from '../dwarf/type-key.js';
import { declaredParameters, readType, typeOf, withoutAliases } from '../dwarf/types.js';
import type { Unit } from '../dwarf/unit.js';

/** Whether a function is local to another one, or an instance of a template for something local to
 *  it: lambdas, methods of local classes, `std::function`'s handlers of a lambda.
 *  @param owner its symbol, or its name in the source when it has none */
export function isLocalTo(symbol: string, owner: string): boolean {
  if (!symbol.startsWith('_Z')) return false;
  if (owner.startsWith('_Z')) return symbol.includes(`Z${owner.slice(2)}E`);
  return new RegExp(`Z\\S*?${nestedIn(owner)}`).test(symbol);
}

export interface RenewedClosures {
  /** Functions of which a lambda was added, or captures something else. */
  readonly owners: readonly string[];
  /** Whether a function belongs to a lambda that is another one than the live one of its name. */
  includes(symbol: string): boolean;
}

/** Without debug information there are none that are known.
 *  @throws HcrError `malformed-file` */
export function renewedClosures(live: Unit | undefined, edited: Unit | undefined): RenewedClosures {
  const before = closuresByOwner(live);
  const owners = [...closuresByOwner(edited)].flatMap(([owner, closures]) => {
    const old = before.get(owner);
    return old === undefined || old.join() === closures.join() ? [] : [owner];
  });
  const patterns = owners.map(patternOf);
  return { owners, includes: (symbol) => patterns.some((pattern) => pattern.test(symbol)) };
}

/** Fits the symbols of everything that is local to a lambda of a function. */
function patternOf(owner: string): RegExp {
  const nested = owner === '' ? '' : nestedIn(owner);
  // gcc numbers them Ul_, Ul0_; clang those that no other file sees $_0, $_1.
  return new RegExp(`${nested}(?:NK?)?(?:Ul|\\d+\\$_)`);
}

/** How a symbol goes on before something that is local to a function. */
function nestedIn(owner: string): string {
  const name = owner.split('::').at(-1)?.replace(/<.*$/, '') ?? '';
  return `${name.length}${escapeRegExp(name)}\\S*?E`;
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** What the lambdas of each function capture and take, in their order. */
function closuresByOwner(unit: Unit | undefined): ReadonlyMap<string, readonly string[]> {
  const owners = new Map<string, string[]>();
  const seen = new Set<number>();
  for (const entry of unit?.functions() ?? []) {
    const { scope, entity } = entry;
    if (entry.name !== 'operator()' || scope?.kind !== 'type' || seen.has(entity.offset)) continue;
    if (!/^(<lambda|\(anonymous\)$)/.test(scope.name)) continue;
    seen.add(entity.offset);
    const owner = scope.parent?.qualifiedName ?? '';
    const closures = owners.get(owner) ?? [];
    closures.push(shapeOf(entry));
    owners.set(owner, closures);
  }
  return owners;
}

/** What the closure holds and where, and what it is called with. */
function shapeOf(entry: FunctionEntry): string {
  const [object, ...parameters] = declaredParameters(entry.declaration()).entries;
  const pointer = object && readType(withoutAliases(typeOf(object)));
  const record = pointer?.kind === 'pointer' ? withoutAliases(pointer.target) : undefined;
  const captures = record === undefined ? [] : readMembers(record);
  return [
    ...captures.map(
      ({ name, type, offsetBytes }) => `${name}@${offsetBytes ?? '?'}:${typeKey(type)}`,
    ),
    `(${parameters.map((die) => typeKey(typeOf(die))).join()})`,
  ].join();
}
