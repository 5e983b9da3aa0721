/**
 * What the modules of a process held before their first instruction ran: the bytes of their files,
 * with zeros for `.bss` and the pointers that the dynamic linker filled in. What the program has
 * written since does not show.
 * @see gABI 5 "Relocation"; the generic ABI's DT_RELR for relocations without entries
 */
import type { Relocations } from '../arch/relocations.js';
import { type Addr, contains, vaddr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Memory } from '../core/memory.js';
import { DT } from '../elf/constants.js';
import { type LoadedModule, fileAddress } from '../elf/loaded-module.js';
import { unlessMalformed } from '../elf/malformed.js';
import type { Relocation } from '../elf/relocations.js';
import type { LiveSymbols } from './live-symbols.js';

const POINTER_BYTES = 8;

export class InitialMemory implements Memory {
  private readonly symbols: LiveSymbols;
  private readonly relocations: Relocations;
  private readonly pointers = new Map<LoadedModule, ReadonlyMap<number, Relocation>>();

  constructor(symbols: LiveSymbols, relocations: Relocations) {
    this.symbols = symbols;
    this.relocations = relocations;
  }

  read(address: Addr, lengthBytes: number): Uint8Array {
    const bytes = this.tryRead(address, lengthBytes);
    if (bytes === undefined)
      throw new HcrError({ code: 'unexpected', detail: 'no file was mapped there' });
    return bytes;
  }

  tryRead(address: Addr, lengthBytes: number): Uint8Array | undefined {
    const module = this.symbols.modules.find(({ range }) => contains(range, address));
    if (module === undefined) return undefined;
    const start = fileAddress(module, address);
    const bytes = unlessMalformed(() => module.file.readAtVaddr(start, lengthBytes).slice());
    if (bytes === undefined) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const pointers = this.pointersOf(module);
    const first = Math.ceil(start / POINTER_BYTES) * POINTER_BYTES;
    for (let at = first; at + POINTER_BYTES <= start + lengthBytes; at += POINTER_BYTES) {
      const relocation = pointers.get(at);
      const value = relocation && this.valueOf(module, relocation);
      if (value !== undefined) view.setBigUint64(at - start, BigInt(value), true);
    }
    return bytes;
  }

  private valueOf(
    module: LoadedModule,
    { type, symbolIndex, addend }: Relocation,
  ): number | undefined {
    const kind = this.relocations.dynamicKind(type);
    if (symbolIndex === 0)
      return kind === undefined || kind === 'resolved' ? addend + module.bias : undefined;
    if (kind !== 'address') return undefined;
    const table = module.file.dynamicSymbols();
    const name = symbolIndex < table.count ? table.at(symbolIndex).name : '';
    const found = this.symbols.global(name, module);
    if (found === undefined || found === 'absent') return undefined;
    return found.kind === 'thread-local' ? undefined : found.address + addend;
  }

  private pointersOf(module: LoadedModule): ReadonlyMap<number, Relocation> {
    let known = this.pointers.get(module);
    if (known === undefined) {
      known = new Map(
        [...compactRelocations(module), ...module.file.dynamicRelocations()].map((relocation) => [
          relocation.offset,
          relocation,
        ]),
      );
      this.pointers.set(module, known);
    }
    return known;
  }
}

/** Relocations that only move an address, whose addend is in place. */
function* compactRelocations({ file }: LoadedModule): IterableIterator<Relocation> {
  const tag = (wanted: number): number =>
    file.dynamic().entries.find((entry) => entry.tag === wanted)?.value ?? 0;
  const sizeBytes = tag(DT.RELRSZ);
  if (sizeBytes === 0) return;
  const table = viewOf(file.readAtVaddr(vaddr(tag(DT.RELR)), sizeBytes));
  let next = 0;
  for (let at = 0; at + POINTER_BYTES <= sizeBytes; at += POINTER_BYTES) {
    const word = table.getBigUint64(at, true);
    if ((word & 1n) === 0n) {
      yield inPlace(file, Number(word));
      next = Number(word) + POINTER_BYTES;
      continue;
    }
    for (let bit = 1; bit < POINTER_BYTES * 8; bit++) {
      const isSet = ((word >> BigInt(bit)) & 1n) === 1n;
      if (isSet) yield inPlace(file, next + (bit - 1) * POINTER_BYTES);
    }
    next += (POINTER_BYTES * 8 - 1) * POINTER_BYTES;
  }
}

function inPlace(file: LoadedModule['file'], offset: number): Relocation {
  const addend = viewOf(file.readAtVaddr(vaddr(offset), POINTER_BYTES)).getBigInt64(0, true);
  return { offset, type: 0, symbolIndex: 0, addend: Number(addend) };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
