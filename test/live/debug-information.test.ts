/**
 * A program is patched in whatever form its build left its debug information: every form has to
 * lead to the same sources, flags, static variables, signatures and inlined copies.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { attach, refusalOf, runHcr } from '../support/hcr.js';
import { startTarget } from '../support/target.js';
import { nextTick } from '../support/ticks.js';
import { SCENARIOS } from './language-scenarios.js';
import { makeEdits, patchAndWatch, readRound, readUntilNew } from './patch-scenario.js';

/** What cannot be patched without good debug information: statics of one name in one function,
 *  a type, an inlined function, a clone, a thread-local, one of two functions of a name. */
const TELLING = SCENARIOS.filter(({ functions: [name = ''] }) =>
  ['same_named_statics', 'struct_by_value', 'rule', 'thread_local_count', 'left.c:side'].includes(
    name,
  ),
);

interface Form {
  readonly name: string;
  readonly compiler: 'gcc' | 'clang';
  readonly cflags: string;
  /** What is done to the program, in its folder, before it is started. */
  readonly then?: string;
}

const COMPILERS = ['gcc', 'clang'] as const;
const separate = (folder: string): string =>
  [
    `mkdir -p ${folder}`,
    `objcopy --only-keep-debug main ${folder}/main.debug`,
    `objcopy -S --add-gnu-debuglink=${folder}/main.debug main`,
  ].join(' && ');

const FORMS: readonly Form[] = COMPILERS.flatMap((compiler): Form[] => [
  { name: 'DWARF 4', compiler, cflags: '-gdwarf-4' },
  { name: 'DWARF 5', compiler, cflags: '-gdwarf-5' },
  {
    name: 'DWARF 5, in a program of packed relative relocations',
    compiler,
    cflags: '-gdwarf-5 -Wl,-z,pack-relative-relocs',
  },
  { name: 'DWARF 4 in .dwo files', compiler, cflags: '-gdwarf-4 -gsplit-dwarf' },
  { name: 'DWARF 5 in .dwo files', compiler, cflags: '-gdwarf-5 -gsplit-dwarf' },
  {
    name: 'DWARF 4 in a package',
    compiler,
    cflags: '-gdwarf-4 -gsplit-dwarf',
    then: 'dwp -e main -o main.dwp && rm *.dwo',
  },
  {
    name: 'types in units of their own, DWARF 4',
    compiler,
    cflags: '-gdwarf-4 -fdebug-types-section',
  },
  {
    name: 'types in units of their own, DWARF 5',
    compiler,
    cflags: '-gdwarf-5 -fdebug-types-section',
  },
  { name: 'compressed with zlib', compiler, cflags: '-g -gz=zlib' },
  {
    name: 'compressed with zstd',
    compiler,
    cflags: '-g',
    then: 'objcopy --compress-debug-sections=zstd main',
  },
  { name: 'in a separate file', compiler, cflags: '-g', then: separate('.') },
  {
    name: 'in a separate file of split units',
    compiler,
    cflags: '-g -gsplit-dwarf',
    then: separate('.debug'),
  },
  { name: 'made smaller by dwz', compiler, cflags: '-gdwarf-4', then: 'dwz main' },
  {
    name: 'shared by dwz, in a separate file',
    compiler,
    cflags: '-gdwarf-4',
    then: `${separate('.debug')} && cp .debug/main.debug other && dwz -m .debug/shared -M shared .debug/main.debug other`,
  },
]);

async function build({ compiler, cflags, then }: Omit<Form, 'name'>): Promise<Fixture> {
  const fixture = await buildFixture('language', {
    cflags: `-O2 ${cflags}`,
    variables: [`CC=${compiler}`],
  });
  if (then !== undefined) await fixture.run('sh', '-c', then);
  return fixture;
}

describe.each(COMPILERS)('%s', (compiler) => {
  it.each(FORMS.filter((form) => form.compiler === compiler))(
    'a program is patched with its debug information as $name',
    async (form) => {
      using fixture = await build(form);
      await using target = await startTarget(fixture.program);
      // Of this one clang leaves no trace where it inlined it.
      const isTraceless = (name?: string): boolean => compiler === 'clang' && name === 'rule';
      for (const scenario of TELLING) {
        if (!isTraceless(scenario.functions[0])) await patchAndWatch(fixture, target, scenario);
      }
    },
  );
});

describe('a .dwo file that is not there', () => {
  it('is named in the refusal; other functions, and --object, do without it', async () => {
    using fixture = await build({ compiler: 'gcc', cflags: '-g -gsplit-dwarf' });
    rmSync(fixture.path('globals.dwo'));
    await using target = await startTarget(fixture.program);
    const [globals, statics] = SCENARIOS;
    if (globals === undefined || statics === undefined) throw new Error('no scenarios');

    expect(await refusalOf(['attach', target.pid, '--func', 'globals'])).toMatchObject({
      exitCode: 4,
      code: 'debug-file-missing',
      message: expect.stringMatching(/globals\.dwo, which is not there/) as string,
    });
    expect(await refusalOf(['attach', target.pid, '--func', 'no_such'])).toMatchObject({
      code: 'function-not-found',
      message: expect.stringMatching(/globals\.dwo, which is not there/) as string,
    });
    const { stdout } = await runHcr(['functions', target.pid]);
    expect(stdout).toMatch(/globals\.dwo, which is not there/);

    await patchAndWatch(fixture, target, statics);
    const last = await nextTick(target);
    makeEdits(fixture, globals);
    await fixture.run('gcc', '-O2', '-c', 'globals.c', '-o', 'new.o');
    await attach(target.pid, globals.functions, ['--object', fixture.path('new.o')]);
    await readRound(target, await readUntilNew(target, last, globals), globals.new);
  });
});

const TICKING = `
#include <stdio.h>
#include <unistd.h>
int total;
static int secret;
__attribute__((noinline)) static int hidden(int x) { secret += 2; return x + secret; }
__attribute__((noinline)) int shown(int x) { total += 1; return x + total; }
__attribute__((noinline)) int secretive(int x) { secret += 1; return x - secret; }
int main(void) {
  for (int x = 0;; x++) {
    printf("tick=%d shown=%d hidden=%d secretive=%d\\n", x, shown(x) - x, hidden(x), secretive(x));
    fflush(stdout);
    usleep(20000);
  }
}
`;

describe.each([
  { kind: 'PIE', flags: '-fPIE -pie' },
  { kind: 'no-PIE', flags: '-fno-pie -no-pie' },
])('a stripped program, $kind', ({ flags }) => {
  it('is patched by --object where it exports the function, and refused where it tells nothing', async () => {
    using fixture = await buildFixture('language');
    writeFileSync(fixture.path('ticking.c'), TICKING);
    const words = ['-O2', ...flags.split(' ')];
    await fixture.run('gcc', ...words, '-s', '-rdynamic', 'ticking.c', '-o', 'ticking');
    await using target = await startTarget(fixture.path('ticking'));
    await target.waitForLine(/shown=3 /);
    // More than the old code counts while this takes its time.
    fixture.edit('ticking.c', 'total += 1; return x', 'total += 1000000; return x');
    fixture.edit('ticking.c', 'return x - secret', 'return x - 2 * secret');
    await fixture.run(
      'gcc',
      ...words,
      '-c',
      '-ffunction-sections',
      '-fdata-sections',
      'ticking.c',
      '-o',
      'new.o',
    );
    const withObject = (name: string) =>
      refusalOf(['attach', target.pid, '--func', name, '--object', fixture.path('new.o')]);

    expect(await withObject('hidden')).toMatchObject({
      exitCode: 4,
      code: 'function-not-found',
      message: expect.stringMatching(/ticking is stripped/) as string,
    });
    expect(await withObject('secretive')).toMatchObject({
      exitCode: 4,
      code: 'function-not-patchable',
      message: expect.stringMatching(/uses secret, and ticking is stripped/) as string,
    });
    expect(await refusalOf(['attach', target.pid, '--func', 'shown'])).toMatchObject({
      code: 'no-debug-info',
    });

    await attach(target.pid, ['shown'], ['--object', fixture.path('new.o')]);
    const [, total] = await target.waitForLine(/shown=(\d{7,}) /);
    // The variable is the old one, which counted a few before.
    expect(Number(total) % 1_000_000).toBeGreaterThan(2);
  });
});
