/** ELF executables and shared objects: everything that is asked of a module. */
import { vaddr } from '../../src/core/address.js';
import {
  readDebugLink,
  readSupplementaryLink,
  supplementaryId,
} from '../../src/elf/debug-links.js';
import { type ElfFile, readElf } from '../../src/elf/elf-file.js';
import { exportsName } from '../../src/elf/exported-names.js';
import { bytesInMemory } from '../../src/elf/file-bytes.js';
import type { SymbolTable } from '../../src/elf/symbols.js';
import { mutateElf } from '../mutate-elf.js';
import { type Target, attempt } from '../target.js';
import { named } from './seed-choice.js';

const ADDRESSES = [0, 0x1000, 0x1010, 0x401000, 0x401020, 2 ** 47].map(vaddr);

function askSymbols(table: SymbolTable): void {
  for (let i = 0; i < table.count; i++) {
    const symbol = attempt(() => table.at(i));
    if (symbol !== undefined) attempt(() => table.fileOf(symbol));
  }
  for (let round = 0; round < 12; round++) attempt(() => table.findByName('twice'));
  attempt(() => table.localsOfFile('main.c'));
  attempt(() => table.nearNames('twcie', 5));
  for (const address of ADDRESSES) attempt(() => table.findAddress(address));
}

export function askElf(elf: ElfFile): void {
  for (const section of elf.sections) {
    attempt(() => elf.sectionBytes(section));
    attempt(() => elf.sectionRange(section, 0, Math.min(16, section.sizeBytes)));
  }
  for (const ask of [
    () => elf.dynamic(),
    () => elf.dynamicRelocations(),
    () => elf.buildId(),
    () => elf.gnuProperties(),
    () => elf.vaddrOfOffset(64),
    () => elf.readAtVaddr(elf.header.entry, 64),
    () => elf.crc32(),
    () => readDebugLink(elf),
    () => readSupplementaryLink(elf),
    () => supplementaryId(elf),
    () => exportsName(elf, 'twice'),
    () => exportsName(elf, 'no_such_name'),
  ]) {
    attempt<unknown>(ask);
  }
  for (const address of ADDRESSES) attempt(() => elf.offsetOfVaddr(address));
  for (const read of [() => elf.symbols(), () => elf.dynamicSymbols()]) {
    const table = attempt(read);
    if (table !== undefined) askSymbols(table);
  }
}

export const elf: Target = {
  name: 'elf',
  seeds: (all) => named(all, 'pie', 'shared', 'gnuHash', 'sysvHash', 'stripped', 'fixed', 'linked'),
  mutate: mutateElf,
  run: (input) => {
    askElf(readElf(bytesInMemory(input), 'damaged'));
  },
};
