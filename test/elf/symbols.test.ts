import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { vaddr } from '../../src/core/address.js';
import { SHN, SHT, STB, STT, STV } from '../../src/elf/constants.js';
import { openElf } from '../../src/elf/elf-file.js';
import type { Section } from '../../src/elf/sections.js';
import { StringTable } from '../../src/elf/string-table.js';
import { type ElfSymbol, SymbolTable } from '../../src/elf/symbols.js';
import { expectMalformed } from './failing.js';
import { type ListedSymbol, listSymbols } from './readelf.js';
import { useSamples } from './samples.js';

const samples = useSamples();
const LIBC = libcPath();

function libcPath(): string {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  const path = /(\/\S*\/libc\.so\.6)$/m.exec(maps)?.[1];
  if (path === undefined) throw new Error('this process has no libc.so.6');
  return path;
}

const nameOf = (constants: Readonly<Record<string, number>>, value: number): string =>
  Object.keys(constants).find((key) => constants[key] === value) ?? String(value);

const BINDINGS = { LOCAL: STB.LOCAL, GLOBAL: STB.GLOBAL, WEAK: STB.WEAK, UNIQUE: STB.GNU_UNIQUE };
const TYPES = { ...STT, IFUNC: STT.GNU_IFUNC };
const SECTIONS = { UND: SHN.UNDEF, ABS: SHN.ABS, COM: SHN.COMMON };

/** A symbol in readelf's words. */
function describeSymbol(symbol: ElfSymbol, sections: readonly Section[]): ListedSymbol {
  const type = symbol.type === STT.GNU_IFUNC ? 'IFUNC' : nameOf(TYPES, symbol.type);
  // A copy of a library's variable (`stdout`) is what references bind to, but its version is one
  // that this file needs, and for those readelf writes a single @.
  const definesVersions = sections.some(({ type }) => type === SHT.GNU_VERDEF);
  const at = symbol.isDefaultVersion && definesVersions ? '@@' : '@';
  // It leaves the version out of the symbols that stand for the versions themselves.
  const isPlain = symbol.version === undefined || symbol.version === symbol.name;
  const version = isPlain ? '' : `${at}${symbol.version}`;
  // readelf prints the section's name for section symbols, which have none of their own.
  const name =
    symbol.name || (symbol.type === STT.SECTION ? (sections[symbol.sectionIndex]?.name ?? '') : '');
  return {
    index: symbol.index,
    value: symbol.value,
    sizeBytes: symbol.sizeBytes,
    type,
    binding: nameOf(BINDINGS, symbol.binding),
    visibility: nameOf(STV, symbol.visibility),
    section:
      symbol.home === 'section'
        ? String(symbol.sectionIndex)
        : nameOf(SECTIONS, symbol.sectionIndex),
    name: `${name}${version}`,
  };
}

function compareWithReadelf(path: string, table: '.symtab' | '.dynsym'): void {
  using elf = openElf(path);
  const symbols = table === '.symtab' ? elf.symbols() : elf.dynamicSymbols();
  const listed = listSymbols(path, table);
  expect(symbols.count).toBe(listed.length);
  const read = [...symbols].map((symbol) => describeSymbol(symbol, elf.sections));
  expect(read).toEqual(listed.slice(1));
}

describe('agrees with readelf', () => {
  test.each(['pie', 'fixed', 'static', 'shared', 'object', 'cxxObject'] as const)(
    'on .symtab of %s',
    (name) => {
      compareWithReadelf(samples.path(name), '.symtab');
    },
  );
  test.each(['pie', 'shared', 'stripped'] as const)('on .dynsym of %s', (name) => {
    compareWithReadelf(samples.path(name), '.dynsym');
  });
  test('on .dynsym of libc, with its versions', () => {
    compareWithReadelf(LIBC, '.dynsym');
  });
});

test('libc’s memcpy has an old and a default version', () => {
  using libc = openElf(LIBC);
  const versions = libc.dynamicSymbols().findByName('memcpy');
  expect(versions.map(({ version, isDefaultVersion }) => ({ version, isDefaultVersion }))).toEqual(
    expect.arrayContaining([
      { version: 'GLIBC_2.14', isDefaultVersion: true },
      { version: 'GLIBC_2.2.5', isDefaultVersion: false },
    ]),
  );
});

test('a reference is no default version of anything', () => {
  using elf = openElf(samples.path('pie'));
  expect(elf.dynamicSymbols().findByName('fflush')).toMatchObject([
    { isDefined: false, version: 'GLIBC_2.2.5', isDefaultVersion: false },
  ]);
});

test('a stripped program has an empty table', () => {
  using elf = openElf(samples.path('stripped'));
  expect(elf.symbols().count).toBe(0);
  expect([...elf.symbols()]).toEqual([]);
  expect(elf.symbols().findByName('main')).toEqual([]);
  expect(elf.symbols().nearNames('main', 3)).toEqual([]);
});

test('finds every name of a program, by search and by hash', () => {
  using elf = openElf(samples.path('static'));
  const symbols = elf.symbols();
  const byName = new Map<string, ElfSymbol[]>();
  for (const symbol of symbols) {
    if (symbol.name === '') continue;
    byName.set(symbol.name, [...(byName.get(symbol.name) ?? []), symbol]);
  }
  expect(byName.size).toBeGreaterThan(1000);
  for (const [name, expected] of byName) expect(symbols.findByName(name)).toEqual(expected);
  const few = [...byName].slice(0, 5);
  using again = openElf(samples.path('static'));
  for (const [name, expected] of few) expect(again.symbols().findByName(name)).toEqual(expected);
});

test('finds nothing for unknown names, parts of names and the empty one', () => {
  using elf = openElf(samples.path('pie'));
  for (let round = 0; round < 10; round++) {
    for (const name of ['no_such_name', 'mai', '', 'main\0']) {
      expect(elf.symbols().findByName(name)).toEqual([]);
    }
  }
});

test('an address belongs to exactly the symbols whose range holds it', () => {
  using elf = openElf(samples.path('static'));
  const symbols = elf.symbols();
  const placed = [...symbols].filter(
    ({ home, type, sizeBytes }) =>
      home === 'section' && type !== STT.TLS && type !== STT.SECTION && sizeBytes > 0,
  );
  const probes = placed
    .slice(0, 300)
    .flatMap(({ value, sizeBytes }) => [value, value + sizeBytes - 1, value + sizeBytes]);
  for (const address of probes) {
    const expected = placed.filter(
      ({ value, sizeBytes }) => value <= address && address < value + sizeBytes,
    );
    const found = symbols.findAddress(vaddr(address));
    expect(new Set(found.map(({ index }) => index))).toEqual(
      new Set(expected.map(({ index }) => index)),
    );
    expect(found.map(({ value }) => value)).toEqual(
      found.map(({ value }) => value).toSorted((a, b) => b - a),
    );
  }
});

describe('translation units', () => {
  test('a local symbol belongs to the source that the FILE symbol before it names', () => {
    using elf = openElf(samples.path('pie'));
    const symbols = elf.symbols();
    const fileOf = (name: string) =>
      symbols.findByName(name).map((symbol) => symbols.fileOf(symbol));
    expect(fileOf('twice')).toEqual(['main.c']);
    expect(fileOf('helper_only')).toEqual(['helper.c']);
    expect(fileOf('counter').sort()).toEqual(['helper.c', 'main.c']);
    expect(fileOf('main')).toEqual([undefined]);
    expect(fileOf('_DYNAMIC')).toEqual([undefined]);
  });

  test('two sources of the same basename make two groups', () => {
    const source = (name: string) =>
      `static __attribute__((noinline, used)) int inner_${name}(int x) { return x + 1; }\nint outer_${name}(int x) { return inner_${name}(x); }\n`;
    mkdirSync(samples.scratch('other'));
    writeFileSync(samples.scratch('other/same.c'), source('b'));
    const path = samples.build(
      'same.c',
      source('a'),
      'gcc -O0 -shared -fPIC -o $out $in other/same.c',
    );
    using elf = openElf(path);
    const groups = elf.symbols().localsOfFile('same.c');
    const functions = groups.map(({ symbols }) =>
      symbols.filter(({ type }) => type === STT.FUNC).map(({ name }) => name),
    );
    expect(functions).toEqual([['inner_a'], ['inner_b']]);
  });

  test('has no groups for other files', () => {
    using elf = openElf(samples.path('pie'));
    expect(elf.symbols().localsOfFile('other.c')).toEqual([]);
    expect(elf.symbols().localsOfFile('')).toEqual([]);
    const [group] = elf.symbols().localsOfFile('/somewhere/main.c');
    expect(group?.file).toBe('main.c');
    expect(group?.symbols.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['twice', 'counter', 'calls.0']),
    );
  });
});

test('suggests functions of similar names', () => {
  using elf = openElf(samples.path('pie'));
  expect(elf.symbols().nearNames('twcie', 3)).toContain('twice');
  expect(elf.symbols().nearNames('f11', 3)).toContain('f1');
});

describe('refuses', () => {
  const table = (bytes: Uint8Array) =>
    new SymbolTable({
      bytes,
      strings: new StringTable(Buffer.from('\0a\0'), 'x'),
      littleEndian: true,
      what: 'x',
    });

  test('a table that is no whole number of entries', () => {
    expectMalformed(() => table(new Uint8Array(25)), 'no table');
  });
  test('indices outside the table', () => {
    expectMalformed(() => table(new Uint8Array(24)).at(1), 'no symbol 1');
    expectMalformed(() => table(new Uint8Array(24)).at(-1), 'no symbol');
    expectMalformed(() => table(new Uint8Array(24)).at(0.5), 'no symbol');
  });
  test('a name outside the string table, but still finds the others', () => {
    const bytes = new Uint8Array(72);
    const view = new DataView(bytes.buffer);
    view.setUint32(24, 0xfffffff0, true);
    view.setUint32(48, 1, true);
    expectMalformed(() => [...table(bytes)], 'a string starts at');
    const damaged = table(bytes);
    for (let i = 0; i < 20; i++) expect(damaged.findByName('a')).toMatchObject([{ index: 2 }]);
  });
  test('an extended section index without its table', () => {
    const bytes = new Uint8Array(24);
    new DataView(bytes.buffer).setUint16(6, SHN.XINDEX, true);
    expectMalformed(() => table(bytes).at(0), 'extended section index');
  });
});

test('an absolute symbol may have any 64-bit value', () => {
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setUint16(6, SHN.ABS, true);
  view.setBigUint64(8, 0xffffffffffffffffn, true);
  const strings = new StringTable(new Uint8Array(1), 'x');
  const symbol = new SymbolTable({ bytes, strings, littleEndian: true, what: 'x' }).at(0);
  expect(symbol).toMatchObject({ home: 'absolute', isDefined: true, value: 2 ** 64 });
});
