import { describe, expect, test } from 'vitest';
import { ET, SHN } from '../../src/elf/constants.js';
import { bytesInMemory, openFile } from '../../src/elf/file-bytes.js';
import { readHeader } from '../../src/elf/header.js';
import { expectMalformed } from './failing.js';
import { readelf, rows } from './readelf.js';
import { type SampleName, useSamples } from './samples.js';

const samples = useSamples();
const TYPES = { REL: ET.REL, EXEC: ET.EXEC, DYN: ET.DYN } as const;

function patched(name: SampleName, patch: (view: DataView) => void) {
  const bytes = samples.bytes(name);
  patch(new DataView(bytes.buffer));
  return readHeader(bytesInMemory(bytes), name);
}

test.each(['pie', 'fixed', 'static', 'shared', 'object'] as const)(
  'agrees with readelf on %s',
  (name) => {
    using file = openFile(samples.path(name));
    const header = readHeader(file, name);
    const said = new Map(
      rows(readelf(samples.path(name), '-h'), /^\s+([^:]+):\s+(\S+)/).map(
        ([key = '', value = '']) => [key, value],
      ),
    );
    expect(header).toMatchObject({
      class: 64,
      littleEndian: true,
      type: TYPES[said.get('Type') as keyof typeof TYPES],
      machine: 62,
      flags: Number(said.get('Flags')),
      entry: Number(said.get('Entry point address')),
      sectionTable: {
        offset: Number(said.get('Start of section headers')),
        count: Number(said.get('Number of section headers')),
      },
      segmentTable: { count: Number(said.get('Number of program headers')) },
      sectionNamesIndex: Number(said.get('Section header string table index')),
    });
  },
);

describe('counts that do not fit the header', () => {
  test('are taken from section 0', () => {
    const plain = patched('pie', () => undefined);
    const extended = patched('pie', (view) => {
      const first = plain.sectionTable.offset;
      view.setUint16(60, 0, true); // e_shnum
      view.setBigUint64(first + 32, BigInt(plain.sectionTable.count), true);
      view.setUint16(62, SHN.XINDEX, true); // e_shstrndx
      view.setUint32(first + 40, plain.sectionNamesIndex, true);
      view.setUint16(56, 0xffff, true); // e_phnum
      view.setUint32(first + 44, plain.segmentTable.count, true);
    });
    expect(extended).toEqual(plain);
  });

  test('are refused when the table would be longer than the file', () => {
    const count = (value: bigint) => () =>
      patched('pie', (view) => {
        const first = Number(view.getBigUint64(40, true));
        view.setUint16(60, 0, true);
        view.setBigUint64(first + 32, value, true);
      });
    expectMalformed(count(1n << 40n), 'past the end');
    expectMalformed(count((1n << 64n) - 1n), 'too large');
    expect(count(0n)().sectionTable.count).toBe(0);
  });
});

test('a file without a section table has no sections, whatever their count says', () => {
  const header = patched('pie', (view) => {
    view.setBigUint64(40, 0n, true);
  });
  expect(header).toMatchObject({ sectionTable: { count: 0 }, sectionNamesIndex: SHN.UNDEF });
});

test('a big-endian file reads alike', () => {
  const bytes = new Uint8Array(64);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 2, 1]);
  const view = new DataView(bytes.buffer);
  view.setUint16(16, ET.EXEC);
  view.setUint16(18, 21); // EM_PPC64
  view.setBigUint64(24, 0x10000100n);
  expect(readHeader(bytesInMemory(bytes), 'big')).toMatchObject({
    littleEndian: false,
    type: ET.EXEC,
    machine: 21,
    entry: 0x10000100,
  });
});

describe('refuses', () => {
  test.each([
    ['an empty file', () => readHeader(bytesInMemory(new Uint8Array(0)), 'x'), 'not an ELF file'],
    [
      'a script',
      () => readHeader(bytesInMemory(Buffer.from('#!/bin/sh\n')), 'x'),
      'not an ELF file',
    ],
    [
      'a header cut short',
      () => readHeader(bytesInMemory(samples.bytes('pie').subarray(0, 63)), 'x'),
      'needs',
    ],
    [
      'a 32-bit file',
      () =>
        patched('pie', (view) => {
          view.setUint8(4, 1);
        }),
      '64-bit',
    ],
    [
      'an unknown byte order',
      () =>
        patched('pie', (view) => {
          view.setUint8(5, 3);
        }),
      'byte order',
    ],
    [
      'an unknown version',
      () =>
        patched('pie', (view) => {
          view.setUint8(6, 2);
        }),
      'version',
    ],
    [
      'odd section entries',
      () =>
        patched('pie', (view) => {
          view.setUint16(58, 40, true);
        }),
      '40 bytes, not 64',
    ],
    [
      'odd segment entries',
      () =>
        patched('pie', (view) => {
          view.setUint16(54, 0, true);
        }),
      '0 bytes, not 56',
    ],
    [
      'a table past the end',
      () =>
        patched('pie', (view) => {
          view.setBigUint64(40, 1n << 40n, true);
        }),
      'past the end',
    ],
  ])('%s', (_, read, detail) => {
    expectMalformed(read, detail);
  });
});
