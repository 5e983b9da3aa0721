/**
 * What the dynamic linker has decided already: the slots of a module into which it put the address
 * of a name. That is the truth about names which several modules define; whatever order of lookup
 * led to it, LD_PRELOAD, RTLD_DEEPBIND, copy relocations and unique symbols included.
 */
import type { Relocations } from '../arch/relocations.js';
import { type Addr, type Vaddr, addr, contains } from '../core/address.js';
import { type Memory, wordAt } from '../core/memory.js';
import { type LoadedModule, fileAddress, liveAddress } from '../elf/loaded-module.js';
import type { Relocation } from '../elf/relocations.js';

export class StoredAddresses {
  private readonly memory: Memory;
  private readonly relocations: Relocations;
  private readonly bySymbol = new Map<LoadedModule, ReadonlyMap<number, readonly Relocation[]>>();

  constructor(memory: Memory, relocations: Relocations) {
    this.memory = memory;
    this.relocations = relocations;
  }

  /** The address that a module's slots hold for a name; 0 for a weak name that nothing defines.
   *  Undefined when it has no slot for it, or none that is bound yet.
   *  @param version only slots for this version of the name count */
  of(name: string, module: LoadedModule, version?: string): Addr | undefined {
    const symbols = module.file
      .dynamicSymbols()
      .findByName(name)
      .filter((symbol) => version === undefined || symbol.version === version);
    for (const { index, isDefined, value } of symbols) {
      for (const { type, offset, addend } of this.relocationsOf(module).get(index) ?? []) {
        const kind = this.relocations.dynamicKind(type);
        if (kind !== 'address' && kind !== 'call-slot') continue;
        const stored = wordAt(this.memory, liveAddress(module, offset as Vaddr));
        if (stored === undefined) continue;
        const found = stored - (kind === 'address' ? addend : 0);
        if (found < 0 || !Number.isSafeInteger(found)) continue;
        // Until its first call a slot leads to the code that binds it, in the module itself.
        const isUnbound =
          kind === 'call-slot' &&
          contains(module.range, found) &&
          !(isDefined && fileAddress(module, addr(found)) === value);
        if (!isUnbound) return addr(found);
      }
    }
    return undefined;
  }

  /** Whether the module leaves it to the dynamic linker what a name means. */
  asksFor(name: string, module: LoadedModule): boolean {
    const relocations = this.relocationsOf(module);
    return module.file
      .dynamicSymbols()
      .findByName(name)
      .some(({ index }) => relocations.has(index));
  }

  /** What an IFUNC was resolved to for code of its own module, where it has no name for the
   *  dynamic linker. */
  resolvedBy(resolver: Addr, module: LoadedModule): Addr | undefined {
    const at = fileAddress(module, resolver);
    const found = (this.relocationsOf(module).get(0) ?? []).find(
      ({ type, addend }) =>
        this.relocations.dynamicKind(type) === 'resolved' && addend === (at as number),
    );
    const value = found && wordAt(this.memory, liveAddress(module, found.offset as Vaddr));
    const isCode = value !== undefined && contains(module.range, value);
    return isCode && value !== resolver ? addr(value) : undefined;
  }

  private relocationsOf(module: LoadedModule): ReadonlyMap<number, readonly Relocation[]> {
    let found = this.bySymbol.get(module);
    if (found === undefined) {
      found = groupBySymbol(module.file.dynamicRelocations());
      this.bySymbol.set(module, found);
    }
    return found;
  }
}

function groupBySymbol(relocations: readonly Relocation[]): Map<number, Relocation[]> {
  const groups = new Map<number, Relocation[]>();
  for (const relocation of relocations) {
    const group = groups.get(relocation.symbolIndex);
    if (group === undefined) groups.set(relocation.symbolIndex, [relocation]);
    else group.push(relocation);
  }
  return groups;
}
