import { chmodSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { discoverCompileCommand } from '../../src/build/compile-command.js';
import { TemporaryTree } from './temporary-tree.js';

const GCC = 'GNU C17 12.2.0 -mtune=generic -march=x86-64 -g -O2';

const BUILD = [
  'builddir = out/deep',
  'rule cc',
  '  command = ccache gcc -O2 $flags @$out.rsp -o $out -c $in',
  '  rspfile = $out.rsp',
  '  rspfile_content = -DIN_RESPONSE',
  'rule generate',
  '  command = touch ran && touch $out',
  'build build.ninja: generate ../a.c',
  '  generator = 1',
  'build x/a.o: cc ../a.c',
  '  flags = -DX=1',
  'build y/a.o: cc ../a.c',
  '  flags = -DY -funroll-loops',
  '',
].join('\n');

function discover(tree: TemporaryTree, producer = GCC) {
  const unit = { name: '../a.c', compDir: tree.at('build'), producer };
  return discoverCompileCommand({ unit, overrides: {}, searchRoots: [] });
}

async function reasonIn(tree: TemporaryTree): Promise<string | undefined> {
  const { consulted } = await discover(tree);
  return consulted.find(({ origin, outcome }) => origin === 'ninja' && outcome === 'passed over')
    ?.detail;
}

describe('flags from ninja', () => {
  it('are those of its database, with response files that are not there, and nothing is made', async () => {
    using tree = new TemporaryTree({ 'a.c': '', 'build/build.ninja': BUILD });
    expect(await discover(tree)).toMatchObject({
      origin: 'ninja',
      place: tree.at('build/build.ninja'),
      args: ['-O2', '-DX=1', '-DIN_RESPONSE'],
      directory: tree.at('build'),
      input: '../a.c',
    });
    expect(readdirSync(tree.at('build'))).toEqual(['build.ninja']);
  });

  it('are those of the program among several', async () => {
    using tree = new TemporaryTree({ 'a.c': '', 'build/build.ninja': BUILD });
    const { args, explanation } = await discover(tree, `${GCC} -funroll-loops`);
    expect(args).toContain('-DY');
    // What makes build.ninja takes the source too, and does not compile it.
    expect(explanation.join('\n')).toMatch(
      /it has 2 commands for .*y\/a\.o: it has the program's -O2/,
    );
  });

  it('are taken from lines for the shell', async () => {
    const line = 'mkdir -p x && cd .. && gcc -O2 -DLINE -c a.c -o build/$out && touch x/done';
    using tree = new TemporaryTree({
      'a.c': '',
      'build/build.ninja': `rule cc\n  command = ${line}\nbuild a.o: cc ../a.c\n`,
    });
    const unit = { name: 'a.c', compDir: tree.path, producer: GCC };
    const found = await discoverCompileCommand({ unit, overrides: {}, searchRoots: [] });
    expect(found).toMatchObject({ args: ['-O2', '-DLINE'], directory: tree.path, input: 'a.c' });
  });

  it('come after those of compile_commands.json', async () => {
    const command = { directory: '.', file: '../a.c', command: 'gcc -O2 -DJSON -c ../a.c' };
    using tree = new TemporaryTree({
      'a.c': '',
      'build/build.ninja': BUILD,
      'build/compile_commands.json': JSON.stringify([command]),
    });
    const { args, consulted } = await discover(tree);
    expect(args).toEqual(['-O2', '-DJSON']);
    expect(consulted.map(({ origin, outcome }) => `${origin} ${outcome}`)).toEqual([
      'compile_commands.json used',
      'ninja not asked',
      'make not asked',
      'dwarf not asked',
    ]);
  });

  it('are not asked for where everybody may write to build.ninja or its folder', async () => {
    using tree = new TemporaryTree({ 'a.c': '', 'build/build.ninja': BUILD });
    chmodSync(tree.at('build/build.ninja'), 0o666);
    expect(await reasonIn(tree)).toBe('everybody may write to it');
    chmodSync(tree.at('build/build.ninja'), 0o644);
    chmodSync(tree.at('build'), 0o777);
    expect(await reasonIn(tree)).toBe('everybody may write to its folder');
  });

  it.each([
    ['rule cc', /ninja -t compdb ended with code 1: .*expected/],
    ['rule cc\n  command = touch $out\nbuild a.o: cc ../b.c\n', /it has no command for .*a\.c/],
    [BUILD.replace('ccache gcc', 'no-such-gcc'), /its compiler no-such-gcc is not there/],
  ])('are passed over with the reason', async (text, reason) => {
    using tree = new TemporaryTree({ 'a.c': '', 'build/build.ninja': text });
    expect(await reasonIn(tree)).toMatch(reason);
    expect((await discover(tree)).origin).toBe('dwarf');
  });
});
