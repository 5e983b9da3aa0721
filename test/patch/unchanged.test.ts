/**
 * A program whose sources nobody has edited compares as wholly unchanged, however it was built.
 * With less than that no user could be told that the compiler or the flags found for a program are
 * wrong ones.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decoder } from '../../src/arch/decoder.js';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import type { LoadedModule } from '../../src/elf/loaded-module.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { EditedProgram, MAIN, SECTIONS } from '../link/edited-program.js';
import { BUILDS, COMPILERS, KINDS, type Kind } from '../support/builds.js';
import { ELSEWHERE, SUBJECT } from './subject.js';

const LANGUAGE = new URL('../../fixtures/language/', import.meta.url);
const SOURCES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    readdirSync(LANGUAGE)
      .filter((name) => name.endsWith('.c') && name !== 'main.c')
      .map((name) => [name, readFileSync(new URL(name, LANGUAGE), 'utf8')]),
  ),
  'subject.c': SUBJECT,
  'elsewhere.c': ELSEWHERE,
};
const FILES = Object.keys(SOURCES);
const LINKERS = ['bfd', 'gold', 'lld'] as const;
type Linker = (typeof LINKERS)[number];

/** Flags that real builds use, and the linkers to try them with. */
const FLAGS: readonly (readonly [flags: string, linkers: readonly Linker[]])[] = [
  ['-ffunction-sections -fdata-sections -Wl,--gc-sections -Wl,--export-dynamic', LINKERS],
  ['-ffunction-sections -Wl,--icf=all', ['gold', 'lld']],
  ['-Wl,-O2', ['bfd', 'lld']],
  ['-Wl,--emit-relocs', LINKERS],
  ['-Wl,-z,now -Wl,-z,relro', ['bfd', 'lld']],
  ['-Wl,-Bsymbolic', ['bfd']],
  ['-fno-semantic-interposition', ['bfd']],
  ['-fmerge-all-constants', ['lld']],
  ['-fno-plt', ['bfd', 'lld']],
  ['-fcf-protection -Wl,-z,ibtplt', ['bfd']],
  ['-fvisibility=hidden', LINKERS],
  ['-fstack-protector-strong -D_FORTIFY_SOURCE=2', ['bfd']],
  ['-fno-omit-frame-pointer -fstack-clash-protection', ['bfd']],
  ['-march=x86-64-v3 -funroll-loops -ffast-math', ['lld']],
  ['-g3 -gdwarf-4', ['bfd']],
];
const LIBRARY = 'libparts.so';

let shop: Workshop;
let decoder: Decoder;
beforeAll(async () => {
  shop = new Workshop();
  decoder = await x8664.loadDecoder();
  for (const [name, text] of Object.entries({ ...SOURCES, 'main.c': MAIN })) shop.write(name, text);
});
afterAll(() => shop[Symbol.dispose]());

/** Compiles all sources into a folder of their own; its name. */
const compiled = new Map<string, string>();
function compile(compiler: string, flags: readonly string[]): string {
  const key = [compiler, ...flags].join(' ');
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const folder = `objects${compiled.size}`;
  compiled.set(key, folder);
  shop.run('mkdir', folder);
  const words = [compiler, '-w', '-g', ...flags, `-I${LANGUAGE.pathname}`, '-c'].join(' ');
  const files = [...FILES, 'main.c'].map((file) => `../${file}`).join(' ');
  shop.run('sh', '-c', `cd ${folder} && ${words} ${files}`);
  return folder;
}

const objectOf = (folder: string, file: string): string =>
  `${folder}/${file.replace(/\.c$/, '.o')}`;

/** Links the objects as a program, or as a library with a program that only loads it. */
function link(compiler: string, kind: Kind, folder: string, flags: readonly string[]): void {
  const main = objectOf(folder, 'main.c');
  const objects = FILES.map((file) => objectOf(folder, file));
  if (kind.name !== '.so') {
    shop.run(compiler, kind.ldflags, ...flags, '-o', 'program', main, ...objects, '-lm');
    return;
  }
  shop.run(compiler, '-shared', ...flags, '-o', LIBRARY, ...objects, '-lm');
  shop.run(
    compiler,
    kind.ldflags,
    '-o',
    'program',
    main,
    '-Wl,--no-as-needed',
    LIBRARY,
    '-Wl,-rpath,$ORIGIN',
  );
}

/** Functions that are taken for changed, `file: name`. */
async function differingIn(kind: Kind, folder: string): Promise<string[]> {
  await using program = await EditedProgram.run(shop, 'program');
  const module: LoadedModule = kind.name === '.so' ? program.moduleNamed(LIBRARY) : program.module;
  const found: string[] = [];
  let compared = 0;
  for (const file of FILES) {
    const object = program.readObject(objectOf(folder, file), file, { decoder, module });
    for (const { fn, live, comparison } of object.states()) {
      if (live === undefined) continue;
      compared++;
      if (!comparison.same) found.push(`${file}: ${fn.name} (${comparison.reason})`);
    }
  }
  expect(compared).toBeGreaterThan(50);
  return found;
}

/** A program with the flags, compared with what hcr compiles with the same flags. */
async function differing(
  [compiler, linker, kind]: readonly [string, string, Kind],
  cflags: readonly string[],
  ldflags: readonly string[] = [],
): Promise<string[]> {
  const flags = [...cflags, kind.cflags];
  link(compiler, kind, compile(compiler, flags), [`-fuse-ld=${linker}`, ...ldflags]);
  return await differingIn(kind, compile(compiler, [...flags, ...SECTIONS]));
}

describe('a program that nobody has edited has no function that differs', () => {
  describe.each(LINKERS)('linked by %s', (linker) => {
    // gold does not know --no-dynamic-linker.
    const cells = BUILDS.filter(({ kind }) => linker !== 'gold' || kind.name !== 'static-PIE');
    const titled = cells.map((build) => [build.title, build] as const);
    it.each(titled)('%s', async (_, { compiler, level, kind }) => {
      expect(await differing([compiler, linker, kind], [level])).toEqual([]);
    });
  });

  describe.each(FLAGS)('built with %s', (flags, linkers) => {
    const words = flags.split(' ');
    const ldflags = words.filter((word) => word.startsWith('-Wl,'));
    const cflags = words.filter((word) => !ldflags.includes(word));
    // Every other cell is a library.
    const cells = COMPILERS.flatMap((compiler, i) =>
      linkers.map((linker, j) => {
        const kind = KINDS.find(({ name }) => name === ((i + j) % 2 === 0 ? 'PIE' : '.so'));
        if (kind === undefined) throw new Error('no such kind');
        return [compiler, linker, kind.name, kind] as const;
      }),
    );
    it.each(cells)('%s, %s, %s', async (compiler, linker, _, kind) => {
      expect(await differing([compiler, linker, kind], ['-O2', ...cflags], ldflags)).toEqual([]);
    });
  });
});
