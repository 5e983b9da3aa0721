/** `hcr rollback`: an earlier generation is made live again. Nothing is compiled. */
import { HcrError } from '../core/failure.js';
import { hex } from '../core/address.js';
import {
  type Ledger,
  bodiesAt,
  entriesBetween,
  generationOf,
  lineage,
  sharingBetween,
} from '../patch/ledger.js';
import { writesTo } from '../patch/plan.js';
import { idleHazards, whenIdleHazards } from './idle-hazards.js';
import type { Tracing } from '../ptrace/tracing.js';
import { openForChange } from './open-for-change.js';
import { publishRecorded } from './publish-recorded.js';
import type { PatchReport, PatchedFunction, ReportProgress } from './report.js';
import { Stopwatch } from './stopwatch.js';

export interface RollbackOptions {
  /** Default: the parent of the live generation. */
  readonly to?: number;
  readonly dryRun: boolean;
  readonly timeoutMs: number;
  /** Wait until no thread is in any of the functions. */
  readonly whenIdle?: boolean;
}

/** @param tracing for a program that hcr traces all the time
 *  @throws HcrError `no-such-generation`, `busy`, and those of observing */
export async function rollBack(
  pid: number,
  options: RollbackOptions,
  onProgress: ReportProgress,
  tracing?: Tracing,
): Promise<PatchReport> {
  const watch = new Stopwatch();
  const { image: opened, notes } = await openForChange(pid, options, watch, onProgress, tracing);
  using image = opened;
  const { ledger } = image.store;
  const to = options.to ?? generationOf(ledger, ledger.current)?.parent ?? 0;
  assertReachable(ledger, to);
  const functions = functionsChanged(ledger, to);
  const writes = writesTo(ledger, to, image.target.machine.jumps);
  const base = { pid, functions, dryRun: options.dryRun };
  if (options.dryRun)
    return { ...base, generation: ledger.current, notes, timingsMs: watch.timings, pauseMicros: 0 };
  if (to === ledger.current) {
    return {
      ...base,
      generation: to,
      notes: [...notes, `Generation ${to} is live already.`],
      timingsMs: watch.timings,
      pauseMicros: 0,
    };
  }
  onProgress({ stage: 'publish' });
  const hazards = [
    ...idleHazards(image, ledger, sharingBetween(ledger, ledger.current, to)),
    ...(options.whenIdle === true
      ? whenIdleHazards(image, ledger, entriesBetween(ledger, ledger.current, to))
      : []),
  ];
  const transition = { before: ledger, planned: ledger, to, created: false, writes, hazards };
  const {
    pauseMicros,
    hooks,
    notes: hookNotes,
  } = await watch.time('publish', () =>
    publishRecorded(image, transition, [], options.timeoutMs, onProgress),
  );
  return {
    ...base,
    generation: to,
    ...(hooks === undefined ? {} : { hooks }),
    notes: [...notes, ...valueNotes(ledger, to), ...hookNotes],
    timingsMs: watch.timings,
    pauseMicros,
  };
}

/** Whoever asked for new initial values may expect the old ones back. */
function valueNotes(ledger: Ledger, to: number): string[] {
  const kept = new Set(lineage(ledger, to));
  const given = lineage(ledger, ledger.current)
    .filter((generation) => !kept.has(generation))
    .flatMap(({ initialisers = [], variables }) =>
      initialisers.filter(({ address }) => variables.every(({ start }) => start !== address)),
    );
  return given.length === 0
    ? []
    : ['Variables that were given new initial values (HCR_RESET) keep what they hold.'];
}

function assertReachable(ledger: Ledger, to: number): void {
  const kept = ledger.generations
    .filter((generation) => !generation.retired)
    .map(({ number }) => number);
  // One that is kept has all its bodies, whatever became of its ancestors.
  if (to === 0 || kept.includes(to)) return;
  throw new HcrError({
    code: 'no-such-generation',
    generation: to,
    available: [0, ...kept].join(', '),
  });
}

function functionsChanged(ledger: Ledger, to: number): PatchedFunction[] {
  const before = bodiesAt(ledger, ledger.current);
  const after = bodiesAt(ledger, to);
  const changed = entriesBetween(ledger, ledger.current, to);
  return ledger.entries
    .filter(({ entry }) => changed.has(entry))
    .map(({ entry, name, module }) => {
      const body = after.get(entry);
      const label = (body ?? before.get(entry))?.label;
      return {
        name,
        ...(label === undefined ? {} : { label }),
        module,
        entry: hex(entry),
        body: hex(body?.start ?? entry),
        ...(body?.source === undefined ? {} : { source: body.source }),
        reason: 'rolled-back' as const,
      };
    });
}
