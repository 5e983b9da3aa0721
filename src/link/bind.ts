/**
 * What each symbol of the new object means in the live process.
 *
 * The rules, and why:
 * - Writable data that exists live is bound to where it is: its value is the program's state.
 * - A function that exists live is bound to its original entry, for ever: pointers to it stay
 *   equal, and every call of it finds the newest body through the redirect.
 * - A section symbol stands for a whole section. It is bound to live data only when everything in
 *   that section is found live at the same distances; else the addend could point anywhere.
 * - What only this compilation knows (clones, parts, string constants, switch tables, `CSWTCH.1`)
 *   is fresh: it is linked into the patch area.
 */
import { type Addr, contains, offsetBy } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { STB, STT, STV } from '../elf/constants.js';
import type { LoadedModule } from '../elf/loaded-module.js';
import type { Section } from '../elf/sections.js';
import type { ElfSymbol } from '../elf/symbols.js';
import type { LiveSymbol, LiveSymbols } from './live-symbols.js';
import type { NewNames } from './new-names.js';
import type { ThreadBlock, ThreadLocal } from './thread-storage.js';
import {
  type LiveUnit,
  type LiveVariable,
  isCompilerConstant,
  isCompilerMade,
  isLocalAlias,
  numberedLike,
  numberedName,
  sourceName,
} from './live-unit.js';
import {
  type ObjectFunction,
  type ObjectUnit,
  datumKind,
  isAllocated,
  isCode,
  objectsIn,
} from './object-unit.js';

export type Binding =
  | {
      readonly kind: 'live';
      readonly address: Addr;
      readonly name: string;
      readonly symbol: LiveSymbol | undefined;
    }
  | { readonly kind: 'ifunc'; readonly symbol: LiveSymbol }
  | ThreadLocalBinding
  /** The function that finds thread-local variables, in a program that has none: the linker's own. */
  | { readonly kind: 'thread-function' }
  /** Where offsets into the new code's own GOT are counted from. */
  | { readonly kind: 'got-base' }
  | { readonly kind: 'fresh'; readonly section: Section; readonly offset: number }
  | { readonly kind: 'absent'; readonly name: string };

/** Names that a linker defines itself, in every object that asks for them.
 *  @see psABI for AMD64, 3.5; RFC: TLS descriptors */
export const GOT_BASE_NAME = '_GLOBAL_OFFSET_TABLE_';
export const MODULE_BASE_NAME = '_TLS_MODULE_BASE_';

export interface ThreadLocalBinding extends ThreadLocal {
  readonly kind: 'thread-local';
  readonly block: ThreadBlock;
  /** The TLS descriptor that the module has of it, where the block has no fixed distance. */
  readonly liveDescriptor: Addr | undefined;
}

/** Functions and variables that earlier patches brought into the process. */
export interface AddedSymbols {
  function(key: string): { readonly address: Addr; readonly sizeBytes: number } | undefined;
  variable(key: string): LiveVariable | undefined;
  /** What a global name means that patches brought into other modules. */
  elsewhere(name: string): Addr | undefined;
}

export interface BindingContext {
  readonly unit: ObjectUnit;
  readonly live: LiveUnit;
  readonly symbols: LiveSymbols;
  readonly added: AddedSymbols;
  /** What the other units of the patch bring. */
  readonly names?: NewNames | undefined;
  /** Name of the function that finds thread-local variables. */
  readonly threadFunctionName: string;
  /** True for a function that must be linked anew although it exists live: its live version
   *  cannot be called the way the new code calls it. */
  mustCopy(fn: ObjectFunction): boolean;
  /** Whether a constant has the same content as the live one at an address. */
  sameConstant(section: Section, address: Addr): boolean;
}

/** Names a variable of the patched unit in the ledger. */
export function variableKey(
  unit: string,
  symbol: ElfSymbol,
  scopedName: string | undefined,
): string {
  return symbol.binding === STB.LOCAL ? `${unit}:${scopedName ?? symbol.name}` : symbol.name;
}

export class Binder {
  private readonly context: BindingContext;
  private readonly sections = new Map<Section, Addr | undefined>();
  private readonly functionsBySection = new Map<Section, ObjectFunction[]>();

  constructor(context: BindingContext) {
    this.context = context;
    for (const fn of context.unit.functions) {
      const list = this.functionsBySection.get(fn.section);
      if (list === undefined) this.functionsBySection.set(fn.section, [fn]);
      else list.push(fn);
    }
  }

  /** The module that the object's code becomes part of. */
  get module(): LoadedModule {
    return this.context.live.module;
  }

  /** The function that starts at an offset of a code section.
   *  @param name tells which, where several names stand for one (`D1` and `D2` of a destructor) */
  functionAt(section: Section, offset: number, name?: string): ObjectFunction | undefined {
    const found = this.functionsBySection.get(section)?.filter((fn) => fn.offset === offset);
    return (
      found?.find((fn) => fn.name === name) ??
      found?.find((fn) => !isCompilerMade(fn.name)) ??
      found?.[0]
    );
  }

  /** Where calls of a function of this object go. */
  bindFunction(fn: ObjectFunction): Binding {
    const live = this.liveEntry(fn);
    if (live !== undefined && !this.context.mustCopy(fn)) {
      return { kind: 'live', address: live.address, name: fn.name, symbol: live };
    }
    return { kind: 'fresh', section: fn.section, offset: fn.offset };
  }

  /** The live function that this one is the new version of; an earlier patch may have added it. */
  liveEntry(fn: ObjectFunction): LiveSymbol | undefined {
    const { live, symbols } = this.context;
    if (isCompilerMade(fn.name)) return undefined;
    const found = fn.isLocal ? live.functions.get(fn.name) : symbols.inModule(fn.name, live.module);
    if (found?.kind === 'function') return found;
    const added = this.context.added.function(this.functionKey(fn));
    return (
      added && {
        name: fn.name,
        module: live.module,
        kind: 'function',
        blockOffset: undefined,
        ...added,
      }
    );
  }

  /** The live function, clone or part that this one is the new version of. */
  liveVersion(fn: ObjectFunction): LiveSymbol | undefined {
    return this.liveEntry(fn) ?? this.context.live.functions.get(fn.name);
  }

  /** Whether a live function came from this unit, or was added to it by an earlier patch. */
  ownsLive({ address, module }: LiveSymbol): boolean {
    const isOriginal = contains(module.range, address);
    return !isOriginal || this.context.live.owns(address);
  }

  /** Names a new function in the ledger. */
  functionKey(fn: ObjectFunction): string {
    return fn.isLocal ? `${this.context.live.name}:${fn.name}` : fn.name;
  }

  /**
   * A symbol that a relocation names. The result stands for the symbol's own value: the addend is
   * still to be added.
   * @throws HcrError `unresolved-symbol`, `function-not-patchable`
   */
  bind(symbol: ElfSymbol): Binding {
    if (symbol.home === 'section') {
      const section = this.context.unit.object.sections[symbol.sectionIndex];
      if (section === undefined) return this.unresolved(symbol.name);
      if (isCode(section)) return this.bindInCode(section, symbol);
      const elsewhere = this.interposed(symbol);
      return elsewhere === undefined
        ? this.bindInData(section, symbol.value)
        : this.toLive(symbol.name, elsewhere);
    }
    if (symbol.home === 'absolute') {
      return { kind: 'live', address: symbol.value as Addr, name: symbol.name, symbol: undefined };
    }
    return this.bindGlobal(symbol);
  }

  private bindInCode(section: Section, symbol: ElfSymbol): Binding {
    if (symbol.type === STT.GNU_IFUNC) return this.bindResolved(symbol);
    const fn = this.functionNamed(section, symbol);
    if (fn === undefined) return { kind: 'fresh', section, offset: symbol.value };
    const elsewhere = this.isFirst(symbol) ? undefined : this.interposed(symbol);
    return elsewhere === undefined ? this.bindFunction(fn) : this.toLive(symbol.name, elsewhere);
  }

  /** An IFUNC that the object defines: its value is the resolver's, its meaning what the live one was
   *  resolved to. */
  private bindResolved(symbol: ElfSymbol): Binding {
    const { live, symbols } = this.context;
    const { name } = symbol;
    const own =
      symbol.binding === STB.LOCAL ? live.functions.get(name) : symbols.inModule(name, live.module);
    const found = this.interposed(symbol) ?? own;
    if (found !== undefined) return this.toLive(name, found);
    throw new HcrError({
      code: 'function-not-patchable',
      function: name,
      reason: 'it is a new function with a resolver (ifunc), which nobody has called',
      advice: `Make ${name} an ordinary function that calls the version it wants.`,
    });
  }

  /** The function that a symbol of the object means. A local alias that the compiler made stands for
   *  the function itself, whose entry later patches redirect. */
  private functionNamed(section: Section, symbol: ElfSymbol): ObjectFunction | undefined {
    const name = isLocalAlias(symbol.name) ? sourceName(symbol.name) : symbol.name;
    const fn = this.functionAt(section, symbol.value, name);
    return fn?.name === name ? fn : undefined;
  }

  /** A function of an executable comes before all of that name in libraries, a new one too. */
  private isFirst(symbol: ElfSymbol): boolean {
    return symbol.binding === STB.GLOBAL && this.context.live.module.isExecutable;
  }

  /** The definition in another module that counts in place of the one in this object: a shared
   *  object's exported names belong to whoever comes first. */
  private interposed(symbol: ElfSymbol): LiveSymbol | undefined {
    const { symbols, live } = this.context;
    if (symbol.binding === STB.LOCAL || symbol.visibility !== STV.DEFAULT) return undefined;
    const own = symbols.inModule(symbol.name, live.module);
    const found = symbols.global(symbol.name, live.module);
    if (found === undefined || found === 'absent' || found.address === own?.address)
      return undefined;
    return found;
  }

  private bindGlobal(symbol: ElfSymbol): Binding {
    const { symbols, live, added, names, threadFunctionName } = this.context;
    const [name = '', version] = symbol.name.split(/@+/, 2);
    if (name === GOT_BASE_NAME) return { kind: 'got-base' };
    if (name === MODULE_BASE_NAME) return this.threadLocal(name, live.module, 0);
    const isWeak = symbol.binding === STB.WEAK;
    const found = symbols.global(name, live.module, {
      isWeak,
      ownOnly: symbol.visibility === STV.HIDDEN || symbol.visibility === STV.INTERNAL,
      ...(version === undefined ? {} : { version }),
    });
    const isFound = found !== undefined && found !== 'absent';
    if (isFound && (found.module === live.module || !live.module.isExecutable))
      return this.toLive(name, found);
    const fn = added.function(name)?.address;
    if (fn !== undefined) return { kind: 'live', address: fn, name, symbol: undefined };
    if (isFound && found.kind !== 'function') return this.toLive(name, found);
    const address = added.variable(name)?.address ?? names?.find(name, live.module);
    if (address !== undefined) return { kind: 'live', address, name, symbol: undefined };
    if (isFound) return this.toLive(name, found);
    const elsewhere = added.elsewhere(name);
    if (elsewhere !== undefined)
      return { kind: 'live', address: elsewhere, name, symbol: undefined };
    if (isWeak || name === '') return { kind: 'absent', name };
    if (name === threadFunctionName && symbols.isStatic) return { kind: 'thread-function' };
    return this.unresolved(name);
  }

  private toLive(name: string, found: LiveSymbol): Binding {
    switch (found.kind) {
      case 'ifunc': {
        const resolved = this.context.symbols.resolvedIfunc(found);
        if (resolved === undefined) return { kind: 'ifunc', symbol: found };
        return { kind: 'live', address: resolved, name, symbol: found };
      }
      case 'thread-local':
        return this.threadLocal(name, found.module, found.blockOffset);
      case 'function':
      case 'object':
        return { kind: 'live', address: found.address, name, symbol: found };
    }
  }

  private threadLocal(name: string, module: LoadedModule, offset: number | undefined): Binding {
    if (offset === undefined) {
      throw new HcrError({
        code: 'unsupported-thread-local',
        variable: name,
        reason: 'it is new, and the threads that run have no room for it',
        advice: `Use an ordinary static variable, a member of a thread-local struct that is there already, or pthread_key_create and pthread_getspecific in place of ${name}.`,
      });
    }
    const { threads } = this.context.symbols;
    const variable = { name, module, offset };
    const block = threads.blockOf(module);
    const liveDescriptor =
      block.threadOffset === undefined ? threads.descriptorOf(variable) : undefined;
    return { kind: 'thread-local', ...variable, block, liveDescriptor };
  }

  private unresolved(name: string): never {
    const { symbols, live } = this.context;
    const library = symbols.libraryWith(name, live.module);
    throw new HcrError({
      code: 'unresolved-symbol',
      symbol: name,
      near: symbols.nearNames(name, live.module),
      isStatic: symbols.isStatic,
      ...(library === undefined ? {} : library),
    });
  }

  private bindInData(section: Section, offset: number): Binding {
    if (!isAllocated(section)) return { kind: 'fresh', section, offset };
    const kind = datumKind(section);
    if (kind === 'thread-local') return this.bindThreadLocal(section, offset);
    let base = this.sections.get(section);
    if (!this.sections.has(section)) {
      base = kind === 'writable' ? this.liveBase(section) : this.constantBase(section);
      this.sections.set(section, base);
    }
    if (base === undefined) return { kind: 'fresh', section, offset };
    const name = objectsIn(this.context.unit.object, section)[0]?.name ?? section.name;
    return { kind: 'live', address: offsetBy(base, offset), name, symbol: undefined };
  }

  private constantBase(section: Section): Addr | undefined {
    // It may lead back to itself; meanwhile it is one that is linked anew.
    this.sections.set(section, undefined);
    try {
      return this.liveConstant(section);
    } finally {
      // Who asks again after a refusal is to be refused again.
      this.sections.delete(section);
    }
  }

  private bindThreadLocal(section: Section, offset: number): Binding {
    const symbol = objectsIn(this.context.unit.object, section).find(
      (candidate) =>
        candidate.value <= offset && offset < candidate.value + Math.max(1, candidate.sizeBytes),
    );
    const { live, symbols } = this.context;
    if (symbol === undefined) return this.threadLocal(section.name, live.module, undefined);
    const variable = this.scopedVariable(section, symbol);
    const found =
      variable?.blockOffset ??
      (symbol.binding === STB.LOCAL
        ? this.numberedObject(section, symbol)?.blockOffset
        : symbols.inModule(symbol.name, live.module)?.blockOffset);
    const start = found === undefined ? undefined : found + offset - symbol.value;
    return this.threadLocal(symbol.name, live.module, start);
  }

  /** Where the start of a writable section is, when all its variables live on; undefined when all
   *  of them are new. */
  private liveBase(section: Section): Addr | undefined {
    const objects = objectsIn(this.context.unit.object, section);
    const bases = objects.map((symbol) => {
      const address = this.liveVariable(section, symbol)?.address;
      return address === undefined ? undefined : offsetBy(address, -symbol.value);
    });
    const base = bases[0];
    if (bases.every((candidate) => candidate === base)) return base;
    throw new HcrError({
      code: 'function-not-patchable',
      function: section.name,
      reason: `its variables ${objects.map((symbol) => symbol.name).join(', ')} share one section but are not at these distances in the program`,
      advice: 'Compile the object with -ffunction-sections -fdata-sections.',
    });
  }

  /** The live counterpart of a variable of the object. */
  liveVariable(section: Section, symbol: ElfSymbol): LiveVariable | undefined {
    const { live, symbols, added, unit } = this.context;
    const key = variableKey(live.name, symbol, unit.scopedName(section, symbol.value));
    const known = added.variable(key);
    if (symbol.binding !== STB.LOCAL) return symbols.inModule(symbol.name, live.module) ?? known;
    return this.scopedVariable(section, symbol) ?? this.numberedObject(section, symbol) ?? known;
  }

  private scopedVariable(section: Section, symbol: ElfSymbol) {
    const scoped = this.context.unit.scopedName(section, symbol.value);
    return scoped === undefined ? undefined : this.context.live.variables.get(scoped);
  }

  /** Without scopes: by name, and for numbered names by their order when both have as many. */
  private numberedObject(section: Section, symbol: ElfSymbol): LiveSymbol | undefined {
    const { live, unit } = this.context;
    const numbered = numberedName(symbol.name);
    if (numbered === undefined) return live.objects.get(symbol.name);
    const scopesKnown =
      live.variables.size > 0 && unit.scopedName(section, symbol.value) !== undefined;
    if (scopesKnown) return undefined;
    const ours = numberedLike(unit.object.symbols, numbered.base);
    const theirs = numberedLike(live.objects.values(), numbered.base);
    if (theirs.length === 0) return undefined;
    if (ours.length !== theirs.length) {
      throw new HcrError({
        code: 'function-not-patchable',
        function: numbered.base,
        reason: `the program has ${theirs.length} static variables of that name and the new code ${ours.length}; without debug information they cannot be told apart`,
        advice: 'Build with -g, or give the variables different names.',
      });
    }
    return theirs[ours.findIndex((candidate) => candidate.index === symbol.index)];
  }

  /** A named constant keeps its address while its content is the same. */
  private liveConstant(section: Section): Addr | undefined {
    const { live, symbols, unit } = this.context;
    const objects = objectsIn(unit.object, section);
    const [symbol] = objects;
    if (symbol === undefined || objects.length > 1 || symbol.value !== 0) return undefined;
    if (isCompilerConstant(symbol.name)) return undefined;
    const address =
      symbol.binding === STB.LOCAL
        ? (this.scopedVariable(section, symbol)?.address ?? live.objects.get(symbol.name)?.address)
        : symbols.inModule(symbol.name, live.module)?.address;
    if (address === undefined) return undefined;
    return this.context.sameConstant(section, address) ? address : undefined;
  }
}
