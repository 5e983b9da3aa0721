/**
 * In a stripped program without debug information nobody can tell where a static variable is: new
 * code would get a second one, and the program's state would be lost without a word.
 */
import { HcrError } from '../core/failure.js';
import type { Layout } from '../link/layout.js';
import { datumKind, isCode, objectsIn } from '../link/object-unit.js';
import type { PreparedUnit } from './prepare-unit.js';

/** @throws HcrError `function-not-patchable` when new code brings variables of its own that may be
 *   old ones of the program */
export function assertDataIsKnown(layout: Layout, prepared: PreparedUnit): void {
  const { wanted, edited, roots } = prepared;
  const { module, unit } = wanted;
  if (unit !== undefined || wanted.added !== undefined || module.file.symbols().count > 1) return;
  const names = [...layout.sections.keys()]
    .filter((section) => !isCode(section) && datumKind(section) === 'writable')
    .flatMap((section) => objectsIn(edited.unit.object, section).map(({ name }) => name));
  if (names.length === 0) return;
  throw new HcrError({
    code: 'function-not-patchable',
    function: roots.map(({ fn }) => fn.name).join(', '),
    reason: `it uses ${names.join(', ')}, and ${module.name} is stripped, so that nothing tells where that is`,
    advice:
      'Put the separate debug file of the program beside it, or let the new code use only what the program exports.',
  });
}
