import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quoteShellWords, splitShellWords } from '../../src/build/shell-words.js';

/** What the shell makes of the line; every word ends in a NUL. */
function splitBySh(line: string): string[] {
  const out = execFileSync('/bin/sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' });
  return out.split('\0').slice(0, -1);
}

describe('splitShellWords', () => {
  it.each([
    ['', []],
    ['  gcc\t-c  a.c\n', ['gcc', '-c', 'a.c']],
    [String.raw`-DX="a b"`, ['-DX=a b']],
    [String.raw`-DX=\"a\ b\"`, ['-DX="a b"']],
    [String.raw`'-DX="it is"'`, ['-DX="it is"']],
    [String.raw`"\a\"\\\$"`, [String.raw`\a"\$`]],
    [`''  ""`, ['', '']],
    [`a''b`, ['ab']],
    ['a\\\nb', ['ab']],
    ['-DX=$HOME *.c; #x', ['-DX=$HOME', '*.c;', '#x']],
  ])('%j', (line, words) => {
    expect(splitShellWords(line)).toEqual(words);
  });

  it.each([`'a`, `"a`, `a "b\\"`])('refuses the open quote of %j', (line) => {
    expect(() => splitShellWords(line, '--cflags option')).toThrow(
      /not closed in the --cflags option/,
    );
  });

  it('splits as /bin/sh does', () => {
    // Only characters that the shell does not expand; `!` in front would be a keyword.
    const line = fc
      .array(fc.constantFrom(...[' ', '\t', '"', "'", '\\', 'a', 'b', '-', '=', 'é', '/', ',']), {
        minLength: 1,
        maxLength: 16,
      })
      .map((chars) => `x ${chars.join('')}`);
    fc.assert(
      fc.property(line, (text) => {
        let words: string[];
        try {
          words = splitShellWords(text);
        } catch {
          return;
        }
        // A backslash at the very end escapes the end of the input; shells differ there.
        fc.pre(!/(^|[^\\])(\\\\)*\\$/.test(text));
        expect(words).toEqual(splitBySh(text));
      }),
      { numRuns: 400 },
    );
  });
});

describe('quoteShellWords', () => {
  it('is undone by the shell and by splitShellWords', () => {
    const words = fc.array(fc.string({ unit: 'grapheme-ascii' }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(words, (list) => {
        const line = quoteShellWords(list);
        expect(splitShellWords(line)).toEqual(list);
        expect(splitBySh(line)).toEqual(list);
      }),
      { numRuns: 300 },
    );
  });

  it('leaves plain words as they are', () => {
    expect(quoteShellWords(['gcc', '-O2', '-DX=1', 'a b'])).toBe("gcc -O2 -DX=1 'a b'");
  });
});
