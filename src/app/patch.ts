/** Build, diff, check, link and publish for units that are known: what attach and reload share. */
import { buildUnit } from './build-unit.js';
import { type WantedUnit, searchRoots } from './locate.js';
import type { ProcessImage } from './observe.js';
import { type Selection, prepareUnit } from './prepare-unit.js';
import { publishGeneration } from './publish-generation.js';
import type { PatchOptions, PatchReport, ReportProgress } from './report.js';
import type { Stopwatch } from './stopwatch.js';

export interface PatchRequest {
  readonly units: readonly WantedUnit[];
  /** Which functions of a unit. */
  selection(unit: WantedUnit): Selection;
  /** Said when every one of them runs already. */
  readonly nothingToDo: string;
  readonly notes: readonly string[];
}

/** @throws HcrError whatever a stage refuses with; the target is as it was */
export async function patchUnits(
  image: ProcessImage,
  request: PatchRequest,
  options: PatchOptions,
  watch: Stopwatch,
  onProgress: ReportProgress,
): Promise<PatchReport> {
  // Loads while the compiler runs.
  const decoding = image.target.machine.loadDecoder();
  const roots = searchRoots(image);
  const built = await watch.time('build', () =>
    Promise.all(
      request.units.map(async (unit) => ({ unit, object: await buildUnit(unit, options, roots, [], onProgress) })),
    ),
  );
  const decoder = await decoding;
  const prepared = await watch.time('link', () =>
    built.map(({ unit, object }) => prepareUnit(image, unit, object, request.selection(unit), options, decoder)),
  );
  const notes = [...request.notes, ...prepared.flatMap((unit) => unit.notes)];
  const changed = prepared.filter((unit) => unit.roots.length > 0);
  const base = { pid: image.target.pid, dryRun: options.dryRun };
  if (changed.length === 0) {
    const generation = image.store.ledger.current;
    return { ...base, generation, functions: [], notes: [...notes, request.nothingToDo], timingsMs: watch.timings, pauseMicros: 0 };
  }
  const published = await publishGeneration(image, changed, options, decoder, watch, onProgress);
  return { ...base, ...published, notes: [...notes, ...published.notes], timingsMs: watch.timings };
}
