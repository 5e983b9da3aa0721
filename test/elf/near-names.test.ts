import { expect, test } from 'vitest';
import { nearNames } from '../../src/elf/near-names.js';

const NAMES = [
  'parse_line',
  'parse_lines',
  'print_line',
  'main',
  'Main',
  '_ZN3app5startEv',
  'x',
  '',
];

test.each([
  ['parse_lien', ['parse_line', 'parse_lines']],
  ['parseline', ['parse_line', 'parse_lines']],
  ['mian', ['Main', 'main']],
  ['MAIN', ['Main', 'main']],
  ['start', ['_ZN3app5startEv']],
  ['zzzzzzzzz', []],
  ['', ['x']],
])('for %s suggests %j', (wanted, expected) => {
  expect(nearNames(NAMES, wanted, 3)).toEqual(expected);
});

test('suggests each name once, at most so many, and never the wanted one', () => {
  expect(nearNames(['f1', 'f1', 'f2', 'f3', 'f4'], 'f1', 2)).toEqual(['f2', 'f3']);
});

test('has no suggestion for names longer than anybody types', () => {
  expect(nearNames(['a'.repeat(5000)], 'a'.repeat(5001), 3)).toEqual([]);
  expect(nearNames(['a'.repeat(5000)], 'aaaa', 3)).toEqual([]);
});
