/** `hcr reload`: what was edited is found, and patched in one transaction. */
import { mkdirSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusalOf, reload, rollBack, runHcr } from '../support/hcr.js';
import { type InlineProgram, MAIN_C, buildInline } from '../support/inline-program.js';
import { NOTHING, changesDuring } from '../support/memory-snapshot.js';
import { type Target } from '../support/target.js';

const FILES = {
  'main.c': MAIN_C,
  'show.c': `#include <stdio.h>
#include "area.h"
#include "label.h"
int other(int x);
int third(int x);
void show(void) { printf("%s %d %d %d", LABEL, area(3), other(4), third(5)); }
`,
  'other.c': `#include "area.h"
__attribute__((noipa)) int other(int x) { return area(x) + 1; }
__attribute__((noipa)) int untouched(int x) { return x * 7; }
`,
  'third.c': `#include "scale.h"
__attribute__((noipa)) int third(int x) { return x * SCALE; }
`,
  'area.h': `static inline int area(int side) { return side * side; }
`,
  // Headers that only define macros leave no trace in debug information.
  'label.h': `#define LABEL "label"
`,
  'scale.h': `#include "deep.h"
`,
  'deep.h': `#define SCALE 10
`,
};

const names = (report: { readonly functions: readonly { readonly name: string }[] }): string[] =>
  report.functions.map(({ name }) => name).sort();

/** One program for the tests that leave it as it was. */
describe('a program of several files', () => {
  let program: InlineProgram;
  let target: Target;

  beforeAll(async () => {
    program = await buildInline(FILES);
    target = await program.start();
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    program[Symbol.dispose]();
  });

  /** Edits, reloads, sees the new line, takes both back. */
  async function editAndReload(
    file: string,
    from: string,
    to: string,
    expected: { readonly line: string; readonly functions: readonly string[] },
    args: readonly string[] = [],
  ): Promise<void> {
    await target.waitForLine(/^label 9 17 50$/);
    program.edit(file, from, to);
    const report = await reload(target.pid, args, { cwd: program.path });
    expect(names(report)).toEqual(expected.functions);
    await target.waitForLine(new RegExp(`^${expected.line}$`));
    program.edit(file, to, from);
    const back = await reload(target.pid, args, { cwd: program.path });
    expect(names(back)).toEqual(expected.functions);
    target.lines.skipArrived();
    await target.waitForLine(/^label 9 17 50$/);
    await rollBack(target.pid, ['--to', '0']);
    // Not newer than the program any more.
    utimesSync(program.at(file), 0, 0);
  }

  it('has nothing to do while nothing was edited, and says so', async () => {
    const report = await reload(target.pid);
    expect(report.functions).toEqual([]);
    expect(report.notes.join('\n')).toMatch(/No source or header of the program is newer/);
  });

  it('finds the edited source', () =>
    editAndReload('third.c', 'x * SCALE', 'x * SCALE + 1', {
      line: 'label 9 17 51',
      functions: ['third'],
    }));

  it('finds the units of an edited header with an inline function', () =>
    editAndReload('area.h', 'side * side', 'side * side + 100', {
      line: 'label 109 117 50',
      functions: ['other', 'show'],
    }));

  it('finds the unit of an edited header that only defines a macro', () =>
    editAndReload('label.h', '"label"', '"LABEL"', {
      line: 'LABEL 9 17 50',
      functions: ['show'],
    }));

  it('finds the unit that includes an edited macro through another header', () =>
    editAndReload('deep.h', '10', '20', { line: 'label 9 17 100', functions: ['third'] }));

  it.each([
    { how: 'by name', file: 'deep.h' },
    { how: 'by an odd spelling', file: './../NAME/./deep.h' },
    { how: 'by a symbolic link to its folder', file: 'LINK/deep.h' },
  ])('takes a header $how', async ({ file }) => {
    const link = `${program.path}-link`;
    symlinkSync(program.path, link);
    try {
      const spelled = file
        .replace('NAME', program.path.split('/').at(-1) ?? '')
        .replace('LINK', link);
      await editAndReload('deep.h', '10', '20', { line: 'label 9 17 100', functions: ['third'] }, [
        spelled,
      ]);
    } finally {
      rmSync(link);
    }
  });

  it('leaves an edited file alone when another is named', async () => {
    program.edit('third.c', 'x * SCALE', 'x * SCALE + 1');
    const report = await reload(target.pid, ['other.c'], { cwd: program.path });
    expect(report.functions).toEqual([]);
    expect(report.notes.join('\n')).toMatch(/Looked at other\.c: the running code is already this/);
    program.edit('third.c', 'x * SCALE + 1', 'x * SCALE');
    utimesSync(program.at('third.c'), 0, 0);
  });

  it('refuses a file of no unit, with near names', async () => {
    program.write('thrid.c', 'int thrid;\n');
    const refusal = await refusalOf(['reload', target.pid, program.at('thrid.c')]);
    expect(refusal).toMatchObject({ exitCode: 4, code: 'file-not-in-program' });
    expect(refusal.hint).toMatch(/third\.c/);
    rmSync(program.at('thrid.c'));
    expect(await refusalOf(['reload', target.pid, 'no-such-file.c'])).toMatchObject({
      exitCode: 4,
      code: 'source-not-found',
    });
  });

  it('says that a new source has no counterpart', async () => {
    program.write('added.c', 'int added(void) { return 1; }\n');
    const report = await reload(target.pid, [], { cwd: program.path });
    expect(report.notes.join('\n')).toMatch(/added\.c: newer than the program and not part of it/);
    rmSync(program.at('added.c'));
  });

  it('patches nothing when one of several units does not compile, and names it', async () => {
    program.edit('third.c', 'x * SCALE', 'x * SCALE + 1');
    program.edit('other.c', 'area(x) + 1', 'area(x) + oops');
    const changes = await changesDuring(target.pid, async () => {
      const refusal = await refusalOf(['reload', target.pid]);
      expect(refusal).toMatchObject({ exitCode: 5, code: 'compile-failed' });
      expect(refusal.message).toContain(program.at('other.c'));
    });
    expect(changes).toEqual(NOTHING);
    program.edit('third.c', 'x * SCALE + 1', 'x * SCALE');
    program.edit('other.c', 'area(x) + oops', 'area(x) + 1');
    for (const file of ['third.c', 'other.c']) utimesSync(program.at(file), 0, 0);
  });

  it('--object and --source stand in for one file only', async () => {
    expect(
      await refusalOf(['reload', target.pid, program.at('area.h'), '--object', 'x.o']),
    ).toMatchObject({ exitCode: 2, code: 'usage' });
  });
});

it('patches several units at once, and counts the program that runs, not the one rebuilt since', async () => {
  using program = await buildInline(FILES);
  await using target = await program.start();
  await target.waitForLine(/^label 9 17 50$/);
  program.edit('area.h', 'side * side', 'side * side + 100');
  program.edit('deep.h', '10', '20');
  // A build in the meantime: the file at the program's path is newer than the edits.
  await program.run('sh', '-c', 'gcc -O2 -g -o new *.c && mv new main');
  const report = await reload(target.pid);
  expect(names(report)).toEqual(['other', 'show', 'third']);
  expect(report.generation).toBe(1);
  await target.waitForLine(/^label 109 117 100$/);
  await rollBack(target.pid);
  await target.waitForLine(/^label 9 17 50$/);
});

it('--module restricts it to one shared object', async () => {
  using program = await buildInline({
    'main.c': MAIN_C.replace('show();', 'show(); in_main();').replace(
      'int main',
      'void in_main(void);\nint main',
    ),
    'in_main.c':
      '#include <stdio.h>\nvoid in_main(void) { printf(" main 1"); }\nvoid show(void) { }\n',
  });
  mkdirSync(program.at('lib'));
  program.write('lib/lib.c', '#include <stdio.h>\nvoid show(void) { printf("lib 1"); }\n');
  program.write('in_main.c', '#include <stdio.h>\nvoid in_main(void) { printf(" main 1"); }\n');
  await program.run('gcc', '-O2', '-g', '-fPIC', '-shared', '-o', 'libshow.so', 'lib/lib.c');
  await program.run(
    ...(['gcc', '-O2', '-g', '-o', 'main', 'main.c', 'in_main.c', 'libshow.so'] as const),
    '-Wl,-rpath,.',
  );
  await using target = await program.start({ cwd: program.path });
  await target.waitForLine(/^lib 1 main 1$/);
  program.edit('in_main.c', 'main 1', 'main 2');
  program.edit('lib/lib.c', 'lib 1', 'lib 2');
  expect(names(await reload(target.pid, ['--module', 'libshow.so']))).toEqual(['show']);
  await target.waitForLine(/^lib 2 main 1$/);
  expect(names(await reload(target.pid))).toEqual(['in_main']);
  await target.waitForLine(/^lib 2 main 2$/);
  await rollBack(target.pid, ['--to', '0']);
  await target.waitForLine(/^lib 1 main 1$/);
  expect(names(await reload(target.pid))).toEqual(['in_main', 'show']);
  await target.waitForLine(/^lib 2 main 2$/);
});

it('--dry-run gives each function its reason, in the table and in JSON, and changes nothing', async () => {
  using program = await buildInline({
    'main.c': MAIN_C,
    'show.c': `#include <stdio.h>
#include "square.h"
static int twice(int x);
__attribute__((noinline)) static int helped(int x) { return square(x) + 1; }
__attribute__((noinline)) static const char *text(int x) { return x > 0 ? "old text" : ""; }
__attribute__((noinline)) static int twice(int x) { return x * 2; }
void show(void) { printf("%d %s %d", helped(getchar()), text(helped(2)), twice(helped(3))); }
`,
    'square.h': 'static inline int square(int x) { return x * x; }\n',
  });
  await using target = await program.start();
  // In getchar.
  await target.untilAsleep();
  program.edit('square.h', 'x * x', 'x * x * 3');
  program.edit('show.c', 'old text', 'new text');
  program.edit('show.c', 'return x * 2', 'return x * 2 + 1');
  const changes = await changesDuring(target.pid, async () => {
    const report = await reload(target.pid, ['--dry-run']);
    expect(new Map(report.functions.map(({ name, reason }) => [name, reason as string]))).toEqual(
      new Map([
        ['helped', 'inlined helper square'],
        ['text', 'constant'],
        ['twice', 'body'],
      ]),
    );
    const { stdout } = await runHcr(['reload', target.pid, '--dry-run']);
    expect(stdout).toMatch(/Would patch 3 functions/);
    expect(stdout).toMatch(/helped .*inlined helper square$/m);
    expect(stdout).toMatch(/text .*constant$/m);
  });
  expect(changes).toEqual(NOTHING);
});

describe('--diff', () => {
  it('shows old against new code of each function, with names, and patches nothing with --dry-run', async () => {
    using program = await buildInline({
      'main.c': MAIN_C,
      'show.c': `#include <stdio.h>
void show(void) { printf("old %d", 5); puts(""); }
`,
    });
    await using target = await program.start();
    await target.waitForLine(/^old 5$/);
    program.edit('show.c', '"old %d", 5', '"new %d", 6');
    const changes = await changesDuring(target.pid, async () => {
      const report = await reload(target.pid, ['--dry-run', '--diff']);
      const rows = report.functions[0]?.diff ?? [];
      const changed = rows.filter(({ op }) => op !== 'same');
      expect(changed.map((row) => row.old).join('\n')).toMatch(/\$5.*|"old %d"/);
      expect(changed.map((row) => row.new).join('\n')).toMatch(/"new %d"/);
      // Calls are the same by name, wherever they lead.
      expect(rows.some((row) => row.op === 'same' && /call.* printf/.test(row.new))).toBe(true);
      const { stdout } = await runHcr(['reload', target.pid, '--dry-run', '--diff']);
      expect(stdout).toMatch(/^ {2}show:$/m);
      expect(stdout).toMatch(/^ {4}- .*"old %d"/m);
      expect(stdout).toMatch(/^ {4}\+ .*"new %d"/m);
    });
    expect(changes).toEqual(NOTHING);
  });
});
