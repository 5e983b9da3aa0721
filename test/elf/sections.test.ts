import { expect, test } from 'vitest';
import { SHF, SHT } from '../../src/elf/constants.js';
import { openElf, readElf } from '../../src/elf/elf-file.js';
import { bytesInMemory } from '../../src/elf/file-bytes.js';
import { expectMalformed } from './failing.js';
import { readelf, rows } from './readelf.js';
import { useSamples } from './samples.js';

const samples = useSamples();

const TYPE_NAMES: Readonly<Record<string, number>> = {
  ...SHT,
  VERSYM: SHT.GNU_VERSYM,
  VERNEED: SHT.GNU_VERNEED,
  VERDEF: SHT.GNU_VERDEF,
  'SYMTAB SECTION INDICES': SHT.SYMTAB_SHNDX,
};

const LETTERS = [
  ['W', SHF.WRITE],
  ['A', SHF.ALLOC],
  ['X', SHF.EXECINSTR],
  ['M', SHF.MERGE],
  ['S', SHF.STRINGS],
  ['I', SHF.INFO_LINK],
  ['L', SHF.LINK_ORDER],
  ['G', SHF.GROUP],
  ['T', SHF.TLS],
  ['C', SHF.COMPRESSED],
] as const;

function listSections(path: string) {
  const line =
    /^\s*\[\s*(\d+)\]\s+(.*?)\s+([A-Z0-9_]+(?: SECTION INDICES)?)\s+([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+)\s+([A-Za-z]*)\s+(\d+)\s+(\d+)\s+(\d+)$/;
  return rows(readelf(path, '-S'), line).map(
    ([index, name, type = '', address, offset, size, entry, flags, link, info, align]) => ({
      index: Number(index),
      name: name ?? '',
      type: TYPE_NAMES[type],
      address: Number(`0x${address ?? ''}`),
      offset: Number(`0x${offset ?? ''}`),
      sizeBytes: Number(`0x${size ?? ''}`),
      entrySizeBytes: Number(`0x${entry ?? ''}`),
      flags: (flags ?? '').replace(/[^WAXMSILGTC]/g, ''),
      link: Number(link),
      info: Number(info),
      alignment: Number(align),
    }),
  );
}

test.each([
  'pie',
  'fixed',
  'static',
  'shared',
  'debug',
  'compressed',
  'object',
  'cxxObject',
] as const)('agrees with readelf on %s', (name) => {
  using elf = openElf(samples.path(name));
  const read = elf.sections.map((section) => ({
    ...section,
    flags: LETTERS.filter(([, bit]) => (section.flags & bit) !== 0)
      .map(([letter]) => letter)
      .join(''),
  }));
  expect(read).toEqual(listSections(samples.path(name)));
});

test('agrees with readelf on an object with more sections than the header can count', () => {
  const functions = Array.from(
    { length: 35_000 },
    (_, i) => `.section .text.f${i},"ax";.globl f${i};f${i}:ret`,
  );
  const data = Array.from({ length: 35_000 }, (_, i) => `.section .data.d${i},"aw";d${i}:.byte 1`);
  const path = samples.build(
    'many.s',
    `${[...functions, ...data].join('\n')}\n`,
    'gcc -c -o $out $in',
  );
  using elf = openElf(path);
  expect(elf.sections.length).toBeGreaterThan(70_000);
  const listed = listSections(path);
  expect(elf.sections.map(({ name }) => name)).toEqual(listed.map(({ name }) => name));
  const last = elf.symbols().findByName('d34999')[0];
  expect(last).toMatchObject({ home: 'section' });
  expect(elf.sections[last?.sectionIndex ?? 0]?.name).toBe('.data.d34999');
});

test('finds sections by name, and says undefined for others', () => {
  using elf = openElf(samples.path('pie'));
  expect(elf.section('.text')?.name).toBe('.text');
  expect(elf.section('.nothing')).toBeUndefined();
  expectMalformed(() => elf.sectionAt(elf.sections.length), 'no section');
});

test('refuses a section whose name is outside the name table', () => {
  const bytes = samples.bytes('pie');
  const view = new DataView(bytes.buffer);
  view.setUint32(Number(view.getBigUint64(40, true)) + 64, 0x7fffffff, true);
  expectMalformed(() => readElf(bytesInMemory(bytes), 'x'), 'section names');
});

test('a section beyond the end of the file fails when it is read, not before', () => {
  const bytes = samples.bytes('pie');
  const view = new DataView(bytes.buffer);
  view.setBigUint64(Number(view.getBigUint64(40, true)) + 64 + 24, 1n << 40n, true);
  const elf = readElf(bytesInMemory(bytes), 'x');
  expectMalformed(() => elf.sectionBytes(elf.sectionAt(1)));
  expect(elf.symbols().findByName('main')).toHaveLength(1);
});
