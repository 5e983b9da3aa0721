/**
 * Names of the live process. They bind as the dynamic linker would have bound them: first within
 * the module that is patched, its hidden symbols included, then in the global scope, which is the
 * modules in link-map order. So a copy-relocated `stdout` is found where it lives, in the
 * executable, before libc's own.
 */
import { type Addr, type Vaddr, vaddr } from '../core/address.js';
import type { Memory } from '../core/memory.js';
import { STB, STT } from '../elf/constants.js';
import { type LoadedModule, liveAddress, tlsBlockBytes } from '../elf/loaded-module.js';
import type { ElfSymbol } from '../elf/symbols.js';

export type LiveKind = 'function' | 'object' | 'ifunc' | 'thread-local';

export interface LiveSymbol {
  readonly name: string;
  readonly module: LoadedModule;
  readonly kind: LiveKind;
  /** Where it is; for `ifunc` its resolver. For `thread-local` meaningless. */
  readonly address: Addr;
  /** Offset from the thread pointer in bytes, for `thread-local` in the executable. */
  readonly threadOffset: number | undefined;
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
    const block = module.isExecutable ? tlsBlockBytes(module) : undefined;
    const threadOffset = block === undefined ? undefined : symbol.value - block;
    return { name, module, kind, address: liveAddress(module, vaddr(0)), threadOffset, sizeBytes };
  }
  const at = vaddr(symbol.value);
  const address = symbol.home === 'absolute' ? (symbol.value as Addr) : liveAddress(module, at);
  return { name, module, kind, address, threadOffset: undefined, sizeBytes };
}

export class LiveSymbols {
  /** Modules in link-map order, the executable first. */
  readonly modules: readonly LoadedModule[];
  private readonly memory: Memory;

  constructor(modules: readonly LoadedModule[], memory: Memory) {
    this.modules = modules;
    this.memory = memory;
  }

  /** What a global name means in code of `home`. */
  global(name: string, home: LoadedModule): LiveSymbol | undefined {
    return this.inModule(name, home) ?? this.inScope(name);
  }

  /** A global symbol that the module itself defines, hidden ones included. */
  inModule(name: string, module: LoadedModule): LiveSymbol | undefined {
    const table = module.file.symbols();
    const named = table.findByName(name);
    const global = named.filter((symbol) => symbol.binding !== STB.LOCAL);
    // The linker makes hidden symbols local; they come after those of all sources.
    const hidden = named.filter(
      (symbol) => symbol.binding === STB.LOCAL && table.fileOf(symbol) === undefined,
    );
    for (const symbol of [...global, ...hidden]) {
      const found = liveSymbol(module, symbol);
      if (found !== undefined) return found;
    }
    return exported(name, module);
  }

  private inScope(name: string): LiveSymbol | undefined {
    for (const module of this.modules) {
      const found = exported(name, module);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Address of a function of another module as this module's own code knows it: the canonical
   *  PLT entry of an executable linked at a fixed address. */
  canonicalEntry(name: string, home: LoadedModule): Addr | undefined {
    const symbol = home.file
      .dynamicSymbols()
      .findByName(name)
      .find((candidate) => !candidate.isDefined && candidate.value !== 0);
    return symbol === undefined ? undefined : liveAddress(home, vaddr(symbol.value));
  }

  /** What the dynamic linker resolved an IFUNC to, when some module has used it already. */
  resolvedIfunc(symbol: LiveSymbol): Addr | undefined {
    for (const module of this.modules) {
      const table = module.file.dynamicSymbols();
      const wanted = new Set(table.findByName(symbol.name).map((candidate) => candidate.index));
      if (wanted.size === 0) continue;
      for (const relocation of module.file.dynamicRelocations()) {
        if (!wanted.has(relocation.symbolIndex)) continue;
        const slot = this.memory.tryRead(liveAddress(module, relocation.offset as Vaddr), 8);
        if (slot === undefined) continue;
        const value = Number(new DataView(slot.buffer, slot.byteOffset).getBigUint64(0, true));
        // A slot not yet bound leads to the lazy binding code of its own module.
        const { range } = symbol.module;
        if (value >= range.start && value < range.end && value !== symbol.address)
          return value as Addr;
      }
    }
    return undefined;
  }

  nearNames(name: string, home: LoadedModule): string[] {
    const own = home.file.symbols().nearNames(name, 3);
    return own.length > 0 ? own : home.file.dynamicSymbols().nearNames(name, 3);
  }
}

function exported(name: string, module: LoadedModule): LiveSymbol | undefined {
  const candidates = module.file
    .dynamicSymbols()
    .findByName(name)
    .filter((symbol) => symbol.isDefined && symbol.binding !== STB.LOCAL);
  const best = candidates.find((symbol) => symbol.isDefaultVersion) ?? candidates[0];
  return best === undefined ? undefined : liveSymbol(module, best);
}
