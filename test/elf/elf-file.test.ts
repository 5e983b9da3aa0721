import { expect, test } from 'vitest';
import { vaddr } from '../../src/core/address.js';
import { ElfFile, openElf } from '../../src/elf/elf-file.js';
import { type FileBytes, openFile } from '../../src/elf/file-bytes.js';
import { expectMalformed } from './failing.js';
import { listSymbols, readelf } from './readelf.js';
import { useSamples } from './samples.js';

const samples = useSamples();

/** This very node: tens of megabytes, with a hundred thousand symbols unless it is stripped. */
const LARGE = process.execPath;

/** A file that counts what is read of it. */
function counting(file: FileBytes & Disposable) {
  const counted = {
    sizeBytes: file.sizeBytes,
    bytesRead: 0,
    read(offset: number, lengthBytes: number): Uint8Array {
      counted.bytesRead += lengthBytes;
      return file.read(offset, lengthBytes);
    },
    [Symbol.dispose]: () => {
      file[Symbol.dispose]();
    },
  };
  return counted;
}

test('opening a large program reads its headers alone', () => {
  const file = counting(openFile(LARGE));
  using elf = new ElfFile(file, LARGE);
  expect(elf.sizeBytes).toBeGreaterThan(10_000_000);
  expect(file.bytesRead).toBeLessThan(0x10000);
  elf.buildId();
  elf.dynamic();
  elf.readAtVaddr(elf.header.entry, 16);
  // The names of what it exports, of which node has many, and little else.
  const names = elf.section('.dynstr')?.sizeBytes ?? 0;
  expect(file.bytesRead).toBeLessThan(names + 0x10000);
});

test('a large program’s symbols are those that readelf lists', (context) => {
  using elf = openElf(LARGE);
  const table = elf.section('.symtab') ? '.symtab' : '.dynsym';
  const symbols = table === '.symtab' ? elf.symbols() : elf.dynamicSymbols();
  const listed = listSymbols(LARGE, table);
  expect(symbols.count).toBe(listed.length);
  const functions = listed.filter(({ type, section }) => type === 'FUNC' && section !== 'UND');
  if (functions.length < 100) context.skip(`${LARGE} exports next to nothing`);
  const step = Math.floor(functions.length / 100);
  for (let i = 0; i < functions.length; i += step) {
    const one = functions[i];
    if (!one) continue;
    const name = one.name.replace(/@.*$/, '');
    expect(symbols.findByName(name).map(({ index }) => index)).toContain(one.index);
    expect(symbols.findAddress(vaddr(one.value)).map(({ index }) => index)).toContain(one.index);
  }
});

test('symbols are read once, however often they are asked for', () => {
  const file = counting(openFile(samples.path('pie')));
  using elf = new ElfFile(file, 'pie');
  elf.symbols();
  elf.dynamicSymbols();
  const before = file.bytesRead;
  expect(elf.symbols()).toBe(elf.symbols());
  expect(elf.dynamicSymbols()).toBe(elf.dynamicSymbols());
  expect(elf.dynamic()).toBe(elf.dynamic());
  expect(file.bytesRead).toBe(before);
});

test('disposing closes the file, and a file that is no ELF file is closed at once', () => {
  const elf = openElf(samples.path('pie'));
  elf[Symbol.dispose]();
  elf[Symbol.dispose]();
  expectMalformed(() => elf.symbols(), 'closed');
  expectMalformed(() => openElf('/etc/passwd'), 'not an ELF file');
});

test('messages name the file as the caller calls it', () => {
  using elf = openElf(samples.path('pie'), '/srv/app');
  expect(elf.what).toBe('/srv/app');
  expectMalformed(() => elf.symbols().at(1e6), '/srv/app');
});

test('agrees with readelf on the bytes of a section', () => {
  using elf = openElf(samples.path('pie'));
  const section = elf.section('.rodata');
  if (!section) throw new Error('the sample lacks .rodata');
  const dumped = readelf(samples.path('pie'), '-x', '.rodata').flatMap((line) => {
    const columns = /^ {2}0x[0-9a-f]+ (.{35})/.exec(line)?.[1] ?? '';
    return [...columns.replaceAll(' ', '').matchAll(/../g)].map(([byte]) =>
      Number.parseInt(byte, 16),
    );
  });
  expect([...elf.sectionBytes(section)]).toEqual(dumped);
});
