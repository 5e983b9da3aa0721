/** An ELF file as it is mapped in a process: the executable or a shared object. */
import {
  type Addr,
  type AddrRange,
  type LoadBias,
  type Vaddr,
  contains,
  relocate,
  unrelocate,
  vaddr,
} from '../core/address.js';
import { ET, STT } from './constants.js';
import type { ElfFile } from './elf-file.js';
import type { ElfSymbol } from './symbols.js';

/** What the dynamic linker's own list says of a module. */
export interface LoaderFacts {
  /** Where its `struct link_map` is. */
  readonly linkMap: Addr;
  /** 0 is the program's own; `dlmopen` makes others. */
  readonly namespace: number;
  /** Its place in the list: the order in which names are looked up. */
  readonly order: number;
  /** Whether it is in the global scope of its namespace; undefined where that cannot be told. */
  readonly isGlobal: boolean | undefined;
}

export interface LoadedModule {
  /** Path as the target sees it, with its address where it is a further copy (dlmopen): no two
   *  modules have the same. */
  readonly path: string;
  /** Last part of the path. */
  readonly name: string;
  readonly bias: LoadBias;
  /** From its lowest to its highest mapped address; other mappings may lie in between. */
  readonly range: AddrRange;
  readonly isExecutable: boolean;
  /** The file that is mapped, even when another has taken its path since. */
  readonly file: ElfFile;
  /** Undefined in static programs, and for what the dynamic linker did not load. */
  readonly loader: LoaderFacts | undefined;
  /** When that file was last written, in milliseconds since the epoch: sources written later were
   *  edited after the program was built. */
  readonly writtenAtMs: number;
}

export function liveAddress(module: LoadedModule, address: Vaddr): Addr {
  return relocate(address, module.bias);
}

export function fileAddress(module: LoadedModule, address: Addr): Vaddr {
  return unrelocate(address, module.bias);
}

/** Undefined for what is not in the module, as a function that a patch has brought. */
export function fileAddressWithin(module: LoadedModule, address: Addr): Vaddr | undefined {
  return contains(module.range, address) ? fileAddress(module, address) : undefined;
}

/** True for an executable linked at a fixed address, whose code may hold 32-bit addresses. */
export function isFixedAddress(module: LoadedModule): boolean {
  return module.file.header.type === ET.EXEC;
}

/** Symbols of either table that cover an address, those of the full one first; a name of both twice. */
export function symbolsAt({ file }: LoadedModule, address: Vaddr): ElfSymbol[] {
  return [...file.symbols().findAddress(address), ...file.dynamicSymbols().findAddress(address)];
}

/** Where an exported variable or function of a module is in the process. */
export function liveSymbolAddress(module: LoadedModule, name: string): Addr | undefined {
  const symbol = module.file
    .dynamicSymbols()
    .findByName(name)
    .find((candidate) => candidate.home === 'section' && candidate.type !== STT.TLS);
  return symbol === undefined ? undefined : liveAddress(module, vaddr(symbol.value));
}
