/** From the names a user gives to the translation units that have to be compiled. */
import type { Addr } from '../core/address.js';
import { basename } from 'node:path';
import { HcrError, isHcrError } from '../core/failure.js';
import { type LoadedModule, fileAddress, liveAddress } from '../elf/loaded-module.js';
import type { FunctionEntry } from '../dwarf/functions.js';
import { identityOf, isCalled, parseWantedName } from '../dwarf/source-name.js';
import type { Unit } from '../dwarf/unit.js';
import {
  type FoundFunction,
  findFunction,
  selectModules,
  splitFunctionName,
} from '../link/find-function.js';
import { findBySourceName } from './find-by-source-name.js';
import type { ProcessImage } from './observe.js';

/** A translation unit of the live program, with the functions of it that were asked for. */
export interface WantedUnit {
  readonly module: LoadedModule;
  /** Undefined where the program has no debug information about it. */
  readonly unit: Unit | undefined;
  /** Why that is so, where the debug information is in a file that is not there. */
  readonly absent?: HcrError;
  /** Basename of its source, as far as it is known. */
  readonly sourceName: string | undefined;
  /** An address of its code. */
  readonly inside: Addr;
  /** Source names of the functions asked for. */
  readonly names: readonly string[];
  /** Of a source that the program was not built from. */
  readonly added?: AddedSource;
}

/** A source that is new to the program: all of its code and data is new as well. */
export interface AddedSource {
  /** Its real path, which also names it in the ledger. */
  readonly source: string;
  /** A unit of the program that is most likely compiled the same way. */
  readonly like: Unit;
}

/** @throws HcrError `function-not-found`, `ambiguous-function`, `module-not-found` */
export function locateUnits(
  image: ProcessImage,
  names: readonly string[],
  module: string | undefined,
): WantedUnit[] {
  const modules = selectModules(image.modules, module);
  const wanted = new Map<string, WantedUnit & { names: string[] }>();
  for (const text of new Set(names)) {
    for (const { key, unit } of locate(image, modules, text)) {
      const known = wanted.get(key);
      if (known === undefined) wanted.set(key, { ...unit, names: [...unit.names] });
      else known.names.push(...unit.names);
    }
  }
  return [...wanted.values()];
}

interface Located {
  readonly key: string;
  readonly unit: WantedUnit;
}

function locate(
  image: ProcessImage,
  modules: readonly LoadedModule[],
  text: string,
): readonly Located[] {
  try {
    const fn = findFunction(modules, text);
    return [located(fn, unitOf(image, fn))];
  } catch (error) {
    if (!isHcrError(error, 'function-not-found')) throw error;
    const named = findBySourceName(image, modules, text);
    if (named.length > 0) return named.map(({ found, unit }) => located(found, unit));
    const unit = locateInlined(image, modules, text);
    if (unit === undefined) throw withAbsent(error, image, modules);
    return [{ key: `${unit.module.path}\0${unit.unit?.offset ?? ''}`, unit }];
  }
}

function located(fn: FoundFunction, found: Unit | HcrError | undefined): Located {
  const [unit, absent] = found instanceof HcrError ? [undefined, found] : [found, undefined];
  const sourceName = unit === undefined ? fn.file : basename(unit.name);
  const key = `${fn.module.path}\0${unit?.offset ?? sourceName ?? ''}`;
  return {
    key,
    unit: {
      module: fn.module,
      unit,
      sourceName,
      inside: fn.entry,
      names: [fn.name],
      ...(absent === undefined ? {} : { absent }),
    },
  };
}

/** A function that was inlined wherever it is called has no symbol; debug information knows it. */
function locateInlined(
  image: ProcessImage,
  modules: readonly LoadedModule[],
  text: string,
): WantedUnit | undefined {
  const { file, name } = splitFunctionName(text);
  const wanted = parseWantedName(name);
  for (const module of modules) {
    for (const unit of image.debugInfo(module)?.units() ?? []) {
      const sourceName = basename(unit.name);
      if (file !== undefined && sourceName !== basename(file)) continue;
      const [range] = unit.ranges;
      if (range === undefined) continue;
      const names = unit
        .functions()
        .filter((fn) => fn.isInlined && (fn.name === name || isCalled(fn, wanted)))
        .map(identityOf);
      if (names.length === 0) continue;
      return { module, unit, sourceName, inside: liveAddress(module, range.start), names };
    }
  }
  return undefined;
}

/** Says of a function that was not found where it could not be looked for. */
function withAbsent(
  error: HcrError,
  image: ProcessImage,
  modules: readonly LoadedModule[],
): HcrError {
  const { failure } = error;
  const absent = modules.flatMap((module) => image.debugInfo(module)?.absent() ?? []);
  const [first] = absent;
  if (failure.code !== 'function-not-found' || first === undefined) return error;
  const where = `${failure.where}, as far as is known (${absent.length} source files are not: ${first.message})`;
  return new HcrError({ ...failure, where }, { cause: first });
}

/** The unit of a function; a failure when its debug information is in a file that is not there. */
export function unitOf(image: ProcessImage, fn: FoundFunction): Unit | HcrError | undefined {
  try {
    return image.debugInfo(fn.module)?.unitForAddress(fileAddress(fn.module, fn.entry));
  } catch (error) {
    if (isHcrError(error, 'debug-file-missing')) return error;
    throw error;
  }
}

export function debugEntryAt(
  unit: Unit | undefined,
  module: LoadedModule,
  address: number,
): FunctionEntry | undefined {
  return unit
    ?.functions()
    .find((entry) => entry.entry !== undefined && entry.entry + module.bias === address);
}
