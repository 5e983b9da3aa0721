/** Makes every edited function live: what differs is found, not named. */
import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { Unit } from '../dwarf/unit.js';
import { liveAddress } from '../elf/loaded-module.js';
import type { Tracing } from '../ptrace/tracing.js';
import type { WantedUnit } from './locate.js';
import type { ProcessImage } from './observe.js';
import { openForChange } from './open-for-change.js';
import { patchUnits } from './patch.js';
import type { PatchOptions, PatchReport, ReportProgress } from './report.js';
import { Stopwatch } from './stopwatch.js';

/**
 * Compiles the translation units whose source, or a header of theirs, was written after a point in
 * time, and patches all functions that differ from the running code.
 * @param sinceMs as `Date.now()`: the start of the program, or the last reload
 * @throws HcrError whatever a stage refuses with; the target is as it was
 */
export async function reloadChanged(
  pid: number,
  sinceMs: number,
  options: PatchOptions,
  onProgress: ReportProgress,
  tracing?: Tracing,
): Promise<PatchReport> {
  const watch = new Stopwatch();
  const { image: opened, notes } = await openForChange(pid, options, watch, onProgress, tracing);
  using image = opened;
  const units = await watch.time('observe', () => editedUnits(image, sinceMs));
  const absent = image.modules
    .flatMap((module) => image.debugInfo(module)?.absent() ?? [])
    .map(({ message }) => message);
  const nothingToDo =
    units.length === 0
      ? 'No source file has been written since.'
      : `${units.map((unit) => unit.sourceName ?? '').join(', ')}: the running code is already this.`;
  const request = {
    units,
    selection: () => 'changed' as const,
    nothingToDo,
    notes: [...notes, ...absent],
  };
  return await patchUnits(image, request, options, watch, onProgress);
}

function editedUnits(image: ProcessImage, sinceMs: number): WantedUnit[] {
  const times = new Map<string, number>();
  const writtenAt = (path: string): number => {
    const known = times.get(path) ?? modificationTime(path);
    times.set(path, known);
    return known;
  };
  return image.modules.flatMap((module) =>
    [...(image.debugInfo(module)?.units() ?? [])]
      .filter((unit) => sourcesOf(unit).some((path) => writtenAt(path) > sinceMs))
      .map((unit) => ({
        module,
        unit,
        sourceName: basename(unit.name),
        inside: liveAddress(module, unit.ranges[0]?.start ?? module.file.header.entry),
        names: [],
      })),
  );
}

function sourcesOf(unit: Unit): string[] {
  const directory = unit.compDir ?? '/';
  return [unit.name, ...unit.files()].map((file) => resolve(directory, file));
}

function modificationTime(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}
