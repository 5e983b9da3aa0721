import { execFileSync } from 'node:child_process';
import { chmodSync, lchownSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type DiscoveryInput, discoverCompileCommand } from '../../src/build/compile-command.js';
import { driverNames } from '../../src/build/language.js';
import { HcrError } from '../../src/core/failure.js';
import { TemporaryTree } from './temporary-tree.js';

const GCC = 'GNU C17 12.2.0 -mtune=generic -march=x86-64 -g -O2 -Wall -fplugin=x';

/** With the parts that most tests don't care about. */
function discover(input: Partial<DiscoveryInput>) {
  return discoverCompileCommand({ overrides: {}, searchRoots: [], ...input });
}

async function refusalOf(work: () => Promise<unknown>): Promise<HcrError['failure']> {
  try {
    await work();
  } catch (error) {
    if (error instanceof HcrError) return error.failure;
    throw error;
  }
  throw new Error('was not refused');
}

describe('from the debug information', () => {
  it('takes source, folder, compiler and flags', async () => {
    using tree = new TemporaryTree({ 'src/a.c': '', 'inc/net/x.h': '' });
    const command = await discover({
      unit: {
        name: 'src/a.c',
        compDir: tree.path,
        producer: GCC,
        language: 'DW_LANG_C11',
        includeDirectories: [tree.path, 'src', 'inc/net', '/usr/include', '/nonexistent'],
      },
    });
    expect(command).toMatchObject({
      source: tree.at('src/a.c'),
      input: 'src/a.c',
      directory: tree.path,
      origin: 'dwarf',
    });
    expect(command.cc).toMatch(/^\/.*\/(gcc|gcc-12)$/);
    expect(command.args).toEqual([
      ...['-std=gnu17', '-mtune=generic', '-march=x86-64', '-g', '-O2', `-I${tree.at('inc/net')}`],
      ...[tree.path, tree.at('src'), tree.at('inc')].flatMap((folder) => ['-idirafter', folder]),
    ]);
    expect(command.explanation).toContain('left out -fplugin=x (not allowed)');
  });

  it('never hands the compiler a source name that it would take for a flag', async () => {
    using tree = new TemporaryTree({ '-fplugin=x.c': '', '@a.c': '' });
    for (const name of ['-fplugin=x.c', '@a.c']) {
      const command = await discover({ unit: { name, compDir: tree.path, producer: GCC } });
      expect(command.input).toBe(tree.at(name));
    }
  });

  it('appends --cflags, so that they win', async () => {
    using tree = new TemporaryTree({ 'a.c': '' });
    const unit = { name: 'a.c', compDir: tree.path, producer: 'GNU C17 12.2.0 -O2' };
    const { args } = await discover({ unit, overrides: { cflags: '-O0 "-DX=a b"' } });
    expect(args.slice(-2)).toEqual(['-O0', '-DX=a b']);
  });

  it('lets --cc bring flags of its own', async () => {
    using tree = new TemporaryTree({ 'a.c': '' });
    const unit = { name: 'a.c', compDir: tree.path, producer: 'GNU C17 12.2.0 -O2' };
    const command = await discover({ unit, overrides: { cc: 'cc -m64' } });
    expect(command.cc).toMatch(/\/cc$/);
    expect(command.args[0]).toBe('-m64');
  });

  it.each([
    ['GNU C++17 12.2.0', 'C++14', 'a.c', /g\+\+/],
    ['GNU GIMPLE 12.2.0', 'DW_LANG_C_plus_plus_11', 'a.c', /g\+\+/],
    ['GNU GIMPLE 12.2.0', undefined, 'a.cpp', /g\+\+/],
    ['something', undefined, 'a.c', /\/cc$/],
  ])('%s, %s, %s', async (producer, language, name, driver) => {
    using tree = new TemporaryTree({ [name]: '' });
    const unit = { name, compDir: tree.path, producer, ...(language ? { language } : {}) };
    expect((await discover({ unit })).cc).toMatch(driver);
  });

  it('refuses other languages', async () => {
    using tree = new TemporaryTree({ 'a.rs': '' });
    const unit = { name: 'a.rs', compDir: tree.path, producer: 'x', language: 'DW_LANG_Rust' };
    expect(await refusalOf(() => discover({ unit }))).toMatchObject({
      code: 'unsupported-language',
      language: 'DW_LANG_Rust',
    });
  });

  it('says which compiler is missing', async () => {
    using tree = new TemporaryTree({ 'a.c': '' });
    const unit = { name: 'a.c', compDir: tree.path, producer: GCC };
    const overrides = { cc: 'no-such-cc' };
    expect(await refusalOf(() => discover({ unit, overrides }))).toMatchObject({
      code: 'compiler-not-found',
      compiler: 'no-such-cc',
    });
  });

  it('prefers the versioned driver', () => {
    expect(driverNames('gcc', 'c', '11.4.0')).toEqual(['gcc-11', 'gcc', 'cc']);
    expect(driverNames('clang', 'c++', '14.0.6')).toEqual(['clang++-14', 'clang++']);
  });
});

describe('a source that is not where it was built', () => {
  it('is found by the longest ending of its path above the program', async () => {
    using tree = new TemporaryTree({
      'pkg/src/lua.c': '',
      'pkg/src/h/x.h': '',
      'pkg/bin/lua.c': 'a decoy with a shorter match',
    });
    const command = await discover({
      unit: {
        name: 'lua.c',
        compDir: '/build/lua-5.4/src',
        producer: GCC,
        includeDirectories: ['/build/lua-5.4/src/h'],
      },
      searchRoots: [tree.at('pkg/bin')],
    });
    expect(command).toMatchObject({
      source: tree.at('pkg/src/lua.c'),
      directory: tree.at('pkg/src'),
    });
    expect(command.args).toContain(`-I${tree.at('pkg/src/h')}`);
  });

  it('is found when the folder was mapped to "."', async () => {
    using tree = new TemporaryTree({ 'pkg/src/a.c': '' });
    const unit = { name: 'src/a.c', compDir: '.', producer: GCC };
    expect(await discover({ unit, searchRoots: [tree.at('pkg/build/bin')] })).toMatchObject({
      source: tree.at('pkg/src/a.c'),
      directory: tree.at('pkg'),
      input: 'src/a.c',
    });
  });

  it('does not take a mere name far away from the program', async () => {
    using tree = new TemporaryTree({ 'a.c': '' });
    const unit = { name: 'a.c', compDir: '/nonexistent', producer: GCC };
    const failure = await refusalOf(() => discover({ unit, searchRoots: [tree.at('x/y/z')] }));
    expect(failure).toMatchObject({ code: 'source-not-found', source: 'a.c' });
    expect(failure.code === 'source-not-found' && failure.tried[0]).toBe('/nonexistent/a.c');
  });

  it.each(['\0', '../../..', '/', '', 'a/'.repeat(5000)])('refuses the name %j', async (name) => {
    const unit = { name, compDir: '/nonexistent', producer: GCC };
    expect((await refusalOf(() => discover({ unit, searchRoots: ['/usr/bin'] }))).code).toBe(
      'source-not-found',
    );
  });
});

describe('--source', () => {
  it('wins, with the flags of the original and the headers beside it', async () => {
    using tree = new TemporaryTree({ 'p/a.c': '', 'q/new.c': '' });
    const command = await discover({
      unit: { name: 'a.c', compDir: tree.at('p'), producer: GCC },
      overrides: { source: tree.at('q/new.c') },
    });
    expect(command).toMatchObject({ source: tree.at('q/new.c'), directory: tree.at('p') });
    expect(command.args.join(' ')).toContain(`-O2`);
    expect(command.args.join(' ')).toContain(`-iquote ${tree.at('p')}`);
  });

  it('is enough without debug information', async () => {
    using tree = new TemporaryTree({ 'a.cc': '' });
    expect(await discover({ overrides: { source: tree.at('a.cc'), cflags: '-O2' } })).toMatchObject(
      {
        origin: 'options',
        args: ['-O2'],
        directory: tree.path,
      },
    );
  });

  it('must be there', async () => {
    const failure = await refusalOf(() => discover({ overrides: { source: '/nonexistent/a.c' } }));
    expect(failure.code).toBe('source-not-found');
  });

  it('is asked for when nothing else is known', async () => {
    expect((await refusalOf(() => discover({}))).code).toBe('usage');
  });
});

describe('compile_commands.json', () => {
  const unitIn = (tree: TemporaryTree) => ({ name: 'a.c', compDir: tree.at('src'), producer: GCC });
  const database = (tree: TemporaryTree, ...commands: readonly string[]): string =>
    JSON.stringify(
      commands.map((command) => ({ directory: tree.at('build'), file: '../src/a.c', command })),
    );

  it('above the source wins over the debug information', async () => {
    using tree = new TemporaryTree({ 'src/a.c': '', 'build/flags.rsp': '-DY=2' });
    tree.write(
      'build/compile_commands.json',
      database(tree, 'ccache gcc -DX=1 @flags.rsp -I../inc -O1 -MD -o x.o -c ../src/a.c'),
    );
    const command = await discover({ unit: unitIn(tree) });
    expect(command).toMatchObject({
      args: ['-DX=1', '-DY=2', '-I../inc', '-O1'],
      directory: tree.at('build'),
      input: '../src/a.c',
      source: tree.at('src/a.c'),
      origin: 'compile_commands.json',
    });
    expect(command.cc).toMatch(/\/gcc$/);
  });

  it('says which of several commands it took', async () => {
    using tree = new TemporaryTree({ 'src/a.c': '', 'build/x': '' });
    tree.write(
      'compile_commands.json',
      database(tree, 'gcc -O0 -o d/a.o -c ../src/a.c', 'gcc -O2 -o r/a.o -c ../src/a.c'),
    );
    const command = await discover({ unit: unitIn(tree) });
    expect(command.args).toEqual(['-O2']);
    expect(command.explanation.join('\n')).toContain(`2 commands for ${tree.at('src/a.c')}`);
    expect(command.explanation.join('\n')).toContain(tree.at('build/r/a.o'));
  });

  it('is passed over, with the reason, when others may write to it', async () => {
    using tree = new TemporaryTree({ 'src/a.c': '', 'build/x': '' });
    tree.write('compile_commands.json', database(tree, '/tmp/evil -c ../src/a.c'));
    chmodSync(tree.at('compile_commands.json'), 0o666);
    const command = await discover({ unit: unitIn(tree) });
    expect(command.origin).toBe('dwarf');
    expect(command.explanation.join('\n')).toContain('everybody may write to it');
  });

  it('is passed over when it is damaged or has nothing on the source', async () => {
    for (const text of ['[', '[]', '{"a":1}']) {
      using tree = new TemporaryTree({ 'src/a.c': '', 'compile_commands.json': text });
      expect((await discover({ unit: unitIn(tree) })).origin).toBe('dwarf');
    }
  });

  it('is refused in these cases when it was named', async () => {
    using tree = new TemporaryTree({
      'src/a.c': '',
      'x/compile_commands.json': '[]',
      'y.json': '[',
    });
    const refused = async (compileCommands: string) =>
      (await refusalOf(() => discover({ unit: unitIn(tree), overrides: { compileCommands } })))
        .code;
    expect(await refused(tree.at('x'))).toBe('no-compile-command');
    expect(await refused(tree.at('y.json'))).toBe('malformed-file');
    expect(await refused(tree.at('nowhere'))).toBe('usage');
  });

  it('serves a copy of the source as well', async () => {
    using tree = new TemporaryTree({ 'src/a.c': '', 'new.c': '', 'build/x': '' });
    tree.write('src/compile_commands.json', database(tree, 'gcc -DX -c ../src/a.c'));
    const command = await discover({ unit: unitIn(tree), overrides: { source: tree.at('new.c') } });
    expect(command).toMatchObject({
      origin: 'compile_commands.json',
      source: tree.at('new.c'),
      input: tree.at('new.c'),
      args: ['-DX', '-iquote', tree.at('src')],
    });
  });

  it('as real CMake-like build tools write it compiles', async () => {
    using tree = new TemporaryTree({ 'src/a.c': 'int x = X;\n', 'build/x': '' });
    tree.write('compile_commands.json', database(tree, 'gcc -DX=4 -c ../src/a.c -o a.o'));
    const { cc, args, directory, input } = await discover({ unit: unitIn(tree) });
    execFileSync(cc, [...args, '-fsyntax-only', input], { cwd: directory });
  });
});

describe('a program with a root of its own', () => {
  const producer =
    'clang version 14.0.6 -O2 -g -fPIC -DN=3 -DNAME="a b" -Dint=__asm__(".incbin\\ \\"/etc/shadow\\"") -I/etc -include /root/x.h -isystem /srv -std=c11';

  it('gives flags that shape code, and neither paths nor code in macros', async () => {
    using tree = new TemporaryTree({ 'src/a.c': '' });
    const unit = { name: 'a.c', compDir: tree.at('src'), producer, includeDirectories: [] };
    const { args, explanation } = await discover({ unit, isForeign: true });
    expect(args).toEqual(expect.arrayContaining(['-O2', '-g', '-fPIC', '-DN=3', '-std=c11']));
    expect(args.join(' ')).not.toMatch(/etc|root|srv|asm/);
    expect(explanation.join('\n')).toContain('left out -I/etc (of a program with its own root)');
    expect((await discover({ unit })).args).toContain('-I/etc');
  });
});

describe('a source that nobody named', () => {
  it('is not taken from a stranger who put it where everybody may put files', async () => {
    using tree = new TemporaryTree({ 'src/a.c': '' });
    chmodSync(tree.at('src'), 0o777);
    const unit = { name: 'a.c', compDir: tree.at('src'), producer: 'GNU C17 12.2.0 -O2' };
    expect((await discover({ unit })).source).toBe(tree.at('src/a.c'));
    if (process.getuid?.() !== 0) return;
    lchownSync(tree.at('src/a.c'), 54321, 54321);
    expect((await refusalOf(() => discover({ unit }))).code).toBe('source-not-trusted');
    const named = await discover({ unit, overrides: { source: tree.at('src/a.c') } });
    expect(named.source).toBe(tree.at('src/a.c'));
  });

  it('is not taken from what a process shows below /proc', async () => {
    using tree = new TemporaryTree({ 'a.c': '' });
    const inRoot = `/proc/${process.pid}/root${tree.at('a.c')}`;
    const unit = { name: inRoot, compDir: tree.path, producer: 'GNU C17 12.2.0 -O2' };
    expect((await refusalOf(() => discover({ unit }))).code).toBe('source-not-trusted');
  });
});
