/** The lines that are kept for new code, against what llvm-symbolizer says of the linked program. */
import { normalize } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { addr, offsetBy } from '../../src/core/address.js';
import { isHcrError } from '../../src/core/failure.js';
import { isCode } from '../../src/link/object-unit.js';
import { encodeLineTable, findInLineTable } from '../../src/link/line-table.js';
import { readEditedUnit } from '../../src/link/read-object-unit.js';
import { rowsOf } from '../../src/app/place-lines.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { SECTIONS } from './edited-program.js';

const SOURCE = `#include "inline.h"
int sum(const int *values, int count) {
  int total = 0;
  for (int i = 0; i < count; i++) {
    total += twice(values[i]);
    if (total > 1000)
      return -1;
  }
  return total;
}

int last(const int *values, int count) {
  return count == 0
    ? 0
    : values[count - 1];
}
`;
const HEADER = `static inline int twice(int value) {
  int result = value;
  if (value & 1)
    result ^= 0x55;
  return result * 2;
}
`;
const START = addr(0x4000_0000);

describe.each([
  ['gcc', '-O0', '-gdwarf-5'],
  ['gcc', '-O2', '-gdwarf-4'],
  ['clang', '-O2', '-gdwarf-5'],
])('%s %s %s', (compiler, ...flags) => {
  let shop: Workshop;
  beforeAll(() => {
    shop = new Workshop();
    shop.write('inline.h', HEADER);
    shop.write('lines.c', SOURCE);
    shop.run(compiler, ...flags, ...SECTIONS, '-c', 'lines.c', '-o', 'lines.o');
    shop.run('ld', '-e', 'sum', 'lines.o', '-o', 'linked');
  });
  afterAll(() => {
    shop[Symbol.dispose]();
  });

  function addressOf(name: string): number {
    const line = new RegExp(`^([0-9a-f]+) . ${name}$`, 'm').exec(shop.run('nm', 'linked'));
    return Number.parseInt(line?.[1] ?? '', 16);
  }

  it('has the line of every byte of code that llvm-symbolizer has', () => {
    const edited = readEditedUnit(shop.read('lines.o'), 'lines.o', x8664);
    const sections = [...edited.unit.object.sections].filter(
      (section) => isCode(section) && section.sizeBytes > 0,
    );
    expect(sections.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['.text.sum', '.text.last']),
    );
    const lines = edited.linesIn(new Set(sections.map(({ index }) => index)));
    let start = START;
    for (const { index, name, sizeBytes } of sections) {
      const entry = addressOf(name.slice('.text.'.length));
      const offsets = Array.from({ length: sizeBytes }, (_, offset) => offset);
      const addresses = offsets.map((offset) => `0x${(entry + offset).toString(16)}`);
      // The first of each paragraph; the others are what it was inlined into.
      const wanted = shop
        .run('llvm-symbolizer', '--obj=linked', '-p', ...addresses)
        .trim()
        .split('\n\n')
        .map((answer) => normalize(/ at (.*?:\d+):\d+/.exec(answer)?.[1] ?? '??'));
      const end = offsetBy(start, sizeBytes);
      const table = encodeLineTable([{ start, end, rows: rowsOf(lines.get(index) ?? []) }], true);
      const found = offsets.map((offset) => {
        const place = findInLineTable(table, true, offsetBy(start, offset));
        return place === undefined ? '??' : `${place.file}:${place.line}`;
      });
      expect(new Set(wanted).size).toBeGreaterThan(1);
      expect(found).toEqual(wanted.map((line) => (line.endsWith(':0') ? '??' : line)));
      expect(findInLineTable(table, true, end)).toBeUndefined();
      start = end;
    }
  });
});

it('is read or refused, whatever the program has written over it', () => {
  const rows = [
    { offset: 0, file: '/a.c', line: 3 },
    { offset: 4, file: '/b.h', line: 9 },
  ];
  const table = encodeLineTable([{ start: START, end: offsetBy(START, 8), rows }], true);
  expect(findInLineTable(table, true, offsetBy(START, 5))).toEqual({ file: '/b.h', line: 9 });
  const damaged = fc
    .array(fc.tuple(fc.nat(table.length - 1), fc.nat(255)), { minLength: 1 })
    .map((writes) => {
      const bytes = table.slice();
      for (const [at, value] of writes) bytes[at] = value;
      return bytes;
    });
  fc.assert(
    fc.property(damaged, fc.nat(table.length), (bytes, length) => {
      try {
        findInLineTable(bytes.subarray(0, length), true, offsetBy(START, 5));
      } catch (error) {
        if (!isHcrError(error, 'malformed-file')) throw error;
      }
    }),
  );
});
