import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import ts from 'typescript';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { compileObject } from '../../src/build/compile.js';
import type { CompileCommand } from '../../src/build/compile-command.js';
import { compilerVersion } from '../../src/build/compiler-version.js';
import { findProgram } from '../../src/build/find-program.js';
import { readGivenObject, runUserBuild } from '../../src/build/user-build.js';
import { until } from '../support/until.js';
import { TemporaryTree } from './temporary-tree.js';
import { TimeOnRequest, pidIn } from './time-on-request.js';

const GCC = findProgram('gcc', '/') ?? '';

/** All temporary files of a test go here, so that what stays behind shows. */
let scratch: TemporaryTree;
beforeEach(() => {
  scratch = new TemporaryTree({});
  vi.stubEnv('TMPDIR', scratch.path);
});
afterEach(() => {
  expect(readdirSync(scratch.path)).toEqual([]);
  vi.unstubAllEnvs();
  scratch[Symbol.dispose]();
});

// The tests' own trees lie elsewhere.
function sources(files: Readonly<Record<string, string>>): TemporaryTree {
  vi.stubEnv('TMPDIR', '/tmp');
  const tree = new TemporaryTree(files);
  vi.stubEnv('TMPDIR', scratch.path);
  return tree;
}

function command(
  tree: TemporaryTree,
  name: string,
  more: Partial<CompileCommand> = {},
): CompileCommand {
  return {
    cc: GCC,
    args: ['-O2'],
    directory: tree.path,
    source: tree.at(name),
    input: name,
    origin: 'options',
    guessesLevel: false,
    explanation: [],
    consulted: [],
    ...more,
  };
}

function readelf(tree: TemporaryTree, bytes: Uint8Array, option: string): string {
  writeFileSync(tree.at('out.o'), bytes);
  return execFileSync('readelf', ['-W', option, tree.at('out.o')], { encoding: 'utf8' });
}

/** A program that takes the place of the compiler. */
function fakeCompiler(tree: TemporaryTree, script: string): string {
  tree.write('fake-cc', `#!/bin/sh\n${script}\n`);
  chmodSync(tree.at('fake-cc'), 0o755);
  return tree.at('fake-cc');
}

describe('compileObject', () => {
  it('makes an object with a section for each function and datum, and debug information', async () => {
    using tree = sources({
      'a.c': 'int n = 1; int f(void) { return n; } int g(void) { return 2; }\n',
    });
    const onStart = vi.fn();
    const object = await compileObject(command(tree, 'a.c'), { extraFlags: ['-fno-lto'], onStart });
    const sections = readelf(tree, object.bytes, '-S');
    for (const name of ['.text.f', '.text.g', '.data.n', '.debug_info'])
      expect(sections).toContain(name);
    expect(object.diagnostics).toBe('');
    expect(object.durationMs).toBeGreaterThan(0);
    expect(object.command).toMatch(/^\/\S*gcc -g -O2 -fno-lto .* -c -o \S+ a\.c$/);
    expect(onStart).toHaveBeenCalledExactlyOnceWith(object.command);
  });

  it('leaves nothing in the folder of the build', async () => {
    using tree = sources({ 'a.c': 'int f(void) { return 1; }\n' });
    vi.stubEnv('DEPENDENCIES_OUTPUT', tree.at('deps'));
    await compileObject(command(tree, 'a.c'), { extraFlags: [] });
    expect(readdirSync(tree.path)).toEqual(['a.c']);
  });

  it('keeps __FILE__ as the build had it', async () => {
    using tree = sources({ 'a.c': 'const char *f(void) { return __FILE__; }\n' });
    const { bytes } = await compileObject(command(tree, 'a.c'), { extraFlags: [] });
    expect(readelf(tree, bytes, '-p.rodata.f.str1.1')).toMatch(/\] {2}a\.c\n/);
  });

  it('gives the warnings back', async () => {
    using tree = sources({ 'a.c': '#warning mind the gap\n' });
    const { diagnostics } = await compileObject(command(tree, 'a.c'), { extraFlags: [] });
    expect(diagnostics).toContain('#warning mind the gap');
  });

  it('runs beside the source when the folder of the build is gone', async () => {
    using tree = sources({ 'a.c': '#include "b.h"\n', 'b.h': '' });
    const gone = command(tree, 'a.c', { directory: '/nonexistent' });
    await expect(compileObject(gone, { extraFlags: [] })).resolves.toBeDefined();
  });

  it('fails with the words of the compiler, in English', async () => {
    using tree = sources({ 'a.c': 'int f(void) { return x; }\n' });
    vi.stubEnv('LC_ALL', 'de_DE.UTF-8');
    await expect(compileObject(command(tree, 'a.c'), { extraFlags: [] })).rejects.toMatchObject({
      exitCode: 5,
      failure: {
        code: 'compile-failed',
        exitCode: 1,
        diagnostics: expect.stringMatching(
          /^a\.c: In function 'f':\na\.c:1:22: error: 'x' undecl/,
        ) as string,
      },
    });
  });

  it('explains that debug information records no -I and -D', async () => {
    using tree = sources({ 'a.c': '#include "missing.h"\n' });
    const attempt = compileObject(command(tree, 'a.c', { origin: 'dwarf' }), { extraFlags: [] });
    await expect(attempt).rejects.toMatchObject({
      hint: expect.stringContaining('--cflags') as string,
    });
  });

  it('fails when the compiler succeeds without an object', async () => {
    using tree = sources({ 'a.c': '' });
    const cc = fakeCompiler(tree, 'exit 0');
    await expect(compileObject(command(tree, 'a.c', { cc }), { extraFlags: [] })).rejects.toThrow(
      /left no object/,
    );
  });

  it('keeps the first mebibyte of what a compiler says', async () => {
    using tree = sources({ 'a.c': '' });
    const cc = fakeCompiler(tree, 'head -c 5000000 /dev/zero | tr "\\0" x >&2; exit 1');
    const failure = await compileObject(command(tree, 'a.c', { cc }), { extraFlags: [] }).catch(
      (error: unknown) => error as Error,
    );
    expect(failure).toBeInstanceOf(Error);
    expect((failure as Error).message.length).toBeLessThan(1_100_000);
    expect((failure as Error).message).toContain('[the rest is left out]');
  });

  it('ends a compiler that takes too long, and what it started', async () => {
    using tree = sources({ 'a.c': '' });
    const cc = fakeCompiler(tree, `sleep 300 & echo $! > ${tree.at('child')}; wait`);
    using time = new TimeOnRequest();
    const attempt = compileObject(command(tree, 'a.c', { cc }), { extraFlags: [], timeoutMs: 300 });
    const child = await until('it has started something', () => pidIn(tree.at('child')));
    time.pass(300);
    await expect(attempt).rejects.toThrow(/did not finish within/);
    await untilGone(child);
  });

  it('does not wait for a daemon that keeps the pipe open', async () => {
    using tree = sources({ 'a.c': '' });
    const cc = fakeCompiler(
      tree,
      `setsid sleep 300 & echo $! > ${tree.at('child')}; while [ $# -gt 0 ]; do [ "$1" = -o ] && : > "$2"; shift; done`,
    );
    const { bytes, durationMs } = await compileObject(command(tree, 'a.c', { cc }), {
      extraFlags: [],
    });
    process.kill(Number(readFileSync(tree.at('child'), 'utf8')));
    expect(bytes.length).toBe(0);
    expect(durationMs).toBeLessThan(30_000);
  });
});

async function untilGone(pid: number): Promise<void> {
  await until(`process ${pid} has ended`, () => {
    try {
      // A zombie that its new parent has not fetched yet is as good as gone.
      return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return true;
    }
  });
}

describe('when hcr ends', () => {
  it('the compiler ends with it and its folder goes', async () => {
    using tree = sources({ 'a.c': '' });
    // Compilers make temporary files up to their last moment.
    const writes = 'while :; do i=$((i + 1)); : > "$TMPDIR/$i"; done';
    const cc = fakeCompiler(tree, `echo $$ > ${tree.at('pid')}; ${writes}`);
    const src = new URL('../../src/', import.meta.url).pathname;
    const roots = [`${src}build/compile.ts`, `${src}cli/exit-on-signal.ts`];
    ts.createProgram(roots, {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.NodeNext,
      noCheck: true,
      rootDir: src,
      outDir: tree.path,
    }).emit();
    tree.write('package.json', '{"type":"module"}');
    tree.write(
      'driver.js',
      `import { compileObject } from './build/compile.js';
       import { exitOnSignals } from './cli/exit-on-signal.js';
       exitOnSignals();
       await compileObject(${JSON.stringify(command(tree, 'a.c', { cc }))}, { extraFlags: [] });`,
    );
    const driver = spawn(process.execPath, [tree.at('driver.js')], { stdio: 'inherit' });
    const ended = once(driver, 'exit');
    const compiler = await until('it compiles', () => pidIn(tree.at('pid')));
    expect(readdirSync(scratch.path)).toHaveLength(1);
    driver.kill('SIGTERM');
    expect(await ended).toEqual([143, null]);
    await untilGone(compiler);
  });
});

describe('runUserBuild', () => {
  it('runs a shell command in the folder', async () => {
    using tree = sources({});
    const { output } = await runUserBuild('echo hi > made && pwd', { directory: tree.path });
    expect(output).toBe(tree.path);
    expect(Buffer.from(readGivenObject(tree.at('made'))).toString()).toBe('hi\n');
  });

  it('fails with its output and its code', async () => {
    using tree = sources({});
    await expect(
      runUserBuild('echo oh >&2; exit 3', { directory: tree.path }),
    ).rejects.toMatchObject({
      failure: {
        code: 'compile-failed',
        exitCode: 3,
        diagnostics: 'oh\nThe build command ended with code 3.',
      },
    });
  });

  it('an object that is not there is a wrong option', () => {
    expect(() => readGivenObject('/nonexistent.o')).toThrow(/There is no object file/);
  });
});

describe('compilerVersion', () => {
  it('agrees with gcc itself', async () => {
    const version = execFileSync('gcc', ['-dumpfullversion'], { encoding: 'utf8' }).trim();
    expect(await compilerVersion(GCC)).toMatchObject({ family: 'gcc', version });
  });

  it('knows clang', async () => {
    using tree = sources({});
    const cc = fakeCompiler(tree, 'echo "Debian clang version 14.0.6"');
    expect(await compilerVersion(cc)).toMatchObject({ family: 'clang', version: '14.0.6' });
  });

  it('says when a compiler does not start', async () => {
    await expect(compilerVersion('/nonexistent/cc')).rejects.toMatchObject({
      failure: { code: 'compiler-not-found' },
    });
  });
});
