import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandResponseFiles } from '../../src/build/response-file.js';
import { TemporaryTree } from './temporary-tree.js';

describe('expandResponseFiles', () => {
  it('expands files within files, relative to the folder of the compilation', () => {
    using tree = new TemporaryTree({
      'a.rsp': '-O2 @sub/b.rsp\n-g',
      'sub/b.rsp': String.raw`-DX="a b" c\ d`,
    });
    expect(expandResponseFiles(['-c', '@a.rsp', 'x.c'], tree.path)).toEqual([
      '-c',
      '-O2',
      '-DX=a b',
      'c d',
      '-g',
      'x.c',
    ]);
  });

  it('leaves a file that is not there as it is', () => {
    expect(expandResponseFiles(['@nowhere'], '/nonexistent')).toEqual(['@nowhere']);
  });

  it('ends on a file that names itself', () => {
    using tree = new TemporaryTree({ 'a.rsp': '@a.rsp @a.rsp' });
    expect(expandResponseFiles(['@a.rsp'], tree.path).length).toBeLessThan(10_000);
  });

  it('ends on a long file that names itself in every line', () => {
    using tree = new TemporaryTree({ 'a.rsp': '@a.rsp\n'.repeat(200_000) });
    const words = expandResponseFiles(['@a.rsp'], tree.path);
    expect(new Set(words)).toEqual(new Set(['@a.rsp']));
  });

  it('splits as gcc does', () => {
    using tree = new TemporaryTree({});
    const text = fc
      .array(fc.constantFrom(' -DY=', '\n-DZ=', '"', "'", '\\', 'a', 'b'), { maxLength: 10 })
      .map((chars) => chars.join(''))
      // gcc keeps an open quote and a last backslash in ways of its own.
      .filter((chars) => balanced(chars));
    fc.assert(
      fc.property(text, (chars) => {
        writeFileSync(tree.at('x.rsp'), `-DX=${chars} -DEND`);
        const words = expandResponseFiles(['@x.rsp'], tree.path);
        const asked = gccWords(tree.path);
        expect(words).toEqual(asked);
      }),
      { numRuns: 60 },
    );
  });
});

function balanced(text: string): boolean {
  let quote = '';
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charAt(i);
    if (char === '\\') {
      i += 1;
      if (i >= text.length) return false;
    } else if (quote === '') {
      if (char === '"' || char === "'") quote = char;
    } else if (char === quote) quote = '';
  }
  return quote === '';
}

/** gcc hands the words of the file to the program of -wrapper, which prints them. */
function gccWords(directory: string): string[] {
  const script = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))';
  const out = execFileSync(
    'gcc',
    ['-wrapper', `${process.execPath},-e,${script},--`, '-E', '@x.rsp', '-xc', '-'],
    {
      cwd: directory,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const args = JSON.parse(out) as string[];
  const words: string[] = [];
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] ?? '';
    if (arg === '-D') {
      words.push(`-D${args[i + 1] ?? ''}`);
      i += 1;
    }
  }
  return words;
}
