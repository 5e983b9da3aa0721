import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { vaddr } from '../../src/core/address.js';
import { ELFCOMPRESS, SHF, SHT } from '../../src/elf/constants.js';
import { openElf } from '../../src/elf/elf-file.js';
import { bytesInMemory } from '../../src/elf/file-bytes.js';
import { isCompressed, readSectionBytes, readSectionRange } from '../../src/elf/section-content.js';
import type { Section } from '../../src/elf/sections.js';
import { expectMalformed } from './failing.js';
import { useSamples } from './samples.js';
import { workedMs } from '../support/worked-ms.js';

const samples = useSamples();
const DEBUG_SECTIONS = ['.debug_info', '.debug_abbrev', '.debug_line', '.debug_str'];

/** The section as objcopy writes it into a file of its own, inflated. */
function dumpSection(path: string, name: string): Uint8Array {
  const inflated = samples.scratch('inflated.elf');
  const out = samples.scratch('section.bin');
  execFileSync('objcopy', ['--decompress-debug-sections', path, inflated]);
  execFileSync('objcopy', [
    '-O',
    'binary',
    '--only-section',
    name,
    '--set-section-flags',
    `${name}=alloc`,
    inflated,
    out,
  ]);
  return readFileSync(out);
}

test.each([
  'debug',
  'compressed',
  'zstd',
  'gnuCompressed',
  'compressedObject',
  'zstdObject',
] as const)('debug sections of %s have the bytes that objcopy extracts', (name) => {
  using elf = openElf(samples.path(name));
  for (const sectionName of DEBUG_SECTIONS) {
    const section = elf.section(sectionName);
    if (!section) throw new Error(`the sample lacks ${sectionName}`);
    const bytes = elf.sectionBytes(section);
    if (!name.endsWith('Object')) {
      expect(Buffer.compare(bytes, dumpSection(samples.path(name), sectionName)), sectionName).toBe(
        0,
      );
    }
    const part = elf.sectionRange(section, 3, 10);
    expect([...part]).toEqual([...bytes.subarray(3, 13)]);
    expectMalformed(() => elf.sectionRange(section, bytes.length - 1, 2));
    expectMalformed(() => elf.sectionRange(section, -1, 2));
  }
  expect(isCompressed(elf.section('.debug_info') as Section)).toBe(name !== 'debug');
});

test('NOBITS has a size but no bytes', () => {
  using elf = openElf(samples.path('pie'));
  const bss = elf.section('.bss') as Section;
  expect(bss.sizeBytes).toBeGreaterThan(0);
  expect(elf.sectionBytes(bss)).toHaveLength(0);
  expectMalformed(() => elf.sectionRange(bss, 0, 1));
});

function compressedSection(
  header: { type?: number; sizeBytes: bigint },
  deflated: Uint8Array,
): () => Uint8Array {
  const bytes = new Uint8Array(24 + deflated.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, header.type ?? ELFCOMPRESS.ZLIB, true);
  view.setBigUint64(8, header.sizeBytes, true);
  bytes.set(deflated, 24);
  const section: Section = {
    index: 1,
    name: '.debug_info',
    type: SHT.PROGBITS,
    flags: SHF.COMPRESSED,
    address: vaddr(0),
    offset: 0,
    sizeBytes: bytes.length,
    link: 0,
    info: 0,
    alignment: 1,
    entrySizeBytes: 0,
  };
  return () => readSectionBytes(bytesInMemory(bytes), section, true, 'x');
}

test('refuses to inflate to more or less than the header says', () => {
  const thousand = deflateSync(new Uint8Array(1000));
  expect(compressedSection({ sizeBytes: 1000n }, thousand)()).toEqual(new Uint8Array(1000));
  expectMalformed(compressedSection({ sizeBytes: 999n }, thousand), 'cannot be inflated');
  expectMalformed(compressedSection({ sizeBytes: 1001n }, thousand), 'inflates to 1000');
  expectMalformed(compressedSection({ sizeBytes: 1n << 50n }, thousand), 'cannot be inflated');
  expectMalformed(compressedSection({ sizeBytes: (1n << 64n) - 1n }, thousand), 'too large');
});

test('a bomb ends at the size its header admits', () => {
  const bomb = deflateSync(new Uint8Array(0x4000000));
  expectMalformed(compressedSection({ sizeBytes: 4096n }, bomb), 'cannot be inflated');
});

test('refuses damaged, cut and unknown compression', () => {
  const deflated = deflateSync(Buffer.from('some debug information'));
  expectMalformed(
    compressedSection({ sizeBytes: 22n }, deflated.subarray(0, 8)),
    'cannot be inflated',
  );
  expectMalformed(compressedSection({ sizeBytes: 22n }, new Uint8Array(22)), 'cannot be inflated');
  expectMalformed(
    compressedSection({ sizeBytes: 22n, type: ELFCOMPRESS.ZSTD }, deflated),
    'Zstandard',
  );
  expectMalformed(compressedSection({ sizeBytes: 22n, type: 77 }, deflated), 'unknown way');
});

/** A Zstandard frame of one block. */
function zstdFrame(contentBytes: number, block: readonly number[], type: 0 | 1 | 2): Uint8Array {
  const head = (block.length << 3) | (type << 1) | 1;
  const frame = Buffer.alloc(12 + block.length);
  frame.writeUInt32LE(0xfd2fb528, 0);
  // A single segment, its size in four bytes.
  frame[4] = 0xa0;
  frame.writeUInt32LE(contentBytes, 5);
  frame.writeUIntLE(head, 9, 3);
  frame.set(block, 12);
  return frame;
}

const { ZSTD } = ELFCOMPRESS;

test('refuses what is cut off or promises another size in Zstandard', () => {
  const raw = zstdFrame(4, [1, 2, 3, 4], 0);
  const read = (sizeBytes: bigint, bytes = raw) =>
    compressedSection({ sizeBytes, type: ZSTD }, bytes);
  expect([...read(4n)()]).toEqual([1, 2, 3, 4]);
  expectMalformed(read(5n), 'inflates to 4 bytes, not to 5');
  expectMalformed(read(1n << 40n), 'cannot be inflated');
  expectMalformed(read(4n, raw.subarray(0, 14)), 'cannot be inflated');
  expectMalformed(read(4n, raw.subarray(0, 7)), 'needs');
});

test('a few bytes that would keep the library busy for hours end in seconds', () => {
  // No literals, 98046 sequences, each with the longest match there is.
  const block = [0, 255, 0xff, 0xff, 0b0101_0100, 0, 2, 52, 0, 0, 0, 0, 1];
  const frame = zstdFrame(0x10_0000, block, 2);
  const started = workedMs();
  expectMalformed(compressedSection({ sizeBytes: 0x10_0000n, type: ZSTD }, frame), 'inflated');
  expect(workedMs() - started).toBeLessThan(20_000);
});

test('an old compressed section without its header is refused', () => {
  const section = { name: '.zdebug_info', type: SHT.PROGBITS, flags: 0, offset: 0, sizeBytes: 16 };
  const read = () =>
    readSectionRange(
      bytesInMemory(new Uint8Array(16)),
      section as Section,
      { offset: 0, lengthBytes: 1 },
      true,
      'x',
    );
  expectMalformed(read, 'no ZLIB header');
});
