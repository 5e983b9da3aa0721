/** Build, diff, check, link and publish for units that are known: what attach and reload share. */
import type { Decoder } from '../arch/arch.js';
import { isHcrError } from '../core/failure.js';
import { type BuiltUnit, buildUnit } from './build-unit.js';
import { type WantedUnit, searchRoots } from './locate.js';
import { rehearsePublication } from '../ptrace/rehearse.js';
import type { ProcessImage } from './observe.js';
import { type PreparedUnit, type Selection, prepareUnit } from './prepare-unit.js';
import { type Published, publishGeneration } from './publish-generation.js';
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
  const built = await watch.time('build', async () => {
    const builds = buildAll(image, request.units, options, [], onProgress);
    if (!options.dryRun) await rehearsePublication();
    return await builds;
  });
  const decoder = await decoding;
  const prepared = await watch.time('link', () =>
    built.map(({ unit, object }) => prepareUnit(image, unit, object, request.selection(unit), options, decoder)),
  );
  const changed = prepared.filter((unit) => unit.roots.length > 0);
  const notes = [...request.notes, ...prepared.flatMap((unit) => unit.notes)];
  const base = { pid: image.target.pid, dryRun: options.dryRun };
  if (changed.length === 0) {
    const generation = image.store.ledger.current;
    return { ...base, generation, functions: [], notes: [...notes, request.nothingToDo], timingsMs: watch.timings, pauseMicros: 0 };
  }
  const published = await publish(image, changed, options, decoder, watch, onProgress);
  return { ...base, ...published, notes: [...notes, ...published.notes], timingsMs: watch.timings };
}

function buildAll(
  image: ProcessImage,
  units: readonly WantedUnit[],
  options: PatchOptions,
  extraFlags: readonly string[],
  onProgress: ReportProgress,
): Promise<{ readonly unit: WantedUnit; readonly object: BuiltUnit }[]> {
  const roots = searchRoots(image);
  return Promise.all(
    units.map(async (unit) => ({ unit, object: await buildUnit(unit, options, roots, extraFlags, onProgress) })),
  );
}

/** Code of an executable reaches variables of libraries directly, which the linker arranges by
 *  copying them. A variable that the program never used has no copy: compiled once more, with
 *  addresses read from memory, the code reaches it where it is. */
async function publish(
  image: ProcessImage,
  units: readonly PreparedUnit[],
  options: PatchOptions,
  decoder: Decoder,
  watch: Stopwatch,
  onProgress: ReportProgress,
): Promise<Published> {
  try {
    return await publishGeneration(image, units, options, decoder, watch, onProgress);
  } catch (error) {
    if (!isHcrError(error, 'out-of-reach') || options.object !== undefined) throw error;
    const flags = image.target.machine.indirectDataFlags;
    const built = await watch
      .time('build', () => buildAll(image, units.map(({ wanted }) => wanted), options, flags, onProgress))
      .catch(() => {
        throw error;
      });
    const again = await watch.time('link', () =>
      built.map(({ unit, object }, i) => {
        const roots = units[i]?.roots ?? [];
        return prepareUnit(image, unit, object, { again: roots }, options, decoder);
      }),
    );
    return await publishGeneration(image, again, options, decoder, watch, onProgress);
  }
}
