import { expect, test } from 'vitest';
import { keptStrings } from '../../src/elf/kept-strings.js';
import { StringTable } from '../../src/elf/string-table.js';
import { expectMalformed } from './failing.js';

const table = new StringTable(Buffer.from('\0main\0domain\0f\0grüße\0', 'utf8'), 'x');

test('reads whole strings, tails of strings and the empty one', () => {
  expect([0, 1, 3, 6, 15].map((offset) => table.at(offset))).toEqual([
    '',
    'main',
    'in',
    'domain',
    'grüße',
  ]);
});

test('finds a string wherever it ends another', () => {
  expect(table.offsetsOf('main')).toEqual([1, 8]);
  expect(table.offsetsOf('mai')).toEqual([]);
  expect(table.offsetsOf('grüße')).toEqual([15]);
});

test('equal strings have equal hashes and match, others do not match', () => {
  const wanted = table.wanted('main');
  expect([table.hashAt(1), table.hashAt(8)]).toEqual([wanted.hash, wanted.hash]);
  expect([1, 8, 6, 2, 1000].map((offset) => table.matches(offset, wanted))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test('refuses strings outside the table and strings without end', () => {
  expectMalformed(() => table.at(1000), 'starts at 1000');
  expectMalformed(() => new StringTable(Buffer.from('\0abc'), 'x').at(1), 'does not end');
  expect(new StringTable(new Uint8Array(0), 'x').at(0)).toBe('');
  expectMalformed(() => new StringTable(new Uint8Array(0), 'x').at(1));
});

test('reads a name of any length, again and again', () => {
  const long = 'x'.repeat(100_000);
  const strings = new StringTable(Buffer.from(`\0${long}\0`), 'x');
  for (let i = 0; i < 50; i++) expect(strings.at(1)).toBe(long);
});

test('refuses to decode one endless string from each of its bytes', () => {
  const strings = new StringTable(Buffer.from(`${'x'.repeat(1_000_000)}\0`), 'x');
  expectMalformed(() => {
    for (let offset = 0; offset < 900_000; offset++) strings.at(offset);
  }, 'does not end');
});

test('refuses to keep more characters than an honest table has', () => {
  const strings = new StringTable(Buffer.from(`${'x'.repeat(1000)}\0`), 'x');
  const keep = keptStrings(strings, 'x');
  expect(keep(1)).toBe(keep(1));
  expectMalformed(() => {
    for (let offset = 0; offset < 1000; offset++) keep(offset);
  }, 'overlap');
});
