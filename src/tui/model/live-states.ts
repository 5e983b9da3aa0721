/** Which code each function of the list runs, by what hcr has on record of the process. */
import type { GenerationStatus, StatusReport } from '../../app/report.js';
import type { FunctionRow } from './function-row.js';

/** The same rows, those anew of which the state is another. */
export function withLiveStates(
  rows: readonly FunctionRow[],
  status: StatusReport,
): readonly FunctionRow[] {
  const live = liveGenerations(status);
  const next = rows.map((row) => {
    const { entry, state, generation } = row.listing;
    const now = (entry === undefined ? undefined : live.get(entry)) ?? 0;
    if (now === generation && (now === 0) === (state === 'original')) return row;
    const listing = {
      ...row.listing,
      generation: now,
      state: now === 0 ? ('original' as const) : ('patched' as const),
    };
    return { ...row, listing };
  });
  return next.some((row, i) => row !== rows[i]) ? next : rows;
}

/** By entry. A generation has on record what it changed; for the rest its parents count. */
function liveGenerations(status: StatusReport): ReadonlyMap<string, number> {
  const live = new Map<string, number>();
  for (const { generation, functions } of lineage(status))
    for (const { entry, body } of functions)
      if (!live.has(entry)) live.set(entry, body === entry ? 0 : generation);
  return live;
}

/** The live generation, its parent, and so on. */
function* lineage({ generation, generations }: StatusReport): Generator<GenerationStatus> {
  const left = new Map(generations.map((each) => [each.generation, each]));
  for (let at = generation; ; ) {
    const found = left.get(at);
    if (found === undefined) return;
    // A record that leads in a circle ends too.
    left.delete(at);
    yield found;
    at = found.parent;
  }
}
