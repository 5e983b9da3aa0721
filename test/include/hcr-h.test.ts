/** include/hcr.h in each language that it says it is for, with and without HCR_ENABLE. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY } from '../support/repository.js';
import { TemporaryTree } from '../build/temporary-tree.js';

const INCLUDE = join(REPOSITORY, 'include');
const STRICT = ['-Wall', '-Wextra', '-pedantic-errors', '-Werror', `-I${INCLUDE}`];

const LANGUAGES = [
  ...['gcc', 'clang'].flatMap((cc) =>
    ['c89', 'c99', 'c17'].map((standard) => ({ cc, standard, file: 'user.c' })),
  ),
  ...['g++', 'clang++'].flatMap((cc) =>
    ['c++98', 'c++11', 'c++20'].map((standard) => ({ cc, standard, file: 'user.cpp' })),
  ),
];

/** Every macro of the header, at file scope and in a function. */
const USER = `#include "hcr.h"
#include "hcr.h"
int printf(const char *format, ...);
static int limit = 10;
HCR_RESET(limit);
int table[3] = {1, 2, 3};
HCR_KEEP(table);
static const char *names[] = {"a", "b"};
HCR_RESET(names);
static void save(unsigned generation) { limit += (int)generation; }
HCR_BEFORE_RELOAD(save);
void restore(unsigned generation);
HCR_AFTER_RELOAD(restore);
HCR_AFTER_RELOAD(save); HCR_AFTER_RELOAD(save);
HCR_RELOADABLE static int step(int by) { return by + limit; }
HCR_RELOADABLE int more(void);
int more(void) {
  static int calls = 3;
  HCR_RESET(calls);
  HCR_KEEP(calls);
  return step(++calls) + table[0] + (names[1][0] == 'b');
}
void restore(unsigned generation) { limit -= (int)generation; }
int main(void) { return more() < 0; }
`;

/** The same program, by somebody who has never heard of the header. */
const PLAIN = USER.replaceAll(
  /^#include.*$|HCR_(RESET|KEEP|\w+_RELOAD)\(\w+\);|HCR_RELOADABLE/gm,
  '',
);

const asCxx = (text: string): string => text.replace('int printf', 'extern "C" int printf');

let tree: TemporaryTree;
beforeAll(() => {
  tree = new TemporaryTree({
    'user.c': USER,
    'user.cpp': asCxx(USER),
    'plain/user.c': PLAIN,
    'plain/user.cpp': asCxx(PLAIN),
  });
});
afterAll(() => {
  tree[Symbol.dispose]();
});

function compile(cc: string, ...words: readonly string[]): void {
  execFileSync(cc, words, { cwd: tree.path, stdio: 'pipe' });
}

/** Names and sizes. */
function sectionsOf(file: string): string[] {
  const text = execFileSync('readelf', ['-SW', tree.at(file)], { encoding: 'latin1' });
  return [...text.matchAll(/^ +\[ *\d+\] (\S+) +\S+ +\S+ +\S+ +(\S+)/gm)].map(
    ([, name = '', size = '']) => `${name} ${size}`,
  );
}

describe.each(LANGUAGES)('$cc -std=$standard', ({ cc, standard, file }) => {
  it('takes the header without a word, with HCR_ENABLE and without', () => {
    for (const more of [[], ['-DHCR_ENABLE'], ['-DHCR_ENABLE', '-O2', '-fPIC']])
      compile(cc, `-std=${standard}`, ...STRICT, ...more, '-c', '-o', 'user.o', file);
  });
});

it.each(['gcc', 'clang', 'g++', 'clang++'])(
  '%s refuses a mark that would have to be worked out at startup',
  (cc) => {
    const file = cc.endsWith('++') ? 'local.cpp' : 'local.c';
    tree.write(file, '#include "hcr.h"\nstatic __thread int n = 3;\nHCR_RESET(n);\n');
    const translate = (): void => {
      compile(cc, '-DHCR_ENABLE', `-I${INCLUDE}`, '-c', '-o', 'local.o', file);
    };
    expect(translate).toThrow(/constant/);
  },
);

describe.each(['-O0', '-O2'])('at %s', (level) => {
  it.each(LANGUAGES.filter(({ standard }) => /89|20/.test(standard)))(
    'a program of $cc without HCR_ENABLE has the sections of one that never included the header',
    ({ cc, file }) => {
      compile(cc, level, `-I${INCLUDE}`, '-o', 'user', file);
      compile(cc, level, '-o', 'plain/user', `plain/${file}`);
      const sections = sectionsOf('plain/user');
      expect(sections).toContainEqual(expect.stringMatching(/^\.text /));
      expect(sectionsOf('user')).toEqual(sections);
    },
  );
});

it.each(['gcc', 'clang'])(
  'what %s marks survives --gc-sections, in the order of the source, and starts nothing',
  (cc) => {
    const flags = ['-O2', '-ffunction-sections', '-fdata-sections', '-Wl,--gc-sections'];
    compile(cc, ...flags, '-DHCR_ENABLE', `-I${INCLUDE}`, '-no-pie', '-o', 'user', 'user.c');
    compile(cc, ...flags, '-no-pie', '-o', 'plain/user', 'plain/user.c');
    const sizeOf = (file: string, name: string): number =>
      Number.parseInt(
        sectionsOf(file)
          .find((section) => section.startsWith(`${name} `))
          ?.split(' ')[1] ?? '0',
        16,
      );
    const marks = ['hcr_before', 'hcr_after', 'hcr_reset', 'hcr_keep'];
    expect(marks.map((name) => sizeOf('user', name) / 8)).toEqual([1, 3, 3, 2]);
    for (const name of ['.init_array', '.rela.dyn'])
      expect(sizeOf('user', name)).toBe(sizeOf('plain/user', name));
    expect(pointersIn('user', 'hcr_after')).toEqual(
      ['restore', 'save', 'save'].map((name) => addressOf('user', name)),
    );
  },
);

/** What readelf shows of a section, as addresses. */
function pointersIn(file: string, section: string): number[] {
  const dump = execFileSync('readelf', ['-x', section, tree.at(file)], { encoding: 'latin1' });
  const bytes = [...dump.matchAll(/^ +0x[0-9a-f]+ ((?:[0-9a-f]+ )+)/gm)]
    .map(([, words = '']) => words.replaceAll(' ', ''))
    .join('');
  const content = Buffer.from(bytes, 'hex');
  return Array.from({ length: content.length / 8 }, (_, i) =>
    Number(content.readBigUInt64LE(8 * i)),
  );
}

function addressOf(file: string, name: string): number {
  const symbols = execFileSync('nm', [tree.at(file)], { encoding: 'latin1' });
  return Number.parseInt(new RegExp(`^([0-9a-f]+) \\w ${name}$`, 'm').exec(symbols)?.[1] ?? '', 16);
}

it('HCR_RELOADABLE keeps a function whole, its entry on one page, with room for a jump', () => {
  compile('gcc', '-O2', '-DHCR_ENABLE', `-I${INCLUDE}`, '-c', '-o', 'user.o', 'user.c');
  const text = execFileSync('objdump', ['-d', tree.at('user.o')], { encoding: 'latin1' });
  const entry = /^([0-9a-f]+) <step>:\n((?:.*\n){5})/m.exec(text);
  expect(Number.parseInt(entry?.[1] ?? '', 16) % 16).toBe(0);
  expect(entry?.[2]?.match(/\tnop/g)).toHaveLength(5);
  expect(text).toMatch(/call .*<step>/);
});
