/** Build, diff, check, link and publish for units that are known: what attach and reload share. */
import { initialiserNotes, reportData } from './data-report.js';
import { withDiffs } from './function-diff.js';
import { newHookNotes } from './hooks.js';
import { type PatchRequest, PatchRun } from './patch-run.js';
import type { ProcessImage } from './observe.js';
import { withReasons } from './patch-reasons.js';
import { withoutSharedFunctions } from './shared-functions.js';
import type { PatchOptions, PatchReport, ReportProgress } from './report.js';
import type { Stopwatch } from './stopwatch.js';
import { FileClock } from './unit-files.js';

/** @throws HcrError whatever a stage refuses with; the target is as it was */
export async function patchUnits(
  image: ProcessImage,
  request: PatchRequest,
  options: PatchOptions,
  watch: Stopwatch,
  onProgress: ReportProgress,
): Promise<PatchReport> {
  const run = new PatchRun(image, request, options, watch, onProgress);
  const all = await run.buildAndPrepare();
  const decoder = await run.decoder();
  const clock = new FileClock();
  const prepared = withoutSharedFunctions(image, all)
    .map((unit) => withReasons(image, unit, decoder, clock))
    .map((unit) => (options.diff === true ? withDiffs(image, unit, decoder) : unit));
  const changed = prepared.filter(
    ({ roots, brought, resets, wanted }) =>
      roots.length + brought.length > 0 ||
      (resets.length > 0 && request.selection(wanted) === 'changed'),
  );
  const data = await watch.time('link', () => reportData(image, prepared));
  const notes = [
    ...request.notes,
    ...prepared.flatMap((unit) => unit.notes),
    ...initialiserNotes(data),
    ...newHookNotes(image, prepared),
  ];
  const base = { pid: image.target.pid, dryRun: options.dryRun, data };
  if (changed.length === 0) {
    const generation = image.store.ledger.current;
    return {
      ...base,
      generation,
      functions: [],
      notes:
        request.nothingToDo !== undefined && prepared.every(({ isAllLive }) => isAllLive)
          ? [...notes, request.nothingToDo]
          : notes,
      timingsMs: watch.timings,
      pauseMicros: 0,
    };
  }
  const published = await run.publish(changed);
  return { ...base, ...published, notes: [...notes, ...published.notes], timingsMs: watch.timings };
}
