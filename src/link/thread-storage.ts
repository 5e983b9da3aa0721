/**
 * Where the thread-local block of each module is: its module id, which `__tls_get_addr` takes, and
 * its distance from the thread pointer, if it has one.
 *
 * The executable's block has a fixed distance and, in glibc and musl, the id 1. Those of shared
 * objects are the dynamic linker's business. glibc keeps both in its `link_map`, and tells
 * debuggers where in it: `_thread_db_link_map_l_tls_modid` and `_l_tls_offset` are each three
 * 32-bit words, {size in bits, number of elements, byte offset}. Elsewhere an id is read from where
 * the module keeps it for itself.
 *
 * @see glibc nptl_db/db_info.c and structs.def; elf/dl-tls.c for NO_TLS_OFFSET (0 or -1) and
 *   FORCED_DYNAMIC_TLS_OFFSET (-1 or -2), which mean that there is no such distance
 */
import type { DynamicRelocation, Relocations } from '../arch/relocations.js';
import type { ThreadLocals } from '../arch/thread-locals.js';
import { type Addr, type Vaddr, offsetBy } from '../core/address.js';
import { type Memory, signedWordAt } from '../core/memory.js';
import { PT } from '../elf/constants.js';
import { type LoadedModule, liveAddress, liveSymbolAddress } from '../elf/loaded-module.js';
import type { Relocation } from '../elf/relocations.js';

/** The thread-local block of a module. */
export interface ThreadBlock {
  /** What `__tls_get_addr` knows the module by; undefined when it cannot be found out. */
  readonly moduleId: number | undefined;
  /** Offset of its start from every thread's thread pointer; undefined when each thread has it
   *  somewhere else, or when it cannot be found out. */
  readonly threadOffset: number | undefined;
}

/** A thread-local variable: an offset into its module's block. */
export interface ThreadLocal {
  readonly name: string;
  readonly module: LoadedModule;
  readonly offset: number;
}

const EXECUTABLE_ID = 1;
const NO_DISTANCE = new Set([0, -1, -2]);

export class ThreadStorage {
  private readonly modules: readonly LoadedModule[];
  private readonly memory: Memory;
  private readonly relocations: Relocations;
  private readonly threadLocals: ThreadLocals;
  private readonly blocks = new Map<LoadedModule, ThreadBlock>();
  private fields: LinkMapFields | undefined;

  constructor(
    modules: readonly LoadedModule[],
    memory: Memory,
    machine: { readonly relocations: Relocations; readonly threadLocals: ThreadLocals },
  ) {
    this.modules = modules;
    this.memory = memory;
    this.relocations = machine.relocations;
    this.threadLocals = machine.threadLocals;
  }

  blockOf(module: LoadedModule): ThreadBlock {
    let block = this.blocks.get(module);
    if (block === undefined) {
      block = module.isExecutable ? this.executableBlock(module) : this.libraryBlock(module);
      this.blocks.set(module, block);
    }
    return block;
  }

  /** Where a module keeps the TLS descriptor that its own code uses for a variable. */
  descriptorOf({ module, name, offset }: ThreadLocal): Addr | undefined {
    const found = this.ownRelocations(module, 'tls-descriptor').find(({ symbolIndex, addend }) => {
      if (symbolIndex === 0) return addend === offset;
      const symbol = module.file.dynamicSymbols().at(symbolIndex);
      return symbol.name === name && symbol.isDefined && symbol.value + addend === offset;
    });
    return found && liveAddress(module, found.offset as Vaddr);
  }

  private executableBlock(module: LoadedModule): ThreadBlock {
    const segment = module.file.segments.find(({ type }) => type === PT.TLS);
    if (segment === undefined) return { moduleId: undefined, threadOffset: undefined };
    return {
      moduleId: EXECUTABLE_ID,
      threadOffset: this.threadLocals.executableBlock(segment),
    };
  }

  private libraryBlock(module: LoadedModule): ThreadBlock {
    this.fields ??= this.findFields();
    const moduleId = this.linkMapWord(module, this.fields.moduleId) ?? this.idInUse(module);
    const distance = this.linkMapWord(module, this.fields.distance);
    return {
      moduleId: moduleId === undefined || moduleId <= 0 ? undefined : moduleId,
      threadOffset:
        distance === undefined || NO_DISTANCE.has(distance)
          ? undefined
          : this.threadLocals.blockAtDistance(distance),
    };
  }

  private findFields(): LinkMapFields {
    // Both symbols are in the same library; look for it once.
    const libc = this.modules.find(
      (module) => liveSymbolAddress(module, '_thread_db_link_map_l_tls_modid') !== undefined,
    );
    const offsetOf = (name: string): number | undefined => {
      const at = libc && liveSymbolAddress(libc, name);
      const words = at && this.memory.tryRead(at, 12);
      if (words === undefined) return undefined;
      const view = new DataView(words.buffer, words.byteOffset, words.byteLength);
      // {bits of one element, elements, byte offset}
      const isWord = view.getUint32(0, true) === 64 && view.getUint32(4, true) === 1;
      return isWord ? view.getUint32(8, true) : undefined;
    };
    return {
      moduleId: offsetOf('_thread_db_link_map_l_tls_modid'),
      distance: offsetOf('_thread_db_link_map_l_tls_offset'),
    };
  }

  private linkMapWord({ loader }: LoadedModule, offset: number | undefined): number | undefined {
    if (loader === undefined || offset === undefined) return undefined;
    return signedWordAt(this.memory, offsetBy(loader.linkMap, offset));
  }

  /** The id that the module's own code hands to `__tls_get_addr`, for itself or for a variable that
   *  no other module has. */
  private idInUse(module: LoadedModule): number | undefined {
    const found = this.ownRelocations(module, 'tls-module').find(
      ({ symbolIndex }) => symbolIndex === 0 || this.isOnlyIn(module, symbolIndex),
    );
    return found && signedWordAt(this.memory, liveAddress(module, found.offset as Vaddr));
  }

  private isOnlyIn(module: LoadedModule, symbolIndex: number): boolean {
    const { name } = module.file.dynamicSymbols().at(symbolIndex);
    const defining = this.modules.filter(({ file }) =>
      file
        .dynamicSymbols()
        .findByName(name)
        .some(({ isDefined }) => isDefined),
    );
    return defining.length === 1 && defining[0] === module;
  }

  private ownRelocations(module: LoadedModule, kind: DynamicRelocation): Relocation[] {
    return module.file
      .dynamicRelocations()
      .filter(({ type }) => this.relocations.dynamicKind(type) === kind);
  }
}

interface LinkMapFields {
  readonly moduleId: number | undefined;
  readonly distance: number | undefined;
}
