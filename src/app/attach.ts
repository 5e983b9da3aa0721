/** `hcr attach`: makes the edited versions of named functions live. */
import type { Tracing } from '../ptrace/tracing.js';
import { type WantedUnit, locateUnits } from './locate.js';
import { openForChange } from './open-for-change.js';
import { patchUnits } from './patch.js';
import type { PatchOptions, PatchReport, ReportProgress } from './report.js';
import { Stopwatch } from './stopwatch.js';

/**
 * @param names as the user wrote them: `f` or `file.c:f`
 * @param tracing for a program that hcr traces all the time
 * @throws HcrError whatever a stage refuses with; the target is as it was
 */
export async function attachFunctions(
  pid: number,
  names: readonly string[],
  options: PatchOptions,
  onProgress: ReportProgress,
  tracing?: Tracing,
): Promise<PatchReport> {
  const watch = new Stopwatch();
  const { image: opened, notes } = await openForChange(pid, options, watch, onProgress, tracing);
  using image = opened;
  const units = await watch.time('observe', () => locateUnits(image, names, options.module));
  const request = {
    units,
    selection: ({ names: wanted }: WantedUnit) => ({ names: wanted }),
    nothingToDo: `${names.join(', ')}: the running code is already this.`,
    notes,
  };
  return await patchUnits(image, request, options, watch, onProgress);
}
