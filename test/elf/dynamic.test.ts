import { describe, expect, test } from 'vitest';
import { DF, DF_1, DT } from '../../src/elf/constants.js';
import { openElf, readElf } from '../../src/elf/elf-file.js';
import { bytesInMemory } from '../../src/elf/file-bytes.js';
import { expectMalformed } from './failing.js';
import { readelf, rows } from './readelf.js';
import { type SampleName, useSamples } from './samples.js';

const samples = useSamples();

/** The sample as `sstrip` would leave it. */
function withoutSectionHeaders(name: SampleName) {
  const bytes = samples.bytes(name);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(40, 0n, true); // e_shoff
  view.setUint32(60, 0, true); // e_shnum, e_shstrndx
  return readElf(bytesInMemory(bytes), name);
}

test.each(['pie', 'fixed', 'shared'] as const)('agrees with readelf on %s', (name) => {
  using elf = openElf(samples.path(name));
  const lines = readelf(samples.path(name), '-d');
  const listed = rows(lines, /^ 0x([0-9a-f]+) \(/).map(([tag = '']) => Number(`0x${tag}`));
  const { entries, needed, soname } = elf.dynamic();
  expect(entries.map(({ tag }) => tag)).toEqual(listed.filter((tag) => tag !== DT.NULL));
  expect(needed).toEqual(rows(lines, /\(NEEDED\).*\[(.*)\]/).flat());
  expect(soname).toBe(rows(lines, /\(SONAME\).*\[(.*)\]/)[0]?.[0]);
});

test('tells executables, libraries and their binding apart', () => {
  using pie = openElf(samples.path('pie'));
  using shared = openElf(samples.path('shared'));
  expect(pie.dynamic()).toMatchObject({ isPie: true, soname: undefined, needed: ['libc.so.6'] });
  expect(shared.dynamic()).toMatchObject({
    isPie: false,
    bindsNow: true,
    soname: 'libsample.so.1',
  });
  expect(shared.dynamic().flags & DF.BIND_NOW).not.toBe(0);
  expect(shared.dynamic().flags1 & DF_1.NOW).not.toBe(0);
});

test('a static program and an object have nothing dynamic', () => {
  for (const name of ['static', 'object'] as const) {
    using elf = openElf(samples.path(name));
    expect(elf.dynamic()).toMatchObject({ entries: [], needed: [], relocationTable: undefined });
    expect(elf.dynamicSymbols().count).toBe(0);
  }
});

test('a static program relocates itself by its own table, an object not at all', () => {
  const offsetsOf = (name: 'static' | 'object'): string[] => {
    using elf = openElf(samples.path(name));
    return elf.dynamicRelocations().map(({ offset }) => offset.toString(16).padStart(16, '0'));
  };
  const listed = readelf(samples.path('static'), '-r');
  const irelative = listed.flatMap((line) => {
    const [, at] = /^([0-9a-f]+) .* R_X86_64_IRELATIV/.exec(line) ?? [];
    return at === undefined ? [] : [at.padStart(16, '0')];
  });
  expect(irelative.length).toBeGreaterThan(5);
  expect(offsetsOf('static')).toEqual(irelative);
  expect(offsetsOf('object')).toEqual([]);
});

test.each(['pie', 'fixed', 'shared'] as const)(
  'agrees with readelf on the relocations of %s',
  (name) => {
    using elf = openElf(samples.path(name));
    const listed = rows(
      readelf(samples.path(name), '-r'),
      /^([0-9a-f]{16}) {2}([0-9a-f]{8})([0-9a-f]{8}) R_\S+\s+(?:[0-9a-f]{16} \S+ ([+-]) )?([0-9a-f]+)$/,
    ).map(([offset, symbol, type, sign, addend]) => ({
      offset: Number(`0x${offset ?? ''}`),
      type: Number(`0x${type ?? ''}`),
      symbolIndex: Number(`0x${symbol ?? ''}`),
      addend: (sign === '-' ? -1 : 1) * Number(`0x${addend ?? ''}`),
    }));
    expect(listed.length).toBeGreaterThan(3);
    expect(elf.dynamicRelocations()).toEqual(listed);
  },
);

describe('without section headers', () => {
  test.each(['pie', 'shared', 'gnuHashOnly', 'sysvHashOnly'] as const)(
    '%s has the same dynamic symbols',
    (name) => {
      using whole = openElf(samples.path(name));
      const elf = withoutSectionHeaders(name);
      const section = whole.section('.dynsym');
      expect(elf.dynamicSymbols().count).toBe((section?.sizeBytes ?? 0) / 24);
      expect([...elf.dynamicSymbols()]).toEqual([...whole.dynamicSymbols()]);
      expect(elf.dynamic()).toEqual(whole.dynamic());
      expect(elf.dynamicRelocations()).toEqual(whole.dynamicRelocations());
      expect(elf.symbols().count).toBe(0);
    },
  );
});

describe('refuses', () => {
  /** The sample with the value of one dynamic entry replaced. */
  function damaged(name: SampleName, tag: number, value: bigint) {
    const bytes = samples.bytes(name);
    const section = readElf(bytesInMemory(bytes), name).section('.dynamic');
    if (!section) throw new Error('the sample has no dynamic section');
    const view = new DataView(bytes.buffer);
    for (let at = section.offset; at < section.offset + section.sizeBytes; at += 16) {
      if (view.getBigUint64(at, true) === BigInt(tag)) view.setBigUint64(at + 8, value, true);
    }
    return readElf(bytesInMemory(bytes), name);
  }

  const extremes = [0xffffffffn, 1n << 40n, (1n << 53n) + 2n, (1n << 64n) - 1n];

  test.each(extremes)('a table of symbols, strings or relocations at or of %d', (value) => {
    expectMalformed(() => damaged('pie', DT.STRTAB, value).dynamic());
    expectMalformed(() => damaged('pie', DT.STRSZ, value).dynamic());
    expectMalformed(() => damaged('pie', DT.NEEDED, value).dynamic());
    expectMalformed(() => damaged('pie', DT.SYMTAB, value).dynamicSymbols());
    expectMalformed(() => damaged('pie', DT.RELA, value).dynamicRelocations());
    expectMalformed(() => damaged('pie', DT.RELASZ, value).dynamicRelocations());
    expectMalformed(() => damaged('pie', DT.PLTRELSZ, value).dynamicRelocations());
  });

  test.each(extremes)('a hash or version table at %d', (value) => {
    expectMalformed(() => damaged('gnuHashOnly', DT.GNU_HASH, value).dynamicSymbols());
    expectMalformed(() => damaged('sysvHashOnly', DT.HASH, value).dynamicSymbols());
    expectMalformed(() => damaged('pie', DT.VERNEED, value).dynamicSymbols());
    expectMalformed(() => damaged('pie', DT.VERSYM, value).dynamicSymbols());
  });
});
