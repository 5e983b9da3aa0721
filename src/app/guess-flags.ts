/**
 * Flags that shape code and that debug information does not record, found by trying: the version
 * whose code is nearest to the program's is taken.
 *
 * @see feature_test_macros(7), _FORTIFY_SOURCE
 */
import type { BuiltUnit } from './build-unit.js';
import type { PreparedUnit } from './prepare-unit.js';

export interface Guess {
  readonly flags: readonly string[];
  worthTrying(best: PreparedUnit): boolean;
  isBetter(other: PreparedUnit, best: PreparedUnit): boolean;
}

/** Tried after the usual one. */
const OTHER_LEVELS = ['-O1', '-O3', '-Os'];
/** What the C library's functions are called where they check the size of their buffers. */
const FORTIFIED = /^__\w+_chk$/;

export function guessesFor({ command }: BuiltUnit, { wanted }: PreparedUnit): Guess[] {
  if (command === undefined) return [];
  const levels = command.guessesLevel ? OTHER_LEVELS : [];
  const isFortified =
    command.origin === 'dwarf' &&
    !command.args.some((flag) => flag.includes('_FORTIFY_SOURCE')) &&
    [...wanted.module.file.dynamicSymbols()].some(({ name }) => FORTIFIED.test(name));
  return [
    ...levels.map((level) => ({
      flags: [level],
      // One function is what was edited.
      worthTrying: (best: PreparedUnit) => distance(best) > 1,
      isBetter: (other: PreparedUnit, best: PreparedUnit) => distance(other) < distance(best),
    })),
    ...(isFortified ? ['2', '3'] : []).map((level) => ({
      flags: ['-U_FORTIFY_SOURCE', `-D_FORTIFY_SOURCE=${level}`],
      worthTrying: (best: PreparedUnit) => level === '2' || distance(best) > 1,
      isBetter: (other: PreparedUnit, best: PreparedUnit) =>
        distance(other) < distance(best) ||
        (distance(other) === distance(best) && checksBuffers(other) && !checksBuffers(best)),
    })),
  ];
}

/** How many functions differ from the program's. */
function distance({ states }: PreparedUnit): number {
  return states.filter(({ live, comparison }) => live !== undefined && !comparison.same).length;
}

function checksBuffers({ edited }: PreparedUnit): boolean {
  return [...edited.unit.object.symbols].some(({ name }) => FORTIFIED.test(name));
}
