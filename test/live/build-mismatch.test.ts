/** Code compiled with the wrong compiler or flags is not taken for an edit. */
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { attach, refusalOf, reload, rollBack, runHcr } from '../support/hcr.js';
import { type InlineProgram, MAIN_C, buildInline } from '../support/inline-program.js';
import { NOTHING, changesDuring } from '../support/memory-snapshot.js';

/** Six functions that look different at each level, and with or without FEATURE or vectors. */
const WORK_C = `#include <stdio.h>
#include "work.h"
#ifdef FEATURE
#define STEP(x) ((x) * 3 + 1)
#else
#define STEP(x) ((x) / 7)
#endif
${Array.from(
  { length: 6 },
  (_, i) => `__attribute__((noinline)) int work${i}(const float *v, int n)
{
    float sum = ${i};
    for (int i = 0; i < n; i++) sum += v[i] * OFFSET;
    return STEP((int)sum) + ${i};
}
`,
).join('')}
static const float values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
void show(void)
{
    int sum = 0;
    sum += work0(values, 8) + work1(values, 7) + work2(values, 6);
    sum += work3(values, 5) + work4(values, 4) + work5(values, 3);
    printf("%d", sum);
}
`;
const FILES = { 'main.c': MAIN_C, 'work.c': WORK_C, 'work.h': '#define OFFSET 1\n' };
const FEW = {
  'main.c': MAIN_C,
  'work.c': '#include <stdio.h>\nvoid show(void) { printf("%d", 1); }\n',
};

function writeDatabase(program: InlineProgram, words: readonly string[]): void {
  const directory = program.path;
  writeFileSync(
    program.at('compile_commands.json'),
    JSON.stringify([{ directory, file: 'work.c', arguments: [...words, '-c', 'work.c'] }]),
  );
}

const edit = (program: InlineProgram): void => program.edit('work.c', '"%d", sum', '"%d!", sum');

describe.each([
  { what: 'another -O level', built: ['-O2', '-g'], flags: ['gcc', '-O0', '-g'], doubt: /-O2/ },
  { what: '-O0 for a program of -O2', built: ['-O0', '-g'], flags: ['gcc', '-O2'], doubt: /-O2/ },
  { what: 'another compiler', built: ['-O2', '-g'], flags: ['clang', '-O2', '-g'], doubt: /clang/ },
  {
    what: 'a missing -march',
    built: ['-O3', '-march=haswell', '-ffast-math', '-g'],
    flags: ['gcc', '-O3', '-ffast-math', '-g'],
    doubt: /-march=haswell/,
  },
  {
    what: 'clang at another -O level, which it does not record',
    compiler: 'clang',
    built: ['-O2', '-g'],
    flags: ['clang', '-O0', '-g'],
    doubt: /little in common/,
  },
])('$what in compile_commands.json', ({ built, flags, doubt, compiler = 'gcc' }) => {
  it('is refused by reload and by attach where it was named, and passed over where it was found', async () => {
    using program = await buildInline(FILES, built, compiler);
    await using target = await program.start();
    await target.waitForLine(/^\d+$/);
    edit(program);
    writeDatabase(program, flags);
    const changes = await changesDuring(target.pid, async () => {
      for (const words of [
        ['reload', target.pid],
        ['attach', target.pid, '--func', 'show'],
      ]) {
        const refusal = await refusalOf([...words, '--compile-commands', program.path]);
        expect(refusal).toMatchObject({ exitCode: 4, code: 'build-mismatch' });
        expect(`${refusal.message} ${refusal.hint}`).toMatch(doubt);
      }
    });
    expect(changes).toEqual(NOTHING);
    // What the program records of itself is right.
    const found = await reload(target.pid);
    expect(found.functions.map(({ name }) => name)).toEqual(['show']);
    expect(found.notes.join('\n')).toMatch(/^Passed over .*compile_commands\.json: /);
    await target.waitForLine(/^\d+!$/);
    await rollBack(target.pid);
    writeDatabase(program, [compiler, ...built]);
    const right = await reload(target.pid, ['--compile-commands', program.path]);
    expect(right.functions.map(({ name }) => name)).toEqual(['show']);
    target.lines.skipArrived();
    await target.waitForLine(/^\d+!$/);
  });
});

describe('a unit of too few functions to vote', () => {
  it.each([
    { what: 'level', built: ['-O2', '-g'], flags: ['gcc', '-O0', '-g'] },
    { what: 'compiler', built: ['-O2', '-g'], flags: ['clang', '-O2', '-g'] },
  ])('is judged by the producers: another $what', async ({ built, flags }) => {
    using program = await buildInline(FEW, built);
    await using target = await program.start();
    program.edit('work.c', ', 1)', ', 2)');
    writeDatabase(program, flags);
    const named = ['--compile-commands', program.path];
    expect(await refusalOf(['reload', target.pid, ...named])).toMatchObject({
      code: 'build-mismatch',
    });
    expect(await refusalOf(['attach', target.pid, '--func', 'show', ...named])).toMatchObject({
      code: 'build-mismatch',
    });
    const { notes } = await reload(target.pid);
    expect(notes.join('\n')).toMatch(/^Passed over .*compile_commands\.json: /);
  });

  it('is judged by the version of the compiler', async () => {
    using program = await buildInline(FEW);
    // As if an older compiler of the same name had built the program.
    await program.run('sed', '-i', 's/GNU C17 12\\.2\\.0/GNU C17 12.1.0/g', 'main');
    await using target = await program.start();
    program.edit('work.c', ', 1)', ', 2)');
    const refusal = await refusalOf(['reload', target.pid]);
    expect(refusal.code).toBe('build-mismatch');
    expect(refusal.message).toMatch(/12\.1\.0.*12\.2\.0/);
    expect(refusal.hint).toMatch(/--cc/);
  });
});

describe('a -D that gcc does not record', () => {
  it('is missed, and named as what may be missing', async () => {
    using program = await buildInline(FILES, ['-O2', '-g', '-DFEATURE']);
    await using target = await program.start();
    edit(program);
    for (const words of [
      ['reload', target.pid],
      ['attach', target.pid, '--func', 'show'],
    ]) {
      const refusal = await refusalOf(words);
      expect(refusal).toMatchObject({ exitCode: 4, code: 'build-mismatch' });
      expect(refusal.hint).toMatch(/-D.*--cflags/);
    }
    const report = await reload(target.pid, ['--cflags', '-DFEATURE']);
    expect(report.functions.map(({ name }) => name)).toEqual(['show']);
    await target.waitForLine(/^\d+!$/);
  });
});

describe('a big edit with the right flags', () => {
  it('passes when a header that everything uses was edited', async () => {
    using program = await buildInline(FILES);
    await using target = await program.start();
    const [before] = await target.waitForLine(/^\d+$/);
    program.edit('work.h', 'OFFSET 1', 'OFFSET (i + 2)');
    expect((await reload(target.pid)).functions.map(({ name }) => name)).toEqual(
      expect.arrayContaining(Array.from({ length: 6 }, (_, i) => `work${i}`)),
    );
    await target.waitForLine(new RegExp(`^(?!${before}$)\\d+$`));
  });

  it('passes when somebody vouches for the flags, and says how before', async () => {
    using program = await buildInline(FILES);
    await using target = await program.start();
    program.edit('work.c', '((x) / 7)', '((x) / 9 + 1)');
    const refusal = await refusalOf(['reload', target.pid]);
    expect(refusal.code).toBe('build-mismatch');
    expect(refusal.hint).toMatch(/--cflags ''/);
    expect((await reload(target.pid, ['--cflags', ''])).functions).toHaveLength(6);
  });
});

/** Short functions, too few of the others to vote, of which one depends on a macro of the build. */
const SHORT_C = `#include <stdio.h>
#define SCALE 3
#ifdef FEATURE
#define EXTRA 1000
#else
#define EXTRA 0
#endif
__attribute__((noinline)) int one(int x) { return x * SCALE - x; }
__attribute__((noinline)) int two(int x) { return one(x) + SCALE; }
__attribute__((noinline)) int three(int x) { return two(x) * SCALE; }
__attribute__((noinline)) int four(int x) { return three(x) + SCALE * 2 + EXTRA; }
void show(void) { printf("%d", four(1)); }
`;

describe('an edit of most functions of a file whose build has a -D', () => {
  const flags = ['-O2', '-g', '-DFEATURE'];
  /** @param seconds how long ago; negative for one after the program was built */
  const commit = async (program: InlineProgram, seconds: number): Promise<void> => {
    const date = `GIT_COMMITTER_DATE=@${Math.floor(Date.now() / 1000) - seconds} +0000`;
    const who = ['-c', 'user.name=a', '-c', 'user.email=a@example.org'];
    await program.run('git', 'init', '--quiet');
    await program.run('git', 'add', 'work.c');
    await program.run('env', date, 'git', ...who, 'commit', '--quiet', '-m', 'a version');
  };

  it('is not compiled without it: refused, with the way on', async () => {
    using program = await buildInline({ 'main.c': MAIN_C, 'work.c': SHORT_C }, flags);
    await using target = await program.start();
    await target.waitForLine(/^1021$/);
    writeDatabase(program, ['gcc', ...flags]);
    program.edit('work.c', 'SCALE 3', 'SCALE 4');
    const refusal = await refusalOf(['reload', target.pid]);
    expect(refusal).toMatchObject({ exitCode: 4, code: 'build-mismatch' });
    expect(refusal.message).toContain('-DFEATURE');
    expect(refusal.hint).toMatch(/--cflags ''/);
    expect((await reload(target.pid, ['--cflags', ''])).functions).toHaveLength(4);
    await target.waitForLine(/^1036$/);
  });

  it.each([
    { what: 'the last commit', commits: ['SCALE 3'] },
    { what: 'the commit that the program was built from', commits: ['SCALE 3', 'SCALE 5'] },
  ])('goes live where the same flags make the program’s code of $what', async ({ commits }) => {
    using program = await buildInline({ 'main.c': MAIN_C, 'work.c': SHORT_C }, flags);
    for (const [i, scale] of commits.entries()) {
      program.write('work.c', SHORT_C.replace('SCALE 3', scale));
      await commit(program, i === 0 ? 1000 : -1000);
    }
    await using target = await program.start();
    writeDatabase(program, ['gcc', ...flags]);
    program.edit('work.c', commits.at(-1) ?? '', 'SCALE 4');
    const report = await reload(target.pid);
    expect(report.functions).toHaveLength(4);
    expect(report.notes.join()).not.toMatch(/Passed over/);
    await target.waitForLine(/^1036$/);
  });

  it('is refused where the flags are those of another build, whatever git has', async () => {
    using program = await buildInline({ 'main.c': MAIN_C, 'work.c': SHORT_C }, flags);
    await commit(program, 0);
    await using target = await program.start();
    await target.waitForLine(/^1021$/);
    writeDatabase(program, ['gcc', '-O2', '-g', '-DOTHER']);
    program.edit('work.c', 'SCALE 3', 'SCALE 4');
    expect(await refusalOf(['reload', target.pid])).toMatchObject({ code: 'build-mismatch' });
    target.lines.skipArrived();
    await target.waitForLine(/^1021$/);
  });
});

it.each(['-O0', '-O1', '-O2', '-O3', '-Os'])(
  'finds the level of a program that clang built with %s and did not record',
  async (level) => {
    using program = await buildInline(FILES, [level, '-g'], 'clang');
    await using target = await program.start();
    await target.waitForLine(/^\d+$/);
    edit(program);
    expect((await reload(target.pid)).functions.map(({ name }) => name)).toEqual(['show']);
    await target.waitForLine(/^\d+!$/);
  },
);

it('attach takes other flags that were chosen on the command line', async () => {
  using program = await buildInline(FILES);
  await using target = await program.start();
  edit(program);
  await attach(target.pid, ['show'], ['--cflags', '-O0']);
  await target.waitForLine(/^\d+!$/);
  expect((await runHcr(['reload', target.pid, '--cflags', '-O0'])).exitCode).toBe(4);
});
