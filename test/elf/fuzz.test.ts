/** Damaged copies of real files: every reader answers or says `malformed-file`, and ends. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { vaddr } from '../../src/core/address.js';
import { isHcrError } from '../../src/core/failure.js';
import { EM, PT, SHT } from '../../src/elf/constants.js';
import { ElfFile, readElf } from '../../src/elf/elf-file.js';
import { bytesInMemory } from '../../src/elf/file-bytes.js';
import { ObjectFile } from '../../src/elf/object-file.js';
import type { SymbolTable } from '../../src/elf/symbols.js';
import { type SampleName, useSamples } from './samples.js';

const samples = useSamples();

const SUBJECTS = [
  'pie',
  'shared',
  'compressed',
  'gnuCompressed',
  'zstd',
  'gnuHashOnly',
  'sysvHashOnly',
  'stripped',
  'object',
  'compressedObject',
  'cxxObject',
] as const;

/** Runs one reader. Its answer, or `undefined` when it refused; any other error is the test's. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isHcrError(error, 'malformed-file')) return undefined;
    throw error;
  }
}

function askSymbols(table: SymbolTable): void {
  for (let i = 0; i < table.count; i++) {
    const symbol = attempt(() => table.at(i));
    if (symbol) attempt(() => table.fileOf(symbol));
  }
  for (let round = 0; round < 12; round++) attempt(() => table.findByName('main'));
  attempt(() => table.localsOfFile('main.c'));
  attempt(() => table.nearNames('mian', 5));
  for (const address of [0, 0x1000, 0x401000, 2 ** 47])
    attempt(() => table.findAddress(vaddr(address)));
}

function askObject(elf: ElfFile): void {
  const object = attempt(() => new ObjectFile(elf, EM.X86_64));
  if (!object) return;
  for (const section of object.sections) {
    attempt(() => object.relocationsOf(section));
    attempt(() => object.symbolsIn(section));
    object.groupOf(section);
  }
  expect(object.functionSections.length).toBeLessThanOrEqual(object.sections.length);
}

/** Asks everything there is to ask. */
function readEverything(bytes: Uint8Array): void {
  const elf = attempt(() => readElf(bytesInMemory(bytes), 'damaged'));
  if (!elf) return;
  // Bounded by the file, whatever it claims.
  expect(elf.sections.length * 64).toBeLessThanOrEqual(bytes.length);
  expect(elf.segments.length * 56).toBeLessThanOrEqual(bytes.length);
  for (const section of elf.sections) {
    attempt(() => elf.sectionBytes(section));
    attempt(() => elf.sectionRange(section, 0, section.sizeBytes));
  }
  attempt(() => elf.dynamic());
  attempt(() => elf.dynamicRelocations());
  attempt(() => elf.buildId());
  attempt(() => elf.gnuProperties());
  attempt(() => elf.vaddrOfOffset(64));
  attempt(() => elf.readAtVaddr(elf.header.entry, 64));
  for (const read of [() => elf.symbols(), () => elf.dynamicSymbols()]) {
    const table = attempt(read);
    if (table) askSymbols(table);
  }
  askObject(elf);
}

/** The half-open ranges of a file whose numbers the readers follow. */
function interestingRanges(name: SampleName): [start: number, end: number][] {
  const bytes = samples.bytes(name);
  const elf = readElf(bytesInMemory(bytes), name);
  const { sectionTable, segmentTable } = elf.header;
  const followed: ReadonlySet<number> = new Set([
    SHT.SYMTAB,
    SHT.DYNSYM,
    SHT.DYNAMIC,
    SHT.RELA,
    SHT.HASH,
    SHT.GNU_HASH,
    SHT.GNU_VERDEF,
    SHT.GNU_VERNEED,
    SHT.GNU_VERSYM,
    SHT.NOTE,
    SHT.GROUP,
    SHT.STRTAB,
  ]);
  const tables: [number, number][] = [
    [0, 64],
    [sectionTable.offset, sectionTable.offset + sectionTable.count * 64],
    [segmentTable.offset, segmentTable.offset + segmentTable.count * 56],
  ];
  const sections = elf.sections
    .filter(({ type, name: section }) => followed.has(type) || section.includes('debug'))
    .map(({ offset, sizeBytes }): [number, number] => [offset, offset + sizeBytes]);
  const dynamic = elf.segments
    .filter(({ type }) => type === PT.DYNAMIC || type === PT.NOTE)
    .map(({ offset, fileSizeBytes }): [number, number] => [offset, offset + fileSizeBytes]);
  return [...tables, ...sections, ...dynamic].filter(([start, end]) => end > start);
}

const extremeValues = (sizeBytes: number): bigint[] => [
  0n,
  1n,
  0x7fn,
  0xffn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  1n << 32n,
  (1n << 53n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
  BigInt(sizeBytes),
  BigInt(sizeBytes - 1),
  BigInt(sizeBytes) << 10n,
];

interface Overwrite {
  readonly offset: number;
  readonly widthBytes: number;
  readonly value: bigint;
}

function write(bytes: Uint8Array, { offset, widthBytes, value }: Overwrite): void {
  for (let i = 0; i < widthBytes && offset + i < bytes.length; i++) {
    bytes[offset + i] = Number((value >> BigInt(8 * i)) & 0xffn);
  }
}

describe.each(SUBJECTS)('%s', (name) => {
  test('survives flipped bytes anywhere', () => {
    const original = samples.bytes(name);
    const flip = fc.tuple(fc.nat(original.length - 1), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(fc.array(flip, { minLength: 1, maxLength: 200 }), (flips) => {
        const bytes = original.slice();
        for (const [at, bits] of flips) bytes[at] = (bytes[at] ?? 0) ^ bits;
        readEverything(bytes);
      }),
      { numRuns: 60 },
    );
  });

  test('survives being cut short', () => {
    const original = samples.bytes(name);
    fc.assert(
      fc.property(fc.nat(original.length), (length) => {
        readEverything(original.slice(0, length));
      }),
      { numRuns: 60 },
    );
  });

  test('survives extreme numbers where it follows them', () => {
    const original = samples.bytes(name);
    const ranges = interestingRanges(name);
    const overwrite: fc.Arbitrary<Overwrite> = fc
      .record({
        range: fc.constantFrom(...ranges),
        within: fc.nat(),
        widthBytes: fc.constantFrom(1, 2, 4, 8),
        value: fc.constantFrom(...extremeValues(original.length)),
      })
      .map(({ range: [start, end], within, widthBytes, value }) => ({
        // Fields are aligned to their size, and damage that hits one whole goes furthest.
        offset: start + Math.floor((within % (end - start)) / widthBytes) * widthBytes,
        widthBytes,
        value,
      }));
    fc.assert(
      fc.property(fc.array(overwrite, { minLength: 1, maxLength: 6 }), (overwrites) => {
        const bytes = original.slice();
        for (const one of overwrites) write(bytes, one);
        readEverything(bytes);
      }),
      { numRuns: 250 },
    );
  });
});
