/**
 * Every form in which a build may leave debug information says the same. What the readers make of
 * the plain form is compared with other tools in the tests beside this one.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type DebugInfo, openDebugInfo } from '../../src/dwarf/debug-info.js';
import { openElfWithCompanions } from '../../src/elf/debug-files.js';
import { type ElfFile, openElf } from '../../src/elf/elf-file.js';
import { describeAll } from './description.js';
import { writeSources } from './samples.js';

const folder = mkdtempSync(join(tmpdir(), 'hcr-forms-'));
const opened: ElfFile[] = [];

afterAll(() => {
  for (const file of opened) file[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

const run = (cwd: string, program: string, ...args: readonly string[]): void => {
  execFileSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'], timeout: 30_000 });
};

/** A folder with the sources, a program called `program` and what its debug information is in. */
function build(compiler: string, flags: string): string {
  const at = mkdtempSync(join(folder, `${compiler}-`));
  writeSources(at);
  const sources = compiler.endsWith('++') ? ['classes.cc'] : ['main.c', 'other.c'];
  const objects = sources.map((source) => source.replace(/\..*/, '.o'));
  for (const [index, source] of sources.entries()) {
    run(at, compiler, ...flags.split(' '), '-c', source, '-o', objects[index] ?? '');
  }
  run(at, compiler, ...objects, '-o', 'program');
  return at;
}

function open(program: string, debugFolders: readonly string[] = []): DebugInfo | undefined {
  const file = openElfWithCompanions(program, { path: program, root: '', debugFolders });
  opened.push(file);
  return openDebugInfo(file);
}

/** All that is said of a program, with its folder taken out. */
function said(program: string, debugFolders?: readonly string[], builtIn = dirname(program)) {
  const info = open(program, debugFolders) ?? expect.fail('no debug information');
  const text = JSON.stringify(describeAll(info)).replaceAll(builtIn, '');
  expect(info.absent()).toEqual([]);
  return JSON.parse(text) as unknown;
}

function buildIdOf(program: string): string {
  using file = openElf(program);
  return file.buildId() ?? expect.fail('no build id');
}

/** Built once for each way of compiling. */
const plainOnes = new Map<string, { readonly at: string; readonly says: unknown }>();
function plain(compiler: string, flags: string) {
  const key = `${compiler} ${flags}`;
  const known = plainOnes.get(key);
  if (known !== undefined) return known;
  const at = build(compiler, flags);
  const made = { at, says: said(join(at, 'program')) };
  plainOnes.set(key, made);
  return made;
}

const COMPILERS = ['gcc', 'g++', 'clang', 'clang++'] as const;

test('a .dwo file of another build is refused, and one that is no ELF file', () => {
  const at = build('gcc', '-O2 -g -gsplit-dwarf');
  const other = build('gcc', '-O0 -g -gsplit-dwarf');
  copyFileSync(join(other, 'main.dwo'), join(at, 'main.dwo'));
  writeFileSync(join(at, 'other.dwo'), 'not at all');
  const info = open(join(at, 'program')) ?? expect.fail('no debug information');
  expect([...info.units()]).toEqual([]);
  expect(info.absent().map(({ failure }) => failure)).toEqual([
    {
      code: 'debug-file-missing',
      file: 'main.dwo',
      module: join(at, 'program'),
      reason: 'is of another build',
    },
    expect.objectContaining({ file: 'other.dwo', reason: 'is not there' }),
  ]);
});

describe.each(COMPILERS)('%s', (compiler) => {
  describe.each(['-gdwarf-4', '-gdwarf-5'])('%s', (version) => {
    const flags = `-O2 ${version}`;

    test('split into .dwo files, where they were built and where the build was moved to', () => {
      const { says } = plain(compiler, flags);
      const at = build(compiler, `${flags} -gsplit-dwarf`);
      expect(said(join(at, 'program'))).toEqual(says);
      const moved = `${at}-moved`;
      renameSync(at, moved);
      expect(said(join(moved, 'program'), [], at)).toEqual(says);
    });

    // On version 5 that of binutils crashes, and that of llvm 14 does not end with what gcc makes.
    const packagers = [
      ...(version === '-gdwarf-4' ? ['dwp'] : []),
      ...(version === '-gdwarf-4' || compiler !== 'gcc' ? ['llvm-dwp'] : []),
    ];
    test.each(packagers)('packaged by %s', (packager) => {
      const { says } = plain(compiler, flags);
      const at = build(compiler, `${flags} -gsplit-dwarf`);
      run(at, packager, '-e', 'program', '-o', 'program.dwp');
      run(at, 'sh', '-c', 'rm *.dwo');
      expect(said(join(at, 'program'))).toEqual(says);
    });

    test.each(['zlib', 'zlib-gnu', 'zstd'])('compressed by %s', (method) => {
      const { at, says } = plain(compiler, flags);
      const out = mkdtempSync(join(folder, 'compressed-'));
      run(at, 'objcopy', `--compress-debug-sections=${method}`, 'program', join(out, 'program'));
      expect(said(join(out, 'program'), [], at)).toEqual(says);
    });

    test('in a separate file: beside the program, in .debug and by build id', () => {
      const { at, says } = plain(compiler, flags);
      const out = mkdtempSync(join(folder, 'separate-'));
      const program = join(out, 'program');
      run(out, 'objcopy', '--only-keep-debug', join(at, 'program'), 'program.debug');
      run(out, 'objcopy', '-S', '--add-gnu-debuglink=program.debug', join(at, 'program'), program);
      expect(said(program, [], at)).toEqual(says);

      mkdirSync(join(out, '.debug'));
      renameSync(join(out, 'program.debug'), join(out, '.debug/program.debug'));
      expect(said(program, [], at)).toEqual(says);

      const system = mkdtempSync(join(folder, 'system-'));
      mkdirSync(join(system, out), { recursive: true });
      renameSync(join(out, '.debug/program.debug'), join(system, out, 'program.debug'));
      expect(said(program, [system], at)).toEqual(says);

      const id = buildIdOf(program);
      const byId = join(system, '.build-id', id.slice(0, 2));
      mkdirSync(byId, { recursive: true });
      renameSync(join(system, out, 'program.debug'), join(byId, `${id.slice(2)}.debug`));
      expect(open(program)).toBeUndefined();
      expect(said(program, [system], at)).toEqual(says);
    });

    // dwz cannot read version 5 of clang.
    const isForDwz = version === '-gdwarf-4' || compiler.startsWith('g');
    test.each(isForDwz ? ['dwz'] : [])('made smaller by %s, alone and shared', () => {
      const { at, says } = plain(compiler, flags);
      const out = mkdtempSync(join(folder, 'dwz-'));
      for (const name of ['program', 'other']) copyFileSync(join(at, 'program'), join(out, name));
      run(out, 'dwz', '-o', 'alone', 'program');
      expect(said(join(out, 'alone'), [], at)).toEqual(says);
      const form = version === '-gdwarf-5' ? ['--dwarf-5'] : [];
      run(out, 'dwz', ...form, '-m', 'shared', 'program', 'other');
      expect(said(join(out, 'program'), [], at)).toEqual(says);

      rmSync(join(out, 'shared'));
      const info = open(join(out, 'program')) ?? expect.fail('no debug information');
      expect([...info.units()]).toEqual([]);
      expect(info.absent().map(({ message }) => message)).toContainEqual(
        expect.stringMatching(/file shared, which is not there/),
      );
    });

    test('types in units of their own', () => {
      const at = build(compiler, `${flags} -fdebug-types-section`);
      expect(said(join(at, 'program'))).toEqual(plain(compiler, flags).says);
    });

    test('types in units of their own in .dwo files and in a package', () => {
      const { says } = plain(compiler, flags);
      const at = build(compiler, `${flags} -gsplit-dwarf -fdebug-types-section`);
      expect(said(join(at, 'program'))).toEqual(says);
      if (compiler.startsWith('g') && version === '-gdwarf-5') return;
      run(at, 'llvm-dwp', '-e', 'program', '-o', 'program.dwp');
      run(at, 'sh', '-c', 'rm *.dwo');
      expect(said(join(at, 'program'))).toEqual(says);
    });
  });
});
