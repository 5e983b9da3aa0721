/**
 * Names in shared objects mean what the dynamic linker says. Each library of the program defines
 * the same names of every kind; edited code asks for more of them than the program did. What it must
 * get is shown by the same libraries built from the edited sources and started afresh.
 */
import { describe, expect, it } from 'vitest';
import { Fixture } from '../support/fixture.js';
import { attach, refusalOf, rollBack } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';

const LIBRARIES = ['first', 'second', 'plugin'] as const;

interface Build {
  readonly name: string;
  readonly variables: readonly string[];
  readonly preloads?: boolean;
}

const PIE = ['CFLAGS=-O2 -g -fPIE', 'LDFLAGS=-pie'];
const BUILDS: readonly Build[] = [
  { name: 'a PIE', variables: PIE },
  { name: 'no PIE', variables: ['CFLAGS=-O1 -g -fno-pie', 'LDFLAGS=-no-pie'] },
  { name: 'bound at start', variables: [...PIE, 'SOFLAGS=-Wl,-z,now'] },
  { name: '-Bsymbolic', variables: [...PIE, 'SOFLAGS=-Wl,-Bsymbolic'] },
  { name: '-Bsymbolic-functions', variables: [...PIE, 'SOFLAGS=-Wl,-Bsymbolic-functions'] },
  { name: 'a preloaded library', variables: PIE, preloads: true },
  {
    name: 'clang and lld',
    variables: [
      'CC=clang',
      'CFLAGS=-O2 -g -grecord-command-line -fPIE',
      'LDFLAGS=-pie -fuse-ld=lld',
      'SOFLAGS=-fuse-ld=lld',
    ],
  },
];

async function start(fixture: Fixture, { variables, preloads }: Build): Promise<Target> {
  await fixture.run('make', '-s', '-B', ...variables);
  const env = preloads ? { LD_PRELOAD: fixture.path('libpreloaded.so') } : {};
  return await startTarget(fixture.program, [fixture.path('libplugin.so')], {
    env: { ...process.env, ...env },
  });
}

interface Line {
  readonly counter: number;
  readonly values: readonly number[];
}

/** The next line of a library whose code has the version. */
async function readLine(target: Target, library: string, version: number): Promise<Line> {
  const [, counter, values = ''] = await target.waitForLine(
    new RegExp(`^${library} (\\d+): (${version} .*)`),
  );
  return { counter: Number(counter), values: values.split(' ').map(Number) };
}

function edit(fixture: Fixture): void {
  fixture.edit('values.inc', '#ifdef EDITED', '#ifndef UNEDITED');
}

describe.each(BUILDS)('edited code of a library: $name', (kind) => {
  it('finds what the same library, built anew, finds', async () => {
    using edited = new Fixture('shared-objects');
    edit(edited);
    await using oracle = await start(edited, kind);
    using fixture = new Fixture('shared-objects');
    await using target = await start(fixture, kind);
    for (const library of LIBRARIES) {
      const expected = await readLine(oracle, library, 2);
      const before = await readLine(target, library, 1);
      expect(before.values.slice(1, 9)).toEqual(expected.values.slice(1, 9));
    }
    edit(fixture);
    for (const library of LIBRARIES) {
      const expected = await readLine(oracle, library, 2);
      const before = await readLine(target, library, 1);
      const report = await attach(target.pid, [`${library}_values`]);
      expect(report.functions[0]?.module).toBe(fixture.path(`lib${library}.so`));
      const after = await readLine(target, library, 2);
      const values = [...after.values];
      // Which library's unique variable is the one is decided when it is first asked for.
      if (kind.name === '-Bsymbolic') values[14] = expected.values[14] ?? 0;
      expect({ library, values }).toEqual({ library, values: expected.values });
      expect(after.counter).toBeGreaterThan(before.counter);
    }
    await rollBack(target.pid, ['--to', '0']);
    for (const library of LIBRARIES) {
      expect((await readLine(target, library, 1)).counter).toBeGreaterThan(3);
    }
  });
});

describe('of several libraries', () => {
  const [pie] = BUILDS;
  if (pie === undefined) throw new Error('no build');

  it('--module chooses among static functions of one name', async () => {
    using fixture = new Fixture('shared-objects');
    await using target = await start(fixture, pie);
    const before = await readLine(target, 'second', 1);
    fixture.edit('values.inc', 'return x + BASE;', 'return x + BASE + 500;');
    const refusal = await refusalOf(['attach', target.pid, '--func', 'helper']);
    expect(refusal).toMatchObject({ exitCode: 4, code: 'ambiguous-function' });
    expect(refusal.message).toContain('libsecond.so');
    await attach(target.pid, ['helper'], ['--module', 'libsecond.so']);
    target.lines.skipArrived();
    await target.waitForLine(/^second \d+: 1 2500/);
    expect((await readLine(target, 'first', 1)).values[1]).toBe(1000);
    expect((await readLine(target, 'plugin', 1)).values[1]).toBe(3000);
    expect((await readLine(target, 'second', 1)).counter).toBeGreaterThan(before.counter);
  });

  it('one that dlopen loaded for itself is not seen by the others', async () => {
    using fixture = new Fixture('shared-objects');
    await using target = await start(fixture, pie);
    await readLine(target, 'plugin', 1);
    fixture.edit(
      'first.c',
      '#define EXTRA 0',
      '#define EXTRA only_in_plugin()\nlong only_in_plugin(void);',
    );
    edit(fixture);
    const refusal = await refusalOf(['attach', target.pid, '--func', 'first_values']);
    expect(refusal).toMatchObject({
      exitCode: 4,
      code: 'unresolved-symbol',
      error: { symbol: 'only_in_plugin', library: 'libplugin.so', isLoaded: true },
    });
    expect(refusal.hint).toMatch(/dlsym|RTLD_GLOBAL/);
    await readLine(target, 'first', 1);
  });
});

describe('several copies of one library', () => {
  it('are patched one by one, and each keeps its own state', async () => {
    using fixture = new Fixture('library-copies');
    await fixture.run('make', '-s', 'main');
    const paths = [fixture.path('libvalue.so'), fixture.path('other/libvalue.so')];
    await using target = await startTarget(fixture.program, paths);
    await target.waitForLine(/^values 1000000 1000000 1000000$/);
    // strlen is in the libc of each namespace, which the library did not ask for it before.
    fixture.edit('value.c', '+ 0;', '+ (long)strlen("seven..") + EDIT++;');
    fixture.edit(
      'value.c',
      '#include <stdlib.h>',
      '#include <stdlib.h>\n#include <string.h>\nstatic long EDIT;',
    );
    const refusal = await refusalOf(['attach', target.pid, '--func', 'value']);
    const modules = refusal.error['modules'] as string[];
    expect(modules).toHaveLength(3);
    expect(refusal.hint).toContain('--module');
    const isCopy = (path: string): boolean => path.includes('@');
    const order = [
      modules.find((path) => path === paths[0]),
      modules.find(isCopy),
      modules.find((path) => path === paths[1]),
    ];
    const expected = ['1000000', '1000000', '1000000'];
    for (const [i, module] of order.entries()) {
      await attach(target.pid, ['value'], ['--module', module ?? '']);
      // It counts its own calls from here on.
      expected[i] = '(?!1000000\\b)1\\d{6}';
      target.lines.skipArrived();
      await target.waitForLine(new RegExp(`^values ${expected.join(' ')}$`));
    }
    await rollBack(target.pid, ['--to', '0']);
    await target.waitForLine(/^values 1000000 1000000 1000000$/);
  });
});

describe('a name that nothing loaded defines', () => {
  it('is refused with the library of the system that has it', async () => {
    using fixture = new Fixture('shared-objects');
    const [pie] = BUILDS;
    if (pie === undefined) throw new Error('no build');
    await using target = await start(fixture, pie);
    fixture.edit(
      'second.c',
      '#define EXTRA 0',
      '#define EXTRA (long)cbrt(v[1])\ndouble cbrt(double);',
    );
    edit(fixture);
    expect(await refusalOf(['attach', target.pid, '--func', 'second_values'])).toMatchObject({
      exitCode: 4,
      code: 'unresolved-symbol',
      error: { symbol: 'cbrt', library: 'libm.so.6', isLoaded: false },
    });
    await readLine(target, 'second', 1);
  });
});
