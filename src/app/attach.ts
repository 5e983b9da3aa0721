/** `hcr attach`: makes the edited versions of named functions live. */
import { buildUnit } from './build-unit.js';
import { locateUnits, searchRoots } from './locate.js';
import { ProcessImage } from './observe.js';
import { prepareUnit } from './prepare-unit.js';
import { publishGeneration } from './publish-generation.js';
import { completeInterrupted } from './recover.js';
import type { PatchOptions, PatchReport, ReportProgress } from './report.js';
import { Stopwatch } from './stopwatch.js';

/**
 * @param names as the user wrote them: `f` or `file.c:f`
 * @throws HcrError whatever a stage refuses with; the target is as it was
 */
export async function attachFunctions(
  pid: number,
  names: readonly string[],
  options: PatchOptions,
  onProgress: ReportProgress,
): Promise<PatchReport> {
  const watch = new Stopwatch();
  onProgress({ stage: 'observe' });
  using image = await watch.time('observe', () => ProcessImage.of(pid));
  image.target.assertPatchable();
  const recovered = options.dryRun ? [] : await completeInterrupted(image, options.timeoutMs);
  const wanted = await watch.time('observe', () => locateUnits(image, names, options.module));
  // Loads while the compiler runs.
  const decoding = image.target.machine.loadDecoder();
  const roots = searchRoots(image);
  const built = await watch.time('build', () =>
    Promise.all(wanted.map((unit) => buildUnit(unit, options, roots, [], onProgress))),
  );
  const decoder = await decoding;
  const units = await watch.time('link', () =>
    wanted.flatMap((unit, i) => {
      const object = built[i];
      if (object === undefined) return [];
      const selection = { names: unit.functions.map((fn) => fn.name) };
      return [prepareUnit(image, unit, object, selection, options, decoder)];
    }),
  );
  const notes = [...recovered, ...units.flatMap((unit) => unit.notes)];
  const changed = units.filter((unit) => unit.roots.length > 0);
  const base = { pid, dryRun: options.dryRun };
  if (changed.length === 0) {
    return {
      ...base,
      generation: image.store.ledger.current,
      functions: [],
      notes: [...notes, `${names.join(', ')}: the running code is already this.`],
      timingsMs: watch.timings,
      pauseMicros: 0,
    };
  }
  const published = await publishGeneration(image, changed, options, decoder, watch, onProgress);
  return { ...base, ...published, notes: [...notes, ...published.notes], timingsMs: watch.timings };
}
