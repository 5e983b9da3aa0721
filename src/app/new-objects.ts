/**
 * Objects that the program does not have yet and that a constructor has to make.
 *
 * A compiler makes all objects of a file in one function, which has run before main. The new one
 * would make the old objects again, and cannot be taken apart.
 */
import { HcrError } from '../core/failure.js';
import { SHT } from '../elf/constants.js';
import type { Section } from '../elf/sections.js';
import { isInitialiser } from '../link/live-unit.js';
import type { Layout } from '../link/layout.js';
import { type ObjectUnit, datumKind, isCode, objectsIn } from '../link/object-unit.js';
import { type PreparedUnit, labelsOf } from './prepare-unit.js';

/** @throws HcrError `function-not-patchable` that names the object */
export function assertNoConstructors(layout: Layout, prepared: PreparedUnit): void {
  const made = madeByInitialisers(prepared.edited.unit);
  for (const section of layout.sections.keys()) {
    // A copy of a new value is no new object.
    if (layout.copied.has(section)) continue;
    if (isCode(section) || datumKind(section) === 'constant' || !made.has(section)) continue;
    const [object] = objectsIn(layout.unit.object, section);
    const scoped = object && layout.unit.scopedName(section, object.value);
    const [root] = prepared.roots;
    const [brought] = labelsOf(prepared.brought, prepared.edited);
    throw new HcrError({
      code: 'function-not-patchable',
      function: root?.label ?? root?.fn.name ?? brought ?? '',
      reason: `it uses ${scoped?.split('#')[1] ?? object?.name ?? section.name}, a new object that has to be constructed before main, together with all others of its file`,
      advice:
        'Write it as a static local, which is made at first use: static T &object() { static T made; return made; }',
    });
  }
}

/**
 * The functions of a source that is new to the program would have run before main, had it been there
 * then; what they prepare is missed by all that is linked in of it.
 * @throws HcrError `function-not-patchable` that names the first
 */
export function assertNothingRunsAtStart({ wanted, edited }: PreparedUnit): void {
  const [name] = wanted.added === undefined ? [] : constructorsIn(edited.unit);
  if (wanted.added === undefined || name === undefined) return;
  throw new HcrError({
    code: 'function-not-patchable',
    function: name,
    reason: `it is a constructor in ${wanted.added.source}, which is new to the program: it should have run before main`,
    advice: 'Call it from code that runs when the file is first used, or restart the program.',
  });
}

/** Names of functions that the source marks to run before main; not those with which the compiler
 *  makes objects. */
function constructorsIn({ object, functions }: ObjectUnit): string[] {
  return object.sections
    .filter(({ type }) => type === SHT.INIT_ARRAY || type === SHT.PREINIT_ARRAY)
    .flatMap((list) => object.relocationsOf(list))
    .flatMap(({ symbolIndex, addend }) => {
      const symbol = object.symbols.at(symbolIndex);
      const section = object.sectionOf(symbol);
      return functions.filter(
        (fn) => fn.section === section && fn.offset === symbol.value + addend,
      );
    })
    .map(({ name }) => name)
    .filter((name) => !isInitialiser(name));
}

/** Sections of variables that functions refer to which run before main. */
export function madeByInitialisers(unit: ObjectUnit): ReadonlySet<Section> {
  const { object, functions } = unit;
  const code = new Set(
    functions.filter(({ name }) => isInitialiser(name)).map(({ section }) => section),
  );
  const made = new Set<Section>();
  for (const section of code) {
    for (const { symbolIndex } of object.relocationsOf(section)) {
      const target = object.sectionOf(object.symbols.at(symbolIndex));
      if (target !== undefined && !isCode(target)) made.add(target);
    }
  }
  return made;
}
