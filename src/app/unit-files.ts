/**
 * The translation units of a process with the files they were made from, as far as the program's
 * own debug information names them. It leaves out headers that only define macros.
 */
import { basename, resolve } from 'node:path';
import { isDirectory, realPath, statOf } from '../build/file-kind.js';
import { type LocatedSource, locateSource } from '../build/source-search.js';
import { isHcrError } from '../core/failure.js';
import type { Unit } from '../dwarf/unit.js';
import { type LoadedModule, liveAddress } from '../elf/loaded-module.js';
import { searchRoots } from './build-setting.js';
import type { WantedUnit } from './locate.js';
import type { ProcessImage } from './observe.js';
import { isOwnModule } from './own-modules.js';

export interface UnitFiles extends WantedUnit {
  /** Real path of its source on this machine, when it is there. */
  readonly source: string;
  /** Real paths of the source and of the headers of the project that are known to be in it. */
  readonly files: readonly string[];
}

/** Headers that come with the system or the compiler: their update is no edit. */
const OF_SYSTEM = /^\/usr\/(local\/)?(include|lib(32|64)?)\//;

export function isOfSystem(file: string): boolean {
  return OF_SYSTEM.test(file);
}

/** Units with code, of the modules given. Those of the system's libraries count only where they were
 *  built on this machine: nobody has edited the others here. */
export function unitsWithFiles(
  image: ProcessImage,
  modules: readonly LoadedModule[],
  clock: FileClock,
): UnitFiles[] {
  const roots = searchRoots(image);
  return modules.flatMap((module) =>
    [...(image.debugInfo(module)?.units() ?? [])].flatMap((unit) => {
      if (!isOwnModule(module) && !clock.isDirectory(unit.compDir ?? '')) return [];
      const [range] = unit.ranges;
      if (range === undefined) return [];
      const toLocal = localPaths(unit, roots);
      const source = clock.realPath(toLocal(unit.name));
      const files = unit.files().map((file) => clock.realPath(toLocal(file)));
      return [
        {
          module,
          unit,
          sourceName: basename(unit.name),
          inside: liveAddress(module, range.start),
          names: [],
          source,
          files: [...new Set([source, ...files])].filter((file) => !isOfSystem(file)),
        },
      ];
    }),
  );
}

/** Where the paths that a unit names are on this machine. */
function localPaths(unit: Unit, roots: readonly string[]): LocatedSource['toLocal'] {
  const compDir = unit.compDir ?? '';
  try {
    return locateSource({ name: unit.name, compDir }, roots).toLocal;
  } catch (error) {
    if (!isHcrError(error, 'source-not-found')) throw error;
    return (path) => resolve(compDir === '' ? '/' : compDir, path);
  }
}

/** What the file system says of files; each is asked about once. */
export class FileClock {
  private readonly times = new Map<string, number>();
  private readonly directories = new Map<string, boolean>();
  private readonly realPaths = new Map<string, string>();

  /** Milliseconds since the epoch; 0 for a file that is not there. */
  writtenAt(path: string): number {
    let time = this.times.get(path);
    if (time === undefined) {
      time = statOf(path)?.mtimeMs ?? 0;
      this.times.set(path, time);
    }
    return time;
  }

  isDirectory(path: string): boolean {
    let known = this.directories.get(path);
    if (known === undefined) {
      known = isDirectory(path);
      this.directories.set(path, known);
    }
    return known;
  }

  /** The path without symbolic links. */
  realPath(path: string): string {
    let real = this.realPaths.get(path);
    if (real === undefined) {
      real = realPath(path);
      this.realPaths.set(path, real);
    }
    return real;
  }
}
