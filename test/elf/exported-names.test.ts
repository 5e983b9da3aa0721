/** The hash tables of libraries, asked for single names, against `nm -D`. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openElf } from '../../src/elf/elf-file.js';
import { exportsName } from '../../src/elf/exported-names.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';

let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
  const functions = Array.from(
    { length: 300 },
    (_, i) => `int name_${i}(void) { return missing_${i % 3}(); }`,
  );
  shop.write(
    'names.c',
    `int missing_0(void), missing_1(void), missing_2(void);\n${functions.join('\n')}\nint counted; __thread int local; static int own; int *get(void) { return &own; }`,
  );
  for (const style of ['gnu', 'sysv'])
    shop.run(
      'gcc',
      '-shared',
      '-fPIC',
      `-Wl,--hash-style=${style}`,
      '-o',
      `${style}.so`,
      'names.c',
    );
});
afterAll(() => shop[Symbol.dispose]());

function listed(path: string): string[] {
  const listing = execFileSync('nm', ['-D', '--defined-only', path], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return [...listing.matchAll(/^[0-9a-f]+ [A-Za-z] ([^@\s]+)/gm)].map(([, name = '']) => name);
}

describe('a library exports', () => {
  it.each(['gnu', 'sysv'])('exactly the names that nm lists, by a %s hash table', (style) => {
    const path = shop.path(`${style}.so`);
    const names = listed(path);
    expect(names.length).toBeGreaterThan(300);
    using file = openElf(path);
    expect(names.filter((name) => !exportsName(file, name))).toEqual([]);
    for (const name of ['own', 'missing_0', 'name_300', 'name_', '', 'name_1x'])
      expect([name, exportsName(file, name)]).toEqual([name, false]);
  });

  it('what nm lists of libc', () => {
    const path = '/proc/self/root/lib/x86_64-linux-gnu/libc.so.6';
    const names = listed(path);
    using file = openElf(path);
    expect(names.filter((name) => !exportsName(file, name))).toEqual([]);
    expect(exportsName(file, 'cos')).toBe(false);
  });
});
