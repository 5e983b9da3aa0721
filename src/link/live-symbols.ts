/**
 * Names of the live process. They bind as the dynamic linker bound them.
 *
 * - What a module defines for itself alone (hidden, protected, linked with -Bsymbolic, or the
 *   executable's) is its own.
 * - What a shared object exports may be another module's: the executable's copy of a variable, an
 *   earlier library's function. The slots that the dynamic linker filled for that module say which.
 * - Else the modules in scope are asked in order; so a copy-relocated `stdout` is found where it
 *   lives, in the executable, before libc's own. Versions are those that the module was linked with.
 */
import type { Machine } from '../arch/arch.js';
import { type Addr, contains, vaddr } from '../core/address.js';
import type { Memory } from '../core/memory.js';
import { DF, DT, PF, PT, STB, STT, STV } from '../elf/constants.js';
import { type LoadedModule, liveAddress } from '../elf/loaded-module.js';
import type { ElfSymbol, SymbolTable } from '../elf/symbols.js';
import { LookupScope } from './lookup-scope.js';
import { StoredAddresses } from './stored-addresses.js';
import { ThreadStorage } from './thread-storage.js';

type SymbolMachine = Pick<Machine, 'relocations' | 'threadLocals' | 'patterns'>;

export type LiveKind = 'function' | 'object' | 'ifunc' | 'thread-local';

export interface LiveSymbol {
  readonly name: string;
  readonly module: LoadedModule;
  readonly kind: LiveKind;
  /** Where it is; for `ifunc` its resolver. For `thread-local` meaningless. */
  readonly address: Addr;
  /** Offset in bytes into the module's thread-local block, for `thread-local`. */
  readonly blockOffset: number | undefined;
  readonly sizeBytes: number;
}

function kindOf(symbol: ElfSymbol): LiveKind | undefined {
  switch (symbol.type) {
    case STT.FUNC:
      return 'function';
    case STT.GNU_IFUNC:
      return 'ifunc';
    case STT.TLS:
      return 'thread-local';
    case STT.OBJECT:
    case STT.NOTYPE:
    case STT.COMMON:
      return 'object';
    default:
      return undefined;
  }
}

/** A symbol of a module as it is in the process; undefined for what has no address there. */
export function liveSymbol(module: LoadedModule, symbol: ElfSymbol): LiveSymbol | undefined {
  const kind = kindOf(symbol);
  if (kind === undefined || !symbol.isDefined || symbol.home === 'reserved') return undefined;
  const { name, sizeBytes } = symbol;
  if (kind === 'thread-local') {
    const address = liveAddress(module, vaddr(0));
    return { name, module, kind, address, blockOffset: symbol.value, sizeBytes };
  }
  const at = vaddr(symbol.value);
  const address = symbol.home === 'absolute' ? (symbol.value as Addr) : liveAddress(module, at);
  return { name, module, kind, address, blockOffset: undefined, sizeBytes };
}

/** Names a library of the system that exports a name, whether it is loaded or not. */
export type FindInstalled = (name: string) => string | undefined;

/** How the new code asks for a name. */
export interface NameQuery {
  /** Only definitions of the module itself count: the reference is hidden or protected. */
  readonly ownOnly?: boolean;
  /** The program can do without it: then what it was told counts, also if that is nothing. */
  readonly isWeak?: boolean;
  /** The very version that is asked for, `GLIBC_2.2.5`. */
  readonly version?: string;
}

export class LiveSymbols {
  /** Modules in link-map order, the executable first. */
  readonly modules: readonly LoadedModule[];
  readonly threads: ThreadStorage;
  private readonly memory: Memory;
  private readonly machine: SymbolMachine;
  private readonly scope: LookupScope;
  private readonly stored: StoredAddresses;
  private readonly findInstalled: FindInstalled | undefined;
  private readonly callingThemselves = new Map<LoadedModule, boolean>();

  constructor(
    modules: readonly LoadedModule[],
    memory: Memory,
    machine: SymbolMachine,
    findInstalled?: FindInstalled,
  ) {
    this.findInstalled = findInstalled;
    this.modules = modules;
    this.memory = memory;
    this.machine = machine;
    this.scope = new LookupScope(modules);
    this.stored = new StoredAddresses(memory, machine.relocations);
    this.threads = new ThreadStorage(modules, memory, machine);
  }

  /** What a global name means in code of `home`. `absent` for a weak name that the dynamic linker
   *  found nowhere. */
  global(
    name: string,
    home: LoadedModule,
    query: NameQuery = {},
  ): LiveSymbol | 'absent' | undefined {
    const own = this.inModule(name, home);
    if (query.ownOnly === true) return own;
    if (own !== undefined && query.version === undefined && !isInterposable(name, home)) return own;
    const version = query.version ?? this.importedVersion(name, home);
    const found = this.inScope(name, home, version);
    if (found?.kind === 'thread-local') return found;
    const stored = this.storedFor(name, home, found, version);
    if (stored === undefined && this.bindsItself(name, home, own, found)) return own;
    if (stored === 0 && query.isWeak === true) return 'absent';
    if (stored === undefined || stored === 0 || stored === found?.address)
      return found && this.canonical(found, home);
    if (stored === own?.address) return own;
    const known = found ?? own;
    const symbol: LiveSymbol = {
      name,
      module: this.modules.find(({ range }) => contains(range, stored)) ?? home,
      kind: known === undefined || known.kind === 'ifunc' ? 'function' : known.kind,
      address: stored,
      blockOffset: undefined,
      sizeBytes: known?.sizeBytes ?? 0,
    };
    return this.canonical(symbol, home);
  }

  /** A global symbol that the module itself defines, hidden ones included. */
  inModule(name: string, module: LoadedModule): LiveSymbol | undefined {
    const table = module.file.symbols();
    const named = table.findByName(name);
    const global = named.filter((symbol) => symbol.binding !== STB.LOCAL);
    const hidden = named.filter((symbol) => isDemoted(symbol, table));
    for (const symbol of [...global, ...hidden]) {
      const found = liveSymbol(module, symbol);
      if (found !== undefined) return found;
    }
    return exported(name, module, undefined);
  }

  /** A library that defines a name which code of `home` does not see: one that dlopen loaded for
   *  others only, or one of the system that is not loaded. */
  libraryWith(
    name: string,
    home: LoadedModule,
  ): { readonly library: string; readonly isLoaded: boolean } | undefined {
    const seen = this.scope.orderFor(home);
    const loaded = this.modules.find(
      (module) => !seen.includes(module) && exported(name, module, undefined) !== undefined,
    );
    if (loaded !== undefined) return { library: loaded.name, isLoaded: true };
    const installed = this.isStatic ? undefined : this.findInstalled?.(name);
    return installed === undefined ? undefined : { library: installed, isLoaded: false };
  }

  /** Whether no dynamic linker took part: then the program has what was linked in, and no more. */
  get isStatic(): boolean {
    const [executable, ...others] = this.modules;
    const isDynamic = executable?.file.segments.some(({ type }) => type === PT.INTERP) ?? true;
    return others.length === 0 && !isDynamic;
  }

  /** The version of a name that the module was linked with. Parts of it may ask for an old one by
   *  name; the others mean the default. */
  private importedVersion(name: string, home: LoadedModule): string | undefined {
    const versions = home.file
      .dynamicSymbols()
      .findByName(name)
      .filter(({ isDefined }) => !isDefined)
      .map(({ version }) => version);
    if (versions.length <= 1) return versions[0];
    const defaults = this.scope.orderFor(home).flatMap(({ file }) =>
      file
        .dynamicSymbols()
        .findByName(name)
        .filter(({ isDefaultVersion }) => isDefaultVersion)
        .map(({ version }) => version),
    );
    return versions.find((version) => defaults.includes(version)) ?? versions[0];
  }

  private inScope(
    name: string,
    home: LoadedModule,
    version: string | undefined,
  ): LiveSymbol | undefined {
    for (const module of this.scope.orderFor(home)) {
      const found = exported(name, module, version);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** What the dynamic linker put into slots. A unique symbol is one for all modules. */
  private storedFor(
    name: string,
    home: LoadedModule,
    found: LiveSymbol | undefined,
    version: string | undefined,
  ): Addr | undefined {
    const stored = this.stored.of(name, home, version);
    if (stored !== undefined || found === undefined || !isUnique(name, found.module)) return stored;
    for (const module of this.modules) {
      if (module.loader?.namespace !== home.loader?.namespace) continue;
      const elsewhere = this.stored.of(name, module);
      if (elsewhere !== undefined) return elsewhere;
    }
    return undefined;
  }

  /** Whether a module's own definition counts although another one comes first. */
  private bindsItself(
    name: string,
    home: LoadedModule,
    own: LiveSymbol | undefined,
    found: LiveSymbol | undefined,
  ): boolean {
    if (own === undefined || own.address === found?.address) return false;
    if (found === undefined) return true;
    if (own.kind !== 'function' || this.stored.asksFor(name, home)) return false;
    let callsItself = this.callingThemselves.get(home);
    if (callsItself === undefined) {
      callsItself = this.callsItself(home);
      this.callingThemselves.set(home, callsItself);
    }
    return callsItself;
  }

  /** `-Bsymbolic-functions` leaves no trace but that the module's code calls its exported functions
   *  directly, and asks the dynamic linker for none of them. */
  private callsItself(home: LoadedModule): boolean {
    const functions = [...home.file.dynamicSymbols()].filter(
      ({ type, home: place, binding, visibility }) =>
        type === STT.FUNC &&
        place === 'section' &&
        binding !== STB.LOCAL &&
        visibility === STV.DEFAULT,
    );
    if (functions.some(({ name }) => this.stored.asksFor(name, home))) return false;
    return home.file.segments
      .filter(({ type, flags }) => type === PT.LOAD && (flags & PF.X) !== 0)
      .some(({ address, fileSizeBytes }) => {
        const code = this.memory.tryRead(liveAddress(home, address), fileSizeBytes);
        const targets = new Set(functions.map(({ value }) => value - address));
        return code !== undefined && this.machine.patterns.branchesTo(code, targets);
      });
  }

  /** An executable at a fixed address may have made its own PLT entry the address of a foreign
   *  function, for everyone. */
  private canonical(symbol: LiveSymbol, home: LoadedModule): LiveSymbol {
    const [executable] = this.scope.orderFor(home);
    if (symbol.kind !== 'function' || executable === undefined || executable === symbol.module)
      return symbol;
    const entry = executable.file
      .dynamicSymbols()
      .findByName(symbol.name)
      .find((candidate) => !candidate.isDefined && candidate.value !== 0);
    if (entry === undefined) return symbol;
    return { ...symbol, module: executable, address: liveAddress(executable, vaddr(entry.value)) };
  }

  /** What the dynamic linker resolved an IFUNC to, when some module has used it already. */
  resolvedIfunc(symbol: LiveSymbol): Addr | undefined {
    for (const module of this.modules) {
      const stored = this.stored.of(symbol.name, module);
      // A name may mean something else to another module.
      if (
        stored !== undefined &&
        stored !== symbol.address &&
        contains(symbol.module.range, stored)
      )
        return stored;
    }
    return this.stored.resolvedBy(symbol.address, symbol.module);
  }

  nearNames(name: string, home: LoadedModule): string[] {
    const own = home.file.symbols().nearNames(name, 3);
    return own.length > 0 ? own : home.file.dynamicSymbols().nearNames(name, 3);
  }
}

/** Linkers make hidden symbols local. gold and lld leave them their visibility, and among those of
 *  their source; ld puts them after the symbols of all sources. */
function isDemoted(symbol: ElfSymbol, table: SymbolTable): boolean {
  if (symbol.binding !== STB.LOCAL) return false;
  const isHidden = symbol.visibility === STV.HIDDEN || symbol.visibility === STV.INTERNAL;
  return isHidden || table.fileOf(symbol) === undefined;
}

/** Whether another module's definition may count in place of the module's own. A unique symbol is one
 *  for the whole program, however it was linked. */
function isInterposable(name: string, module: LoadedModule): boolean {
  if (module.isExecutable) return false;
  const exports = module.file
    .dynamicSymbols()
    .findByName(name)
    .filter(
      ({ isDefined, binding, visibility }) =>
        isDefined && binding !== STB.LOCAL && visibility === STV.DEFAULT,
    );
  if (exports.some(({ binding }) => binding === STB.GNU_UNIQUE)) return true;
  const { entries, flags } = module.file.dynamic();
  const isSymbolic = (flags & DF.SYMBOLIC) !== 0 || entries.some(({ tag }) => tag === DT.SYMBOLIC);
  return exports.length > 0 && !isSymbolic;
}

function isUnique(name: string, module: LoadedModule): boolean {
  return module.file
    .dynamicSymbols()
    .findByName(name)
    .some(({ isDefined, binding }) => isDefined && binding === STB.GNU_UNIQUE);
}

/** What a module exports under a name: in the version asked for, else the default one. */
function exported(
  name: string,
  module: LoadedModule,
  version: string | undefined,
): LiveSymbol | undefined {
  const candidates = module.file
    .dynamicSymbols()
    .findByName(name)
    .filter(
      (symbol) =>
        symbol.isDefined &&
        symbol.binding !== STB.LOCAL &&
        symbol.visibility !== STV.HIDDEN &&
        symbol.visibility !== STV.INTERNAL,
    );
  const wanted =
    version === undefined ? undefined : candidates.find((symbol) => symbol.version === version);
  const best = wanted ?? candidates.find((symbol) => symbol.isDefaultVersion) ?? candidates[0];
  return best === undefined ? undefined : liveSymbol(module, best);
}
