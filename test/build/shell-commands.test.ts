import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSimpleCommands } from '../../src/build/shell-commands.js';
import { quoteShellWords } from '../../src/build/shell-words.js';

const texts = (line: string): string[][] =>
  readSimpleCommands(line).map(({ words }) => words.map(({ text }) => text));
const exactness = (line: string): boolean[] =>
  readSimpleCommands(line).flatMap(({ words }) => words.map(({ isExact }) => isExact));

describe('readSimpleCommands', () => {
  it.each([
    ['gcc -c a.c', [['gcc', '-c', 'a.c']]],
    [
      `echo "  CC   a";gcc '-DX="a b"' -c a.c`,
      [
        ['echo', '  CC   a'],
        ['gcc', '-DX="a b"', '-c', 'a.c'],
      ],
    ],
    [
      "printf '%s' x 1>&2;cc -c a.c",
      [
        ['printf', '%s', 'x'],
        ['cc', '-c', 'a.c'],
      ],
    ],
    [
      'if gcc -c a.c; then mv b c; else rm b; fi',
      [['gcc', '-c', 'a.c'], ['mv', 'b', 'c'], ['rm', 'b'], ['fi']],
    ],
    [
      'cd x && gcc a.c > log 2>/dev/null || exit 1',
      [
        ['cd', 'x'],
        ['gcc', 'a.c'],
        ['exit', '1'],
      ],
    ],
    ['gcc a.c \\\n  -O2 # -O3\ntrue', [['gcc', 'a.c', '-O2'], ['true']]],
    ['gcc -D\'A=1\'"B" \\-c a\\ b.c', [['gcc', '-DA=1B', '-c', 'a b.c']]],
  ])('%s', (line, commands) => {
    expect(texts(line)).toEqual(commands);
  });

  it('tells in which subshell a command is', () => {
    expect(readSimpleCommands('(cd x; (a) && b); c').map(({ depth }) => depth)).toEqual([
      1, 2, 1, 0,
    ]);
  });

  it.each([
    '$x',
    '"$x"',
    '${x}',
    '$(echo a)',
    '`echo a`',
    '"`a`"',
    '*.c',
    'a[b]',
    '~/x',
    '{a,b}',
    'a?',
  ])('leaves open what only a shell knows: %s', (word) => {
    expect(exactness(`gcc ${word} '$x' "*" \\*`)).toEqual([true, false, true, true, true]);
  });

  it.each(["gcc 'a", 'gcc "a', 'gcc `a', 'gcc $(a', 'gcc ${a', 'cat <<E\ngcc a.c\nE'])(
    'sees no commands in %j',
    (line) => {
      expect(readSimpleCommands(line)).toEqual([]);
    },
  );

  it('splits exact words as /bin/sh does', () => {
    const piece = fc.constantFrom(
      ...['a', '-D', '=', "'x y'", '"x\\"y"', '\\$', "'$b'", '\\ ', '""', '1'],
    );
    const word = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(''));
    const operator = fc.constantFrom(' ; ', ' && ', ';', ' || true; ');
    const line = fc
      .array(fc.tuple(fc.array(word, { minLength: 1, maxLength: 4 }), operator), {
        minLength: 1,
        maxLength: 3,
      })
      .map((commands) => commands.map(([words, end]) => [words.join(' '), end] as const));
    const samples = fc.sample(line, 60);
    // Each command is told by a function that prints its words, all lines in one shell.
    const script = samples
      .map(
        (commands) => `echo @; ${commands.map(([text, end]) => `show ${text}${end}`).join('')} :`,
      )
      .join('\n');
    const show = `show() { printf '<%s>' "$@"; echo; }\n`;
    const said = execFileSync('/bin/sh', ['-c', show + script], { encoding: 'utf8' });
    const expected = said.split('@\n').slice(1);
    samples.forEach((commands, i) => {
      const ours = texts(commands.map(([text, end]) => `show ${text}${end}`).join(''))
        .filter(([name]) => name === 'show')
        .map(
          (words) =>
            `${words
              .slice(1)
              .map((word) => `<${word}>`)
              .join('')}\n`,
        )
        .join('');
      expect(ours, JSON.stringify(commands)).toBe(expected[i]);
    });
  });

  it('reads back what was quoted', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (words) => {
        const [command] = readSimpleCommands(quoteShellWords(['x', ...words]));
        expect(command?.words.map(({ text }) => text)).toEqual(['x', ...words]);
        expect(command?.words.every(({ isExact }) => isExact)).toBe(true);
      }),
    );
  });

  it('ends on any text', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(...Array.from('`$(){}\'"\\;&|<># \na=')),
          maxLength: 60,
        }),
        (text) => {
          expect(Array.isArray(readSimpleCommands(text))).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
