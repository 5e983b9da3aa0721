/** Finds the function a user names. */
import { type Addr, type Vaddr, vaddr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { STB, STT } from '../elf/constants.js';
import { type LoadedModule, liveAddress } from '../elf/loaded-module.js';
import type { ElfSymbol } from '../elf/symbols.js';
import { isColdPart, sourceName } from './live-unit.js';

export interface FoundFunction {
  readonly name: string;
  readonly module: LoadedModule;
  readonly entry: Addr;
  readonly sizeBytes: number;
  readonly isLocal: boolean;
  /** Basename of its source as the symbol table has it; only for static functions. */
  readonly file: string | undefined;
}

/** `file.c:name` taken apart. C++ names contain `::`, which separates nothing here. */
export function splitFunctionName(text: string): {
  readonly file: string | undefined;
  readonly name: string;
} {
  const match = /^([^:]+):([^:].*)$/.exec(text);
  return match?.[1] === undefined || match[2] === undefined
    ? { file: undefined, name: text }
    : { file: match[1], name: match[2] };
}

/** How `--module` names a module: by its name, or its path where several have that name. */
export function moduleLabel(module: LoadedModule, modules: readonly LoadedModule[]): string {
  const isAlone = modules.filter(({ name }) => name === module.name).length === 1;
  return isAlone ? module.name : module.path;
}

/** Modules that a `--module` option means: by path or by name.
 *  @throws HcrError `module-not-found` */
export function selectModules(
  modules: readonly LoadedModule[],
  wanted: string | undefined,
): readonly LoadedModule[] {
  if (wanted === undefined) return modules;
  const found = modules.filter(
    ({ path, name }) =>
      path === wanted || name === wanted || name.replace(/\.so(\.\d+)*$/, '') === wanted,
  );
  if (found.length > 0) return found;
  throw new HcrError({
    code: 'module-not-found',
    module: wanted,
    loaded: modules.map(({ name }) => name),
  });
}

/**
 * The one function of that name. The executable's own comes before those of libraries, as it does
 * for the dynamic linker.
 * @throws HcrError `function-not-found` with near names, `ambiguous-function` with the candidates
 */
export function findFunction(modules: readonly LoadedModule[], text: string): FoundFunction {
  const { file, name } = splitFunctionName(text);
  const inModules = (isExecutable: boolean): FoundFunction[] =>
    modules
      .filter((module) => module.isExecutable === isExecutable)
      .flatMap((module) => functionsNamed(module, name))
      .filter((fn) => file === undefined || matchesFile(fn, file));
  const own = inModules(true);
  const candidates = own.length > 0 ? own : inModules(false);
  const [found, ...others] = candidates;
  if (found === undefined) {
    throw new HcrError({
      code: 'function-not-found',
      function: text,
      near: nearNames(modules, name),
      where: describePlaces(modules),
    });
  }
  if (others.length === 0) return found;
  const labels = [...new Set(candidates.map((fn) => moduleLabel(fn.module, modules)))];
  throw new HcrError({
    code: 'ambiguous-function',
    function: text,
    candidates: candidates.map((fn) =>
      labels.length === 1
        ? candidateName(fn)
        : `${candidateName(fn)} (in ${moduleLabel(fn.module, modules)})`,
    ),
    modules: labels,
  });
}

function describePlaces(modules: readonly LoadedModule[]): string {
  const [first, ...others] = modules;
  if (first === undefined) return 'the program';
  const places = others.length === 0 ? first.name : 'the program and its libraries';
  const isStripped = first.isExecutable && first.file.symbols().count <= 1;
  return isStripped
    ? `${places} (${first.name} is stripped: only what it exports has a name)`
    : places;
}

function matchesFile(fn: FoundFunction, file: string): boolean {
  return fn.file === undefined || fn.file === file || file.endsWith(`/${fn.file}`);
}

function candidateName(fn: FoundFunction): string {
  return fn.file === undefined ? fn.name : `${fn.file}:${fn.name}`;
}

/** Functions of a module by exact name; aliases at one address count once. */
export function functionsNamed(module: LoadedModule, name: string): FoundFunction[] {
  const found = symbolsNamed(module, name);
  return found.length > 0 ? found : clonesOf(module, name);
}

/** As {@link functionsNamed}, but for clones, which takes a walk through all symbols. */
export function symbolsNamed(module: LoadedModule, name: string): FoundFunction[] {
  const table = module.file.symbols();
  const found = new Map<Vaddr, FoundFunction>();
  for (const symbols of [table, module.file.dynamicSymbols()]) {
    for (const symbol of symbols.findByName(name)) {
      if (symbol.type !== STT.FUNC || symbol.home !== 'section') continue;
      const at = vaddr(symbol.value);
      if (!found.has(at))
        found.set(
          at,
          toFound(module, symbol, symbols === table ? table.fileOf(symbol) : undefined),
        );
    }
    if (found.size > 0) break;
  }
  return [...found.values()];
}

/** A static function of which the compiler kept only clones (`f.isra.0`), one for each source. */
function clonesOf(module: LoadedModule, name: string): FoundFunction[] {
  const table = module.file.symbols();
  const found = new Map<string, FoundFunction>();
  for (const symbol of table) {
    if (symbol.type !== STT.FUNC || !symbol.name.startsWith(`${name}.`) || isColdPart(symbol.name))
      continue;
    if (symbol.home !== 'section' || sourceName(symbol.name) !== name) continue;
    const file = table.fileOf(symbol);
    if (!found.has(file ?? '')) found.set(file ?? '', { ...toFound(module, symbol, file), name });
  }
  return [...found.values()];
}

function toFound(module: LoadedModule, symbol: ElfSymbol, file: string | undefined): FoundFunction {
  return {
    name: symbol.name,
    module,
    entry: liveAddress(module, vaddr(symbol.value)),
    sizeBytes: symbol.sizeBytes,
    isLocal: symbol.binding === STB.LOCAL,
    file,
  };
}

function nearNames(modules: readonly LoadedModule[], name: string): string[] {
  const [executable, ...libraries] = modules;
  const near = executable?.file.symbols().nearNames(name, 3) ?? [];
  return near.length > 0
    ? near
    : libraries.flatMap((module) => module.file.symbols().nearNames(name, 1)).slice(0, 3);
}
