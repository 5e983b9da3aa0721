import { expect, test } from 'vitest';
import { openElf } from '../../src/elf/elf-file.js';
import { StringTable } from '../../src/elf/string-table.js';
import { SymbolVersions } from '../../src/elf/versions.js';
import { expectMalformed } from './failing.js';
import { useSamples } from './samples.js';

const samples = useSamples();
const strings = new StringTable(Buffer.from('\0V1\0V2\0'), 'x');

function words(...values: readonly [width: 2 | 4, value: number][]): Uint8Array {
  const bytes = new Uint8Array(values.reduce((sum, [width]) => sum + width, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of values) {
    if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += width;
  }
  return bytes;
}

/** An Elf64_Verneed with one Elf64_Vernaux, which names version 2 by the string at 1. */
const needs = (nextNeed: number, auxiliaries: number, nextAuxiliary: number): Uint8Array =>
  words(
    [2, 1],
    [2, auxiliaries],
    [4, 0],
    [4, 16],
    [4, nextNeed],
    [4, 0],
    [2, 0],
    [2, 2],
    [4, 1],
    [4, nextAuxiliary],
  );

const versionsOf = (parts: { definitions?: Uint8Array; needs?: Uint8Array }): SymbolVersions =>
  new SymbolVersions({
    indices: words([2, 0], [2, 1], [2, 2], [2, 0x8002], [2, 7]),
    definitions: parts.definitions,
    needs: parts.needs,
    strings,
    littleEndian: true,
    what: 'x',
  });

test('a symbol without a version, and one of an unknown version, have none', () => {
  const versions = versionsOf({ needs: needs(0, 1, 0) });
  expect([0, 1, 2, 3, 4, 5].map((index) => versions.at(index))).toEqual([
    undefined,
    undefined,
    { name: 'V1', isHidden: false },
    { name: 'V1', isHidden: true },
    undefined,
    undefined,
  ]);
});

test('refuses chains that lead out of their table or overlap', () => {
  expectMalformed(() => versionsOf({ needs: needs(0xffffffff, 1, 0) }));
  expectMalformed(() => versionsOf({ needs: needs(0, 2, 0xfffffff0) }));
  const overlapping = new Uint8Array(0x10000).fill(1);
  expectMalformed(() => versionsOf({ needs: overlapping }));
  expectMalformed(() => versionsOf({ definitions: overlapping }));
});

test('a version that a library defines is hidden where the linker script of another wins', () => {
  const source = `
int old(void) { return 1; }
int new(void) { return 2; }
__asm__(".symver old,thing@V1");
__asm__(".symver new,thing@@V2");
`;
  samples.build('versions.map', 'V1 { };\nV2 { global: thing; local: *; } V1;\n', 'true');
  const path = samples.build(
    'versioned.c',
    source,
    'gcc -shared -fPIC -Wl,--version-script=versions.map -o $out $in',
  );
  using elf = openElf(path);
  const found = elf.dynamicSymbols().findByName('thing');
  expect(
    found.map(({ version, isDefaultVersion }) => `${version ?? ''} ${isDefaultVersion}`).sort(),
  ).toEqual(['V1 false', 'V2 true']);
});
