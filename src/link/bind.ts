/**
 * What each symbol of the new object means in the live process.
 *
 * The rules, and why:
 * - Writable data that exists live is bound to where it is: its value is the program's state.
 * - A function that exists live is bound to its original entry, for ever: pointers to it stay
 *   equal, and every call of it finds the newest body through the redirect.
 * - A section symbol is bound to live data only when that is the whole section (`live-sections.ts`).
 * - What only this compilation knows (clones, parts, string constants, switch tables, `CSWTCH.1`)
 *   is fresh: it is linked into the patch area.
 */
import { type Addr, offsetBy } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { STB, STT, STV } from '../elf/constants.js';
import type { LoadedModule } from '../elf/loaded-module.js';
import type { Section } from '../elf/sections.js';
import type { ElfSymbol } from '../elf/symbols.js';
import { type CounterpartContext, LiveCounterparts } from './live-counterparts.js';
import { LiveSections, type SameConstant } from './live-sections.js';
import type { LiveSymbol } from './live-symbols.js';
import type { NewNames } from './new-names.js';
import type { ThreadBlock, ThreadLocal } from './thread-storage.js';
import { isCompilerMade, isLocalAlias, sourceName } from './live-unit.js';
import { type ObjectFunction, datumKind, isAllocated, isCode, objectsIn } from './object-unit.js';

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

export interface BindingContext extends CounterpartContext {
  /** What the other units of the patch bring. */
  readonly names?: NewNames | undefined;
  /** Name of the function that finds thread-local variables. */
  readonly threadFunctionName: string;
  /** True for a function that must be linked anew although it exists live: its live version
   *  cannot be called the way the new code calls it. */
  mustCopy(fn: ObjectFunction): boolean;
  readonly sameConstant: SameConstant;
}

export class Binder {
  readonly counterparts: LiveCounterparts;
  private readonly context: BindingContext;
  private readonly sections: LiveSections;
  private readonly functionsBySection = new Map<Section, ObjectFunction[]>();

  constructor(context: BindingContext) {
    this.context = context;
    this.counterparts = new LiveCounterparts(context);
    this.sections = new LiveSections(context.unit, this.counterparts, context.sameConstant);
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
    const live = this.counterparts.entryOf(fn);
    if (live !== undefined && !this.context.mustCopy(fn)) {
      return { kind: 'live', address: live.address, name: fn.name, symbol: live };
    }
    return { kind: 'fresh', section: fn.section, offset: fn.offset };
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
    if (datumKind(section) === 'thread-local') return this.bindThreadLocal(section, offset);
    const base = this.sections.baseOf(section);
    if (base === undefined) return { kind: 'fresh', section, offset };
    const name = objectsIn(this.context.unit.object, section)[0]?.name ?? section.name;
    return { kind: 'live', address: offsetBy(base, offset), name, symbol: undefined };
  }

  private bindThreadLocal(section: Section, offset: number): Binding {
    const symbol = objectsIn(this.context.unit.object, section).find(
      (candidate) =>
        candidate.value <= offset && offset < candidate.value + Math.max(1, candidate.sizeBytes),
    );
    const { live } = this.context;
    if (symbol === undefined) return this.threadLocal(section.name, live.module, undefined);
    const found = this.counterparts.blockOffsetOf(section, symbol);
    const start = found === undefined ? undefined : found + offset - symbol.value;
    return this.threadLocal(symbol.name, live.module, start);
  }
}
