/** An ELF file as it is mapped in a process: the executable or a shared object. */
import {
  type Addr,
  type AddrRange,
  type LoadBias,
  type Vaddr,
  relocate,
  unrelocate,
} from '../core/address.js';
import { ET, PT } from './constants.js';
import type { ElfFile } from './elf-file.js';

export interface LoadedModule {
  /** Path as the target sees it. */
  readonly path: string;
  /** Last part of the path. */
  readonly name: string;
  readonly bias: LoadBias;
  /** From its lowest to its highest mapped address; other mappings may lie in between. */
  readonly range: AddrRange;
  readonly isExecutable: boolean;
  /** The file that is mapped, even when another has taken its path since. */
  readonly file: ElfFile;
}

export function liveAddress(module: LoadedModule, address: Vaddr): Addr {
  return relocate(address, module.bias);
}

export function fileAddress(module: LoadedModule, address: Addr): Vaddr {
  return unrelocate(address, module.bias);
}

/** True for an executable linked at a fixed address, whose code may hold 32-bit addresses. */
export function isFixedAddress(module: LoadedModule): boolean {
  return module.file.header.type === ET.EXEC;
}

/** Where the thread-local block of the executable lies, as bytes below the thread pointer, on
 *  machines that put it there (TLS variant II). @see ELF Handling For Thread-Local Storage, 3 */
export function tlsBlockBytes(module: LoadedModule): number | undefined {
  const segment = module.file.segments.find((candidate) => candidate.type === PT.TLS);
  if (segment === undefined) return undefined;
  const alignment = Math.max(1, segment.alignment);
  return Math.ceil(segment.memorySizeBytes / alignment) * alignment;
}
