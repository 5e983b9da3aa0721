/** The JSON forms of success: one object with `ok` first, the fields that the brief fixes. */
import type { ProcessOutcome } from '../app/reload-many.js';
import type { PatchReport } from '../app/report.js';
import { failureReport } from './failure-output.js';

export function patchJson(report: PatchReport): object {
  const { pid, generation, functions, data, hooks, notes, timingsMs, pauseMicros } = report;
  return {
    ok: true,
    pid,
    generation,
    // The reason that people read is the one that says more.
    functions: functions.map(({ why, ...each }) => ({ ...each, reason: why ?? each.reason })),
    ...(data === undefined ? {} : { data }),
    ...(hooks === undefined ? {} : { hooks }),
    notes,
    timingsMs,
    pauseMicros,
    ...(report.dryRun ? { dryRun: true } : {}),
  };
}

/** One of several processes. */
export function outcomeJson(outcome: ProcessOutcome): object {
  return 'error' in outcome
    ? { ...failureReport(outcome.error), pid: outcome.pid }
    : patchJson(outcome.report);
}
