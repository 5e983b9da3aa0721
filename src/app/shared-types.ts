/**
 * Functions that an earlier patch gave another idea of a type, which the program's debug information
 * knows nothing of. They have to change their minds together.
 */
import type { Addr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { type Ledger, bodiesAt, lineage } from '../patch/ledger.js';
import type { PatchRoot } from './select-roots.js';

/** @param agreeing entries that lead to the very code that is compiled now
 *  @returns a `layout-changed` for each type of which some users are patched and others not */
export function checkShared(
  ledger: Ledger,
  roots: readonly PatchRoot[],
  agreeing: ReadonlySet<Addr>,
): HcrError[] {
  const bodies = bodiesAt(ledger, ledger.current);
  const patched = new Set(roots.map(({ live }) => live.address));
  const problems = new Map<string, HcrError>();
  for (const { number, shared = [] } of lineage(ledger, ledger.current)) {
    for (const { name, entries } of shared) {
      if (!entries.some((entry) => patched.has(entry))) continue;
      const left = entries.flatMap((entry) => {
        const body = patched.has(entry) || agreeing.has(entry) ? undefined : bodies.get(entry);
        return body === undefined ? [] : [body.name];
      });
      if (left.length === 0 || problems.has(name)) continue;
      const live = `${left.join(', ')}, as generation ${number} laid it out`;
      const differences = [{ what: 'used by', live, edited: 'not part of this patch' }];
      problems.set(name, new HcrError({ code: 'layout-changed', type: name, differences }));
    }
  }
  return [...problems.values()];
}
