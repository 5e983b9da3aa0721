import { symlinkSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseEntry } from '../../src/build/choose-entry.js';
import {
  findCompileCommands,
  namedCompileCommands,
  readEntriesFor,
} from '../../src/build/compile-commands.js';
import { isHcrError } from '../../src/core/failure.js';
import { TemporaryTree } from './temporary-tree.js';

const list = (...entries: readonly unknown[]): string => JSON.stringify(entries);

describe('findCompileCommands', () => {
  it('looks in every folder above the source and in build folders there, nearest first', () => {
    using tree = new TemporaryTree({
      'p/src/a.c': '',
      'p/src/build/compile_commands.json': '[]',
      'p/cmake-build-debug/compile_commands.json': '[]',
      'p/out/compile_commands.json': '[]',
      'p/other/compile_commands.json': '[]',
      'compile_commands.json': '[]',
    });
    const found = findCompileCommands(tree.at('p/src/a.c')).filter((p) => p.startsWith(tree.path));
    expect(found).toEqual(
      [
        'p/src/build/compile_commands.json',
        'p/cmake-build-debug/compile_commands.json',
        'p/out/compile_commands.json',
        'compile_commands.json',
      ].map((name) => tree.at(name)),
    );
  });

  it('takes a named folder for the file in it', () => {
    using tree = new TemporaryTree({ 'b/compile_commands.json': '[]' });
    expect(namedCompileCommands(tree.at('b'))).toBe(tree.at('b/compile_commands.json'));
  });
});

describe('readEntriesFor', () => {
  it('matches by real path, reads both forms, passes over nonsense', () => {
    using tree = new TemporaryTree({ 'src/a.c': '', 'b/x': '' });
    symlinkSync(tree.at('src'), tree.at('link'));
    tree.write(
      'compile_commands.json',
      list(
        { file: 'a.c', directory: tree.at('link'), command: 'gcc -DX=\\"1\\" -c a.c -o a.o' },
        { file: '../src/a.c', directory: 'b', arguments: ['cc', 'a.c'], output: 'o' },
        { file: 'a.c', directory: tree.at('b'), command: 'gcc other.c' },
        { file: 'a.c', directory: tree.at('src') },
        { file: 'a.c', directory: tree.at('src'), command: 'gcc "open' },
        { file: 'a.c', directory: tree.at('src'), arguments: ['gcc', 5] },
        { file: 5 },
        null,
        'a.c',
      ),
    );
    expect(readEntriesFor(tree.at('compile_commands.json'), tree.at('src/a.c'))).toEqual([
      {
        file: 'a.c',
        directory: tree.at('link'),
        words: ['gcc', '-DX="1"', '-c', 'a.c', '-o', 'a.o'],
        line: 'gcc -DX=\\"1\\" -c a.c -o a.o',
      },
      { file: '../src/a.c', directory: tree.at('b'), words: ['cc', 'a.c'], output: 'o' },
    ]);
  });

  it.each(['{}', '5', '[', '', 'null'])('refuses the text %j as malformed', (text) => {
    using tree = new TemporaryTree({ 'compile_commands.json': text, 'a.c': '' });
    expect(() => readEntriesFor(tree.at('compile_commands.json'), tree.at('a.c'))).toThrow(
      /compile_commands\.json is malformed/,
    );
  });

  it('reads JSON of any shape or fails as malformed', () => {
    using tree = new TemporaryTree({ 'a.c': '' });
    const path = tree.at('compile_commands.json');
    const odd = fc.record(
      {
        file: fc.oneof(fc.constant('a.c'), fc.jsonValue()),
        directory: fc.oneof(fc.constant(tree.path), fc.jsonValue()),
        command: fc.jsonValue(),
        arguments: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
        output: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.array(odd).map((v) => JSON.stringify(v)),
        ),
        (text) => {
          tree.write('compile_commands.json', text);
          try {
            for (const entry of readEntriesFor(path, tree.at('a.c'))) {
              expect(entry.words.every((word) => typeof word === 'string')).toBe(true);
            }
          } catch (error) {
            expect(isHcrError(error, 'malformed-file')).toBe(true);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('chooseEntry', () => {
  const entry = (directory: string, flags: string, output?: string) => ({
    file: 'a.c',
    directory,
    words: ['gcc', ...flags.split(' ')],
    ...(output === undefined ? {} : { output }),
  });
  const debug = entry('/p/debug', '-O0');
  const release = entry('/p/release', '-O2');

  it('prefers the optimisation level of the live program', () => {
    expect(chooseEntry([debug, release], { flags: ['-O2'], near: ['/p/debug'] })?.entry).toBe(
      release,
    );
  });

  it('prefers the folder in which the compiler ran', () => {
    expect(
      chooseEntry([debug, release], { flags: [], near: [], compDir: '/p/release' })?.entry,
    ).toBe(release);
  });

  it('prefers the output that lies with the program', () => {
    const a = entry('/p', '-O2', 'a/x.o');
    const b = entry('/p', '-O2', 'b/x.o');
    expect(chooseEntry([a, b], { flags: [], near: ['/p/b'] })?.entry).toBe(b);
  });

  it('takes the first of equals', () => {
    expect(chooseEntry([debug, release], { flags: [], near: [] })?.entry).toBe(debug);
  });
});
