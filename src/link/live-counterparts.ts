/**
 * What a function or variable of the new object is the new version of in the live process.
 *
 * A global name is asked of the module; what is private to the unit is told by its scope, or without
 * debug information by its name and its order among numbered ones. What an earlier patch brought is a
 * counterpart too.
 */
import { type Addr, contains } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { STB } from '../elf/constants.js';
import type { Section } from '../elf/sections.js';
import type { ElfSymbol } from '../elf/symbols.js';
import type { LiveSymbol, LiveSymbols } from './live-symbols.js';
import {
  type LiveUnit,
  type LiveVariable,
  isCompilerMade,
  numberedLike,
  numberedName,
} from './live-unit.js';
import type { ObjectFunction, ObjectUnit } from './object-unit.js';

/** Functions and variables that earlier patches brought into the process. */
export interface AddedSymbols {
  function(key: string): { readonly address: Addr; readonly sizeBytes: number } | undefined;
  variable(key: string): LiveVariable | undefined;
  /** What a global name means that patches brought into other modules. */
  elsewhere(name: string): Addr | undefined;
}

export interface CounterpartContext {
  readonly unit: ObjectUnit;
  readonly live: LiveUnit;
  readonly symbols: LiveSymbols;
  readonly added: AddedSymbols;
}

/** Names a variable of the patched unit in the ledger. */
export function variableKey(
  unit: string,
  symbol: ElfSymbol,
  scopedName: string | undefined,
): string {
  return symbol.binding === STB.LOCAL ? `${unit}:${scopedName ?? symbol.name}` : symbol.name;
}

export class LiveCounterparts {
  private readonly context: CounterpartContext;

  constructor(context: CounterpartContext) {
    this.context = context;
  }

  /** The live function that this one is the new version of; an earlier patch may have added it. */
  entryOf(fn: ObjectFunction): LiveSymbol | undefined {
    const { live, symbols } = this.context;
    if (isCompilerMade(fn.name)) return undefined;
    const found = fn.isLocal ? live.functions.get(fn.name) : symbols.inModule(fn.name, live.module);
    if (found?.kind === 'function') return found;
    const added = this.context.added.function(this.keyOf(fn));
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
  versionOf(fn: ObjectFunction): LiveSymbol | undefined {
    return this.entryOf(fn) ?? this.context.live.functions.get(fn.name);
  }

  /** Whether a live function came from this unit, or was added to it by an earlier patch. */
  owns({ address, module }: LiveSymbol): boolean {
    const isOriginal = contains(module.range, address);
    return !isOriginal || this.context.live.owns(address);
  }

  /** Names a new function in the ledger. */
  keyOf(fn: ObjectFunction): string {
    return fn.isLocal ? `${this.context.live.name}:${fn.name}` : fn.name;
  }

  /** The live counterpart of a variable of the object. */
  variableOf(section: Section, symbol: ElfSymbol): LiveVariable | undefined {
    const { live, symbols, added, unit } = this.context;
    const key = variableKey(live.name, symbol, unit.scopedName(section, symbol.value));
    const known = added.variable(key);
    if (symbol.binding !== STB.LOCAL) return symbols.inModule(symbol.name, live.module) ?? known;
    return this.scopedVariable(section, symbol) ?? this.numberedObject(section, symbol) ?? known;
  }

  /** Where a thread-local variable of the object is in the module's block. */
  blockOffsetOf(section: Section, symbol: ElfSymbol): number | undefined {
    const { live, symbols } = this.context;
    return (
      this.scopedVariable(section, symbol)?.blockOffset ??
      (symbol.binding === STB.LOCAL
        ? this.numberedObject(section, symbol)?.blockOffset
        : symbols.inModule(symbol.name, live.module)?.blockOffset)
    );
  }

  /** The live constant of the same name, whatever its content. */
  constantOf(section: Section, symbol: ElfSymbol): Addr | undefined {
    const { live, symbols } = this.context;
    return symbol.binding === STB.LOCAL
      ? (this.scopedVariable(section, symbol)?.address ?? live.objects.get(symbol.name)?.address)
      : symbols.inModule(symbol.name, live.module)?.address;
  }

  private scopedVariable(section: Section, symbol: ElfSymbol): LiveVariable | undefined {
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
}
