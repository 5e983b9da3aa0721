/** From the names a user gives to the translation units that have to be compiled. */
import { readlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileAddress, type LoadedModule } from '../elf/loaded-module.js';
import type { FunctionEntry } from '../dwarf/functions.js';
import type { Unit } from '../dwarf/unit.js';
import { type FoundFunction, findFunction, selectModules } from '../link/find-function.js';
import type { ProcessImage } from './observe.js';

/** A translation unit of the live program, with the functions of it that were asked for. */
export interface WantedUnit {
  readonly module: LoadedModule;
  /** Undefined where the program has no debug information about it. */
  readonly unit: Unit | undefined;
  /** Basename of its source, as far as it is known. */
  readonly sourceName: string | undefined;
  readonly functions: readonly FoundFunction[];
}

/** @throws HcrError `function-not-found`, `ambiguous-function`, `module-not-found` */
export function locateUnits(image: ProcessImage, names: readonly string[], module: string | undefined): WantedUnit[] {
  const modules = selectModules(image.modules, module);
  const wanted = new Map<string, WantedUnit & { functions: FoundFunction[] }>();
  for (const name of new Set(names)) {
    const fn = findFunction(modules, name);
    const unit = unitOf(image, fn);
    const sourceName = unit === undefined ? fn.file : basename(unit.name);
    const key = `${fn.module.path}\0${unit?.offset ?? sourceName ?? ''}`;
    const known = wanted.get(key);
    if (known === undefined) wanted.set(key, { module: fn.module, unit, sourceName, functions: [fn] });
    else known.functions.push(fn);
  }
  return [...wanted.values()];
}

export function unitOf(image: ProcessImage, fn: FoundFunction): Unit | undefined {
  return image.debugInfo(fn.module)?.unitForAddress(fileAddress(fn.module, fn.entry));
}

export function debugEntryAt(unit: Unit | undefined, module: LoadedModule, address: number): FunctionEntry | undefined {
  return unit?.functions().find((entry) => entry.entry !== undefined && entry.entry + module.bias === address);
}

/** Folders near which a moved source may lie. */
export function searchRoots(image: ProcessImage): string[] {
  const roots = [dirname(image.program)];
  try {
    roots.push(readlinkSync(`/proc/${image.target.pid}/cwd`));
  } catch {
    // Not ours to read: then only the executable's folder counts.
  }
  return roots;
}
