import { expect, test } from 'vitest';
import { openElf, readElf } from '../../src/elf/elf-file.js';
import { bytesInMemory } from '../../src/elf/file-bytes.js';
import { gnuPropertiesOf, readNotes } from '../../src/elf/notes.js';
import { expectMalformed } from './failing.js';
import { readelf, rows } from './readelf.js';
import { useSamples } from './samples.js';

const samples = useSamples();

test.each(['pie', 'fixed', 'static', 'shared', 'stripped'] as const)(
  'reads the build id of %s as readelf does',
  (name) => {
    using elf = openElf(samples.path(name));
    const [listed] = rows(readelf(samples.path(name), '-n'), /Build ID: ([0-9a-f]+)/);
    expect(elf.buildId()).toBe(listed?.[0]);
    expect(elf.buildId()).toMatch(/^[0-9a-f]{40}$/);
  },
);

test('a program linked without a build id has none', () => {
  const path = samples.build(
    'plain.c',
    'int main(void) { return 0; }\n',
    'gcc -Wl,--build-id=none -o $out $in',
  );
  using elf = openElf(path);
  expect(elf.buildId()).toBeUndefined();
});

test('finds the build id through segments when section headers are gone', () => {
  using whole = openElf(samples.path('pie'));
  const bytes = samples.bytes('pie');
  new DataView(bytes.buffer).setBigUint64(40, 0n, true);
  const elf = readElf(bytesInMemory(bytes), 'x');
  expect(elf.sections).toEqual([]);
  expect(elf.buildId()).toBe(whole.buildId());
});

test('reads the properties that say which protections the code was compiled for', () => {
  const path = samples.build(
    'cet.c',
    'int f(void) { return 0; }\n',
    'gcc -c -fcf-protection=full -o $out $in',
  );
  using elf = openElf(path);
  expect(readelf(path, '-n').join('\n')).toContain('IBT, SHSTK');
  const x86Features = elf.gnuProperties().get(0xc0000002); // GNU_PROPERTY_X86_FEATURE_1_AND
  expect([...(x86Features ?? [])]).toEqual([3, 0, 0, 0]);
});

function note(owner: string, type: number, description: readonly number[]): Uint8Array {
  const ownerBytes = Buffer.from(`${owner}\0`);
  const padded = (n: number): number => (n + 3) & ~3;
  const bytes = new Uint8Array(12 + padded(ownerBytes.length) + padded(description.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, ownerBytes.length, true);
  view.setUint32(4, description.length, true);
  view.setUint32(8, type, true);
  bytes.set(ownerBytes, 12);
  bytes.set(description, 12 + padded(ownerBytes.length));
  return bytes;
}

test('reads notes one after another, padded to four bytes', () => {
  const bytes = Buffer.concat([
    note('GNU', 1, [1]),
    note('stapsdt', 3, []),
    note('x', 9, [1, 2, 3, 4]),
  ]);
  const read = readNotes(bytes, 4, true, 'x').map(({ owner, type, description }) => [
    owner,
    type,
    ...description,
  ]);
  expect(read).toEqual([
    ['GNU', 1, 1],
    ['stapsdt', 3],
    ['x', 9, 1, 2, 3, 4],
  ]);
});

test('refuses a note or a property that goes past the end', () => {
  const cut = note('GNU', 3, [1, 2, 3, 4]).subarray(0, -1);
  expectMalformed(() => readNotes(cut, 4, true, 'x'));
  const huge = note('GNU', 5, [2, 0, 0, 0xc0, 0xff, 0xff, 0xff, 0xff]);
  const notes = readNotes(huge, 4, true, 'x');
  expectMalformed(() => gnuPropertiesOf(notes, true, 'x'));
});
