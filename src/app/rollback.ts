/** `hcr rollback`: an earlier generation is made live again. Nothing is compiled. */
import { HcrError } from '../core/failure.js';
import { hex } from '../core/address.js';
import { type Ledger, bodiesAt, generationOf } from '../patch/ledger.js';
import { writesTo } from '../patch/plan.js';
import { hazardsOf } from '../patch/safety.js';
import { publishWrites } from '../ptrace/publish.js';
import { rehearsePublication } from '../ptrace/rehearse.js';
import { ProcessImage } from './observe.js';
import { completeInterrupted } from './recover.js';
import type { PatchReport, PatchedFunction, ReportProgress } from './report.js';
import { Stopwatch } from './stopwatch.js';

export interface RollbackOptions {
  /** Default: the parent of the live generation. */
  readonly to?: number;
  readonly dryRun: boolean;
  readonly timeoutMs: number;
}

/** @throws HcrError `no-such-generation`, `busy`, and those of observing */
export async function rollBack(
  pid: number,
  options: RollbackOptions,
  onProgress: ReportProgress,
): Promise<PatchReport> {
  const watch = new Stopwatch();
  onProgress({ stage: 'observe' });
  using image = await watch.time('observe', () => ProcessImage.of(pid));
  image.target.assertPatchable();
  const notes = options.dryRun ? [] : await completeInterrupted(image, options.timeoutMs);
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
  await rehearsePublication();
  onProgress({ stage: 'publish' });
  const { pauseMicros } = await watch.time('publish', async () => {
    image.store.save({ ...ledger, pending: { from: ledger.current, to, writes, created: false } });
    try {
      const published = await publishWrites(
        image.target,
        writes,
        hazardsOf(writes, ledger.entries),
        options.timeoutMs,
        [],
        (reason) => {
          onProgress({ stage: 'waiting', reason });
        },
      );
      image.store.save({ ...ledger, current: to });
      return published;
    } catch (error) {
      if (!(error instanceof HcrError && error.code.startsWith('target-')))
        image.store.save(ledger);
      throw error;
    }
  });
  return { ...base, generation: to, notes, timingsMs: watch.timings, pauseMicros };
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
  return ledger.entries
    .filter(({ entry }) => before.get(entry)?.start !== after.get(entry)?.start)
    .map(({ entry, name, module }) => {
      const body = after.get(entry);
      return {
        name,
        module,
        entry: hex(entry),
        body: hex(body?.start ?? entry),
        ...(body?.source === undefined ? {} : { source: body.source }),
        reason: 'rolled-back' as const,
      };
    });
}
