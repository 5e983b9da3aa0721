import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMakeOutput } from '../../src/build/make-output.js';
import { quoteShellWords } from '../../src/build/shell-words.js';
import { TemporaryTree } from './temporary-tree.js';

const entriesIn = (...lines: readonly string[]) => readMakeOutput(lines.join('\n'), '/top').entries;

describe('readMakeOutput', () => {
  it('goes into the folders that make enters, and out again', () => {
    const entries = entriesIn(
      "make: Entering directory '/top'",
      'cc -c a.c',
      "make[1]: Entering directory '/top/it's src'",
      'cc -DX -c b.c',
      "make[1]: Leaving directory '/top/it's src'",
      'cc -c c.c',
    );
    expect(entries.map(({ directory, file }) => [directory, file])).toEqual([
      ['/top', 'a.c'],
      ["/top/it's src", 'b.c'],
      ['/top', 'c.c'],
    ]);
  });

  it.each([
    ['cd sub && gcc -c a.c', '/top/sub'],
    ['cd sub; cd deeper; gcc -c a.c', '/top/sub/deeper'],
    ['(cd sub && true); gcc -c a.c', '/top'],
    ['mkdir x && (cd /abs; gcc -c a.c) || exit 1', '/abs'],
    ['test -d sub || mkdir sub; gcc -c a.c -o sub/a.o', '/top'],
  ])('%s', (line, directory) => {
    expect(entriesIn(line)).toMatchObject([{ directory, file: 'a.c' }]);
    // A change of folder ends with its line.
    expect(entriesIn('cd elsewhere && true', line)).toMatchObject([{ directory }]);
  });

  it.each([
    // redis
    [
      `printf '    %b %b\\n' "\\033[34m"CC"\\033[0m" a.o 1>&2;cc -std=c11 -DX="1" -MMD -o a.o -c a.c`,
      ['cc', '-std=c11', '-DX=1', '-MMD', '-o', 'a.o', '-c', 'a.c'],
    ],
    // automake with V=0 and libtool
    [
      'echo "  CC      " a.lo;/bin/bash ./libtool  --tag=CC --mode=compile gcc -DH -MT a.lo -MD -MF .deps/a.Tpo -c -o a.lo a.c',
      [
        ...['/bin/bash', './libtool', '--tag=CC', '--mode=compile', 'gcc', '-DH', '-MT', 'a.lo'],
        ...['-MD', '-MF', '.deps/a.Tpo', '-c', '-o', 'a.lo', 'a.c'],
      ],
    ],
    // automake where it computes the name of the dependency file
    [
      "depbase=`echo a.o | sed 's|[^/]*$|.deps/&|;s|\\.o$||'`;\\\ngcc -DH -MT a.o -MD -MP -MF $depbase.Tpo -c -o a.o a.c &&\\\nmv -f $depbase.Tpo $depbase.Po",
      ['gcc', '-DH', '-MT', 'a.o', '-MD', '-MP', '-c', '-o', 'a.o', 'a.c'],
    ],
    ['ccache gcc -c a.c || exit 1', ['ccache', 'gcc', '-c', 'a.c']],
    ['CCACHE_DIR=/x gcc -c a.c', ['CCACHE_DIR=/x', 'gcc', '-c', 'a.c']],
    ['cc -o prog a.c -lm', ['cc', '-o', 'prog', 'a.c', '-lm']],
  ])('finds the command in %j', (line, words) => {
    expect(entriesIn(line).map((entry) => entry.words)).toEqual([words]);
  });

  it("finds the source that automake's command looks for", () => {
    using tree = new TemporaryTree({ 'build/here.c': '' });
    const line = (name: string) => `gcc -c -o x.o \`test -f '${name}' || echo '../'\`${name}`;
    const found = (name: string) => readMakeOutput(line(name), tree.at('build')).entries[0]?.file;
    expect(found('here.c')).toBe('here.c');
    expect(found('there.c')).toBe('../there.c');
  });

  it.each([
    'gcc $(pkg-config --cflags x) -c a.c',
    'gcc `cat flags` -c a.c',
    'gcc $CFLAGS -c a.c',
    'cd $dir && gcc -c a.c',
    'for f in a.c; do gcc -c $f a.c; done',
    'gcc -Iinc* -c a.c',
  ])('does not guess at %j, and counts it', (line) => {
    const { entries, unclear } = readMakeOutput(line, '/top');
    expect(entries).toEqual([]);
    expect(unclear).toBe(1);
  });

  it.each([
    'gcc -MM a.c > deps',
    'gcc -E a.c',
    'gcc -S a.c',
    'install -c a.c /usr/src',
    'gcc -o prog a.o b.o',
    'echo gcc -c a.c',
    "sh -c 'gcc -c a.c'",
    'CPATH=/x gcc -c a.c',
    'gcc -c "a.c',
  ])('sees no compilation in %j', (line) => {
    expect(entriesIn(line)).toEqual([]);
  });

  it('gives back the words of any command that make prints, and its folder', () => {
    const word = fc
      .string({ minLength: 1, maxLength: 12 })
      .filter((text) => !/[\n\r\0]/.test(text));
    const flags = fc.array(
      word.map((value) => `-D${value}`),
      { maxLength: 4 },
    );
    const before = fc.constantFrom(
      '',
      "echo '  CC'; ",
      'true && ',
      "printf '%s;' x 1>&2;",
      'A=1 ; ',
    );
    const after = fc.constantFrom('', ' || exit 1', '; true', ' > log 2>&1', ' && mv x y');
    fc.assert(
      fc.property(word, flags, before, after, (folder, defines, prefix, suffix) => {
        const words = ['gcc', ...defines, '-c', 'a.c'];
        const line = `${prefix}cd ${quoteShellWords([`./${folder}`])} && ${quoteShellWords(words)}${suffix}`;
        const [entry, ...more] = entriesIn(line);
        expect(more).toEqual([]);
        expect(entry?.words).toEqual(words);
        expect(entry?.directory.startsWith('/')).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('ends on any text and finds nothing that is not there', () => {
    const unit = fc.constantFrom(
      ...Array.from('`$(){}\'"\\;&|<># \n'),
      'gcc ',
      '-c ',
      'a.c ',
      'cd ',
      'make: Leaving directory ',
    );
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 40 }), (text) => {
        for (const { file, words } of entriesIn(text)) {
          expect(words).toContain(file);
          expect(text).toContain('gcc');
        }
      }),
      { numRuns: 2000 },
    );
  });
});
