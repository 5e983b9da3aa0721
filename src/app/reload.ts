/** `hcr reload`: makes every edited function live; what differs is found, not named. */
import { HcrError } from '../core/failure.js';
import type { Compile } from '../build/compile.js';
import type { KnownModules } from '../ptrace/known-modules.js';
import type { Tracing } from '../ptrace/tracing.js';
import { type ChangedUnits, changedUnits, shortest } from './changed-units.js';
import type { KnownUnits } from './known-units.js';
import { openForChange } from './open-for-change.js';
import { patchUnits } from './patch.js';
import type { PatchOptions, PatchReport, ReportProgress } from './report.js';
import { Stopwatch } from './stopwatch.js';

const MAX_NAMES = 8;

/** What one reload leaves for the next, of another process of the program. */
export interface KeptForReload {
  readonly modules: KnownModules;
  readonly units: KnownUnits;
  readonly compile: Compile;
}

/**
 * Compiles translation units and patches all their functions that differ from the running code, in
 * one transaction.
 * @param files sources or headers whose units are meant; none: every unit with a file newer than
 *   the program
 * @param tracing for a program that hcr traces all the time
 * @throws HcrError whatever a stage refuses with; the target is as it was
 */
export async function reloadChanged(
  pid: number,
  files: readonly string[],
  options: PatchOptions,
  onProgress: ReportProgress,
  tracing?: Tracing,
  kept?: KeptForReload,
): Promise<PatchReport> {
  const watch = new Stopwatch();
  const opening = openForChange(pid, options, watch, onProgress, tracing, kept?.modules);
  const { image: opened, notes } = await opening;
  using image = opened;
  const changed = await watch.time('observe', () =>
    changedUnits(image, files, options, kept?.units),
  );
  const absent = image.modules
    .flatMap((module) => image.debugInfo(module)?.absent() ?? [])
    .map(({ message }) => message);
  assertOneUnit(changed, options);
  const request = {
    units: changed.units,
    selection: () => 'changed' as const,
    nothingToDo: nothingToDo(changed),
    notes: [...notes, ...absent, ...changed.notes],
    ...(kept === undefined ? {} : { compile: kept.compile }),
  };
  return await patchUnits(image, request, options, watch, onProgress);
}

/** --source and --object stand in for one file. */
function assertOneUnit({ units }: ChangedUnits, { source, object }: PatchOptions): void {
  const option = object !== undefined ? '--object' : source !== undefined ? '--source' : undefined;
  if (option === undefined || units.length === 1) return;
  const names = units.map((unit) => shortest(unit.source));
  throw new HcrError({
    code: 'usage',
    detail: `${option} stands in for one file, and ${units.length === 0 ? 'none has changed' : `${names.length} would be compiled: ${listed(names)}`}.`,
    advice: `Name the one file that ${option} is for: hcr reload PID FILE ${option} …`,
  });
}

function nothingToDo({ units, files }: ChangedUnits): string {
  if (units.length === 0 && files.length === 0)
    return 'No source or header of the program is newer than the program.';
  if (units.length === 0)
    return `${listed(files.map(shortest))}: newer than the program, but no part of its code is made of it.`;
  const names = units.map((unit) => shortest(unit.source));
  return `Looked at ${listed(names)}: the running code is already this.`;
}

function listed(names: readonly string[]): string {
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return `${names.slice(0, MAX_NAMES).join(', ')}${more}`;
}
