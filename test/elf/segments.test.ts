import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { vaddr } from '../../src/core/address.js';
import { PF, PT, SHF, SHT } from '../../src/elf/constants.js';
import { openElf, readElf } from '../../src/elf/elf-file.js';
import { bytesInMemory } from '../../src/elf/file-bytes.js';
import { expectMalformed } from './failing.js';
import { readelf, rows } from './readelf.js';
import { useSamples } from './samples.js';

const samples = useSamples();

test.each(['pie', 'fixed', 'static', 'shared'] as const)('agrees with readelf on %s', (name) => {
  using elf = openElf(samples.path(name));
  const listed = rows(
    readelf(samples.path(name), '-l'),
    /^ {2}([A-Z_]+)\s+0x(\w+) 0x(\w+) 0x\w+ 0x(\w+) 0x(\w+) ([R ][W ][E ]) 0x(\w+)/,
  ).map(([type = '', ...numbers], index) => ({
    index,
    type: (PT as Readonly<Record<string, number>>)[type],
    flags:
      (numbers[4]?.includes('R') ? PF.R : 0) |
      (numbers[4]?.includes('W') ? PF.W : 0) |
      (numbers[4]?.includes('E') ? PF.X : 0),
    offset: Number(`0x${numbers[0] ?? ''}`),
    address: Number(`0x${numbers[1] ?? ''}`),
    fileSizeBytes: Number(`0x${numbers[2] ?? ''}`),
    memorySizeBytes: Number(`0x${numbers[3] ?? ''}`),
    alignment: Number(`0x${numbers[5] ?? ''}`),
  }));
  expect(listed.length).toBeGreaterThan(4);
  expect(elf.segments).toEqual(listed);
});

test('an address reads the bytes of the section that is loaded there', () => {
  for (const name of ['pie', 'fixed', 'shared'] as const) {
    using elf = openElf(samples.path(name));
    for (const section of elf.sections) {
      if ((section.flags & SHF.ALLOC) === 0 || (section.flags & SHF.TLS) !== 0) continue;
      const bytes = elf.readAtVaddr(section.address, section.sizeBytes);
      const expected =
        section.type === SHT.NOBITS ? new Uint8Array(section.sizeBytes) : elf.sectionBytes(section);
      expect(Buffer.compare(bytes, expected), `${name} ${section.name}`).toBe(0);
    }
  }
});

test('a range that starts in .data and ends in .bss is bytes, then zeros', () => {
  using elf = openElf(samples.path('pie'));
  const bss = elf.section('.bss');
  const data = elf.section('.data');
  if (!bss || !data) throw new Error('the sample lacks .data or .bss');
  const bytes = elf.readAtVaddr(data.address, bss.address - data.address + 16);
  expect([...bytes.subarray(0, data.sizeBytes)]).toEqual([...elf.sectionBytes(data)]);
  expect([...bytes.subarray(-16)]).toEqual(new Array(16).fill(0));
});

test('offsets and addresses lead to each other', () => {
  using elf = openElf(samples.path('pie'));
  const text = elf.section('.text');
  if (!text) throw new Error('the sample lacks .text');
  expect(elf.vaddrOfOffset(text.offset + 5)).toBe(text.address + 5);
  expect(elf.offsetOfVaddr(vaddr(text.address + 5))).toBe(text.offset + 5);
  const bss = elf.section('.bss');
  expect(elf.offsetOfVaddr(vaddr((bss?.address ?? 0) + 64))).toBeUndefined();
  expect(elf.vaddrOfOffset(elf.sizeBytes + 1)).toBeUndefined();
});

test('refuses what no single segment loads, and sizes the file does not back', () => {
  using elf = openElf(samples.path('pie'));
  const last = elf.segments.filter(({ type }) => type === PT.LOAD).at(-1);
  if (!last) throw new Error('the sample loads nothing');
  const end = last.address + last.memorySizeBytes;
  expect(elf.readAtVaddr(vaddr(end - 4), 4)).toHaveLength(4);
  expectMalformed(() => elf.readAtVaddr(vaddr(end - 4), 5), 'nothing loads');
  expectMalformed(() => elf.readAtVaddr(vaddr(end), 1), 'nothing loads');
  expectMalformed(() => elf.readAtVaddr(vaddr(0), -1), 'nothing loads');
});

test('a segment that claims terabytes of zeros cannot make a reader allocate them', () => {
  const bytes = samples.bytes('pie');
  const view = new DataView(bytes.buffer);
  const elf = readElf(bytesInMemory(bytes), 'x');
  const last = elf.segments.filter(({ type }) => type === PT.LOAD).at(-1);
  if (!last) throw new Error('the sample loads nothing');
  view.setBigUint64(elf.header.segmentTable.offset + last.index * 56 + 40, 1n << 45n, true);
  const damaged = readElf(bytesInMemory(bytes), 'x');
  expectMalformed(() => damaged.readAtVaddr(last.address, 2 ** 44), 'too many');
});

test('a file of debug information alone has sections and symbols but nothing dynamic', () => {
  const path = samples.scratch('only.debug');
  execFileSync('objcopy', ['--only-keep-debug', samples.path('debug'), path]);
  using elf = openElf(path);
  expect(elf.dynamic().entries).toEqual([]);
  expect(elf.dynamicSymbols().count).toBe(0);
  expect(elf.symbols().findByName('f1')).toHaveLength(1);
  const info = elf.section('.debug_info');
  expect(info && elf.sectionBytes(info).length).toBe(info?.sizeBytes);
  using whole = openElf(samples.path('debug'));
  expect(elf.buildId()).toBe(whole.buildId());
  expect(readFileSync(path).length).toBe(elf.sizeBytes);
});
