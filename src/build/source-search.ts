/**
 * Finds the source of a unit on this machine.
 *
 * `DW_AT_name` is relative to `DW_AT_comp_dir`, which is where the compiler ran. Distributions map
 * it away (-ffile-prefix-map=/build/pkg-1.0=. leaves `.`), and sources get moved; then the file with
 * the longest common ending of the path is looked for above the folders in which the program lies
 * and runs.
 *
 * @see DWARF 5, section 3.1.1, attributes 2 and 6
 */
import { dirname, isAbsolute, join, normalize, resolve } from 'node:path';
import { HcrError } from '../core/failure.js';
import { isDirectory, isFile } from './file-kind.js';

export interface RecordedSource {
  /** `DW_AT_name`. */
  readonly name: string;
  /** `DW_AT_comp_dir`; may be relative, missing on this machine, or empty. */
  readonly compDir: string;
}

export interface LocatedSource {
  /** Absolute path. */
  readonly source: string;
  /** Where to run the compiler. */
  readonly directory: string;
  /** False when the tree is not where it was built. */
  readonly atRecordedPlace: boolean;
  /** Where a path that the debug information names is on this machine. */
  readonly toLocal: (path: string) => string;
}

/** Folders looked at above each root, the root included. */
const MAX_LEVELS = 6;
/** A file name alone says little; it counts only this near to a root. */
const MAX_LEVELS_OF_BARE_NAME = 2;
const MAX_SEGMENTS = 12;
const MAX_TRIED_SHOWN = 6;

function segmentsOf(path: string): string[] {
  return normalize(path)
    .split('/')
    .filter((part) => part !== '' && part !== '.' && part !== '..');
}

/** Every folder to look in with its distance from a root, roots first. */
function basesOf(roots: readonly string[]): Map<string, number> {
  const bases = new Map<string, number>();
  for (let level = 0; level < MAX_LEVELS; level += 1) {
    for (const root of roots) {
      if (!isAbsolute(root)) continue;
      let base = resolve(root);
      for (let up = 0; up < level; up += 1) base = dirname(base);
      if (base !== '/' && !bases.has(base)) bases.set(base, level);
    }
  }
  return bases;
}

interface Match {
  readonly base: string;
  /** Leading segments of the recorded path that `base` stands for. */
  readonly replaced: readonly string[];
  readonly path: string;
}

function searchByEnding(
  segments: readonly string[],
  roots: readonly string[],
  tried: string[],
): Match | undefined {
  const bases = basesOf(roots);
  for (let cut = Math.max(0, segments.length - MAX_SEGMENTS); cut < segments.length; cut += 1) {
    const ending = segments.slice(cut).join('/');
    for (const [base, level] of bases) {
      if (cut === segments.length - 1 && level >= MAX_LEVELS_OF_BARE_NAME) continue;
      const path = join(base, ending);
      if (isFile(path)) return { base, replaced: segments.slice(0, cut), path };
      if (!tried.includes(path)) tried.push(path);
    }
  }
  return undefined;
}

/** Puts `base` in the place of the leading segments it stands for. */
function moved(path: string, match: Match): string | undefined {
  const segments = segmentsOf(path);
  const covered = match.replaced.every((segment, i) => segments[i] === segment);
  return covered ? join(match.base, ...segments.slice(match.replaced.length)) : undefined;
}

/**
 * @param roots absolute folders to search, such as the executable's and the target's current one
 * @throws HcrError `source-not-found` with the places tried
 */
export function locateSource(recorded: RecordedSource, roots: readonly string[]): LocatedSource {
  const { name, compDir } = recorded;
  const whole = isAbsolute(name) ? name : join(compDir, name);
  if (isAbsolute(whole) && isFile(whole)) {
    const directory = isDirectory(compDir) ? resolve(compDir) : dirname(whole);
    return {
      source: normalize(whole),
      directory,
      atRecordedPlace: true,
      toLocal: (path) => resolve(directory, path),
    };
  }
  const tried = isAbsolute(whole) ? [normalize(whole)] : [];
  const match = searchByEnding(segmentsOf(whole), roots, tried);
  if (match === undefined) {
    throw new HcrError({
      code: 'source-not-found',
      source: name,
      tried: tried.slice(0, MAX_TRIED_SHOWN),
    });
  }
  const movedDirectory = moved(compDir, match);
  const directory =
    movedDirectory !== undefined && isDirectory(movedDirectory) ? movedDirectory : match.base;
  return {
    source: match.path,
    directory,
    atRecordedPlace: false,
    toLocal: (path) => (isAbsolute(path) ? (moved(path, match) ?? path) : resolve(directory, path)),
  };
}
