import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attachFunctions } from '../../src/app/attach.js';
import { listFunctions } from '../../src/app/functions.js';
import type { FunctionListing } from '../../src/app/report.js';
import { rollBack } from '../../src/app/rollback.js';
import { formatFunctions } from '../../src/cli/format-functions.js';
import { changesDuring, NOTHING } from '../support/memory-snapshot.js';
import { type Target, startTarget } from '../support/target.js';
import { Program } from './program.js';

const SOURCES = {
  'shared.h': 'static inline int shared(int x) { return x * 3 + 1; }\n',
  'a.c': `#include <stdio.h>
#include <unistd.h>
#include "shared.h"
int other(int);
int plugged(int);
static int helper(int x) { return x ^ 5; }
static __attribute__((noinline)) int cloned(int a, int unused) { return a + (int)write(9, "", 0); }
__attribute__((noinline)) int net_send(int x) { return helper(x) + shared(x) + cloned(x, 3); }
__attribute__((noinline)) int Parse(int x) { return helper(x) - cloned(x, 3); }
int also_parse(int) __attribute__((alias("Parse")));
static __attribute__((noinline)) int twin(int x) { return x + 1; }
int main(void) {
  puts("ready");
  fflush(stdout);
  for (volatile int i = 0;; i++) {
    if (net_send(i) + other(i) + twin(i) + plugged(i) == 77) Parse(i);
    usleep(10000);
  }
}
`,
  'b.c': `#include "shared.h"
int (*volatile keep)(int);
static __attribute__((noinline)) int twin(int x) { return x + 2; }
int other(int x) { keep = shared; return shared(x + 1) + twin(x); }
`,
  'plugin.c': 'int plugged(int x) { return x + 4; }\n',
};
const PLAIN = { colour: false, unicode: true, width: undefined, rewritable: false } as const;
const CLONE = /\.(constprop|isra|part|cold)\b/;

interface NmSymbol {
  readonly name: string;
  readonly address: number;
  readonly sizeBytes: number;
}

/** The functions of a file, by nm. */
function nm(program: Program, file: string, ...flags: string[]): NmSymbol[] {
  return program
    .run('nm', '-P', '--defined-only', ...flags, file)
    .split('\n')
    .flatMap((line) => {
      const [name = '', type = '', address = '0', size = '0'] = line.split(' ');
      if (!/^[tT]$/.test(type)) return [];
      return [
        {
          name,
          address: Number.parseInt(address, 16),
          sizeBytes: Number.parseInt(size || '0', 16),
        },
      ];
    });
}

function biasOf(pid: number, path: string): number {
  const line = readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .find((text) => text.endsWith(path));
  return Number.parseInt(line?.split('-')[0] ?? '', 16);
}

/** Which functions hold copies of which, by what addr2line says of each byte of code. */
function copiesByAddr2line(program: Program, file: string): Record<string, string[]> {
  const hosts: Record<string, Set<string>> = {};
  for (const { name, address, sizeBytes } of nm(program, file)) {
    if (sizeBytes === 0 || name.startsWith('_')) continue;
    const addresses = Array.from(
      { length: sizeBytes },
      (_, i) => `0x${(address + i).toString(16)}`,
    );
    // -a prints the address before each chain, the innermost function first.
    const lines = program.run('addr2line', '-a', '-f', '-i', '-e', file, ...addresses).split('\n');
    for (const chain of lines.join('\n').split(/^0x[0-9a-f]+\n/m)) {
      const names = chain
        .split('\n')
        .filter((_, i) => i % 2 === 0)
        .filter((text) => text !== '' && text !== '??');
      const host = names.pop();
      for (const callee of names) if (host !== undefined) (hosts[callee] ??= new Set()).add(host);
    }
  }
  return Object.fromEntries(
    Object.entries(hosts).map(([callee, set]) => [callee, [...set].sort()]),
  );
}

const named = (functions: readonly FunctionListing[], name: string): FunctionListing[] =>
  functions.filter((listing) => listing.name === name);

describe('listFunctions', () => {
  let program: Program;
  let target: Target;
  beforeAll(async () => {
    program = new Program(SOURCES);
    program.gcc('libplugin.so', '-g', '-O1', '-fPIC', '-shared', 'plugin.c');
    program.gcc('app', '-g', '-O2', 'a.c', 'b.c', '-L.', '-lplugin', '-Wl,-rpath,$ORIGIN');
    target = await startTarget(program.path('app'));
    await target.waitForLine(/ready/);
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    program[Symbol.dispose]();
  });

  it('gives name, entry and size of every function that nm knows', async () => {
    const { functions } = await listFunctions(target.pid, '*', 'app');
    const bias = biasOf(target.pid, '/app');
    const ours = functions
      .filter(({ entry }) => entry !== undefined)
      .map(({ name, entry, sizeBytes }) => ({ name, address: Number(entry) - bias, sizeBytes }));
    const theirs = nm(program, 'app').filter(({ name }) => !CLONE.test(name));
    const byAddress = (a: NmSymbol, b: NmSymbol): number =>
      a.address - b.address || (a.name < b.name ? -1 : 1);
    expect(ours.sort(byAddress)).toEqual(theirs.sort(byAddress));
  });

  it('gives the file and line that gdb gives', async () => {
    const { functions } = await listFunctions(target.pid, undefined, 'app');
    const theirs: string[] = [];
    let file = '';
    for (const line of program
      .run('gdb', '-nx', '-batch', '-ex', 'info functions -n', 'app')
      .split('\n')) {
      file = /^File (.*):$/.exec(line)?.[1] ?? file;
      const [, number, name] = /^(\d+):\t.*?(\w+)\(.*\);$/.exec(line) ?? [];
      if (name !== undefined)
        theirs.push(`${name} ${resolve(program.directory, file)}:${number ?? ''}`);
    }
    expect(theirs.length).toBe(8);
    const ours = functions.map(({ name, source = '' }) => `${name} ${source}`);
    // Not those of which gdb knows no body, nor second names.
    const others = ours.filter((text) => !theirs.includes(text)).map((text) => text.split(' ')[0]);
    expect(others).toEqual(['helper', 'also_parse']);
    expect(ours).toEqual(expect.arrayContaining(theirs));
  });

  it('names the functions that hold inlined copies, as addr2line finds them in the code', async () => {
    const { functions } = await listFunctions(target.pid, undefined, 'app');
    const ours = Object.fromEntries(
      functions
        .filter(({ inlinedIn }) => inlinedIn.length > 0)
        .map(({ name, inlinedIn }) => [name, inlinedIn]),
    );
    expect(ours['helper']).toEqual(['Parse', 'net_send']);
    expect(ours).toEqual(copiesByAddr2line(program, 'app'));
  });

  it('lists a function that was inlined everywhere or cloned, without an entry', async () => {
    const { functions } = await listFunctions(target.pid, undefined, undefined);
    const [helper] = named(functions, 'helper');
    expect(helper).toEqual({
      name: 'helper',
      module: program.path('app'),
      sizeBytes: 0,
      source: `${program.path('a.c')}:6`,
      inlinedIn: ['Parse', 'net_send'],
      state: 'original',
      generation: 0,
    });
    const text = formatFunctions({ pid: 1, program: 'app', functions, notes: [] }, PLAIN);
    expect(text).toMatch(/^helper .* inlined +Parse, net_send$/m);
    expect(text).toMatch(/^cloned .* cloned$/m);
    expect(nm(program, 'app').some(({ name }) => CLONE.test(name))).toBe(true);
    expect(functions.some(({ name }) => CLONE.test(name))).toBe(false);
    expect(named(functions, 'cloned').map(({ entry }) => entry)).toEqual([undefined]);
  });

  it('lists functions of one name apart, and one of a header that two files have once', async () => {
    const { functions } = await listFunctions(target.pid, 'twin', undefined);
    expect(functions.map(({ source }) => source)).toEqual([
      `${program.path('a.c')}:11`,
      `${program.path('b.c')}:3`,
    ]);
    const shared = await listFunctions(target.pid, 'shared', undefined);
    expect(shared.functions.map(({ inlinedIn }) => inlinedIn)).toEqual([['net_send', 'other']]);
  });

  it('leaves out what debug information does not know, unless a pattern asks for it', async () => {
    const { functions, notes } = await listFunctions(target.pid, undefined, undefined);
    expect(named(functions, '_start')).toEqual([]);
    expect(notes.join()).toMatch(/app: \d+ functions without debug information are left out/);
    const asked = await listFunctions(target.pid, '_start', undefined);
    expect(asked.functions.map(({ name }) => name)).toContain('_start');
  });

  it('lists the user’s shared objects after the executable, and the system’s only when named', async () => {
    const { functions, notes } = await listFunctions(target.pid, undefined, undefined);
    const modules = [...new Set(functions.map(({ module }) => module))];
    expect(modules).toEqual([program.path('app'), program.path('libplugin.so')]);
    expect(notes.join()).toMatch(/System libraries are left out \(.*libc\.so\.6.*\)/);
    const libc = await listFunctions(target.pid, 'getpid', 'libc.so.6');
    expect(libc.functions.map(({ name }) => name)).toContain('getpid');
    expect(libc.notes.join()).not.toMatch(/left out/);
    await expect(listFunctions(target.pid, undefined, 'libnone.so')).rejects.toMatchObject({
      code: 'module-not-found',
    });
  });

  it('sorts by module, file and line', async () => {
    const { functions } = await listFunctions(target.pid, undefined, 'app');
    const places = functions.map(({ source = '' }) => {
      const [file = '', line = ''] = source.split(':');
      return [file, Number(line)] as const;
    });
    const sorted = [...places].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]));
    expect(places).toEqual(sorted);
  });

  it('changes nothing in the process', async () => {
    expect(
      await changesDuring(target.pid, () => listFunctions(target.pid, undefined, undefined)),
    ).toEqual(NOTHING);
  });

  it('rejects for a process that is not there', async () => {
    await expect(listFunctions(4_194_305, undefined, undefined)).rejects.toMatchObject({
      code: 'no-such-process',
    });
  });
});

describe('listFunctions on other builds', () => {
  const LOOP =
    '#include <stdio.h>\n#include <unistd.h>\nint f(int x) { return x; }\nint main(void) { puts("ready"); fflush(stdout); for (;;) { f(1); pause(); } }\n';

  async function started(flags: readonly string[], after?: (program: Program) => void) {
    const program = new Program({ 'main.c': LOOP });
    program.gcc('app', ...flags, 'main.c');
    after?.(program);
    const target = await startTarget(program.path('app'));
    await target.waitForLine(/ready/);
    return {
      program,
      target,
      async [Symbol.asyncDispose]() {
        await target[Symbol.asyncDispose]();
        program[Symbol.dispose]();
      },
    };
  }

  it.each([
    ['DWARF 4, no PIE', ['-gdwarf-4', '-no-pie']],
    ['compressed debug information', ['-g', '-gz']],
    ['a static program', ['-g', '-static']],
  ])('finds sources in %s, and only the program’s own functions', async (_, flags) => {
    await using run = await started(flags);
    const { functions } = await listFunctions(run.target.pid, undefined, undefined);
    expect(functions.map(({ name, source }) => [name, source])).toEqual([
      ['f', `${run.program.path('main.c')}:3`],
      ['main', `${run.program.path('main.c')}:4`],
    ]);
  });

  it('lists all symbols of a program without debug information', async () => {
    await using run = await started([]);
    const { functions } = await listFunctions(run.target.pid, undefined, undefined);
    const theirs = nm(run.program, 'app').map(({ name }) => name);
    expect(functions.map(({ name }) => name).sort()).toEqual(theirs.sort());
  });

  it('lists a function of which only a clone is left, also without debug information', async () => {
    using program = new Program(SOURCES);
    program.gcc('libplugin.so', '-O1', '-fPIC', '-shared', 'plugin.c');
    program.gcc('app', '-O2', 'a.c', 'b.c', '-L.', '-lplugin', '-Wl,-rpath,$ORIGIN');
    await using target = await startTarget(program.path('app'));
    await target.waitForLine(/ready/);
    const { functions } = await listFunctions(target.pid, 'cloned', undefined);
    expect(functions.map(({ name, entry }) => [name, entry])).toEqual([['cloned', undefined]]);
  });

  it('says that a stripped program has only its exports', async () => {
    await using run = await started(['-rdynamic', '-s']);
    const { functions, notes } = await listFunctions(run.target.pid, undefined, undefined);
    expect(functions.map(({ name }) => name)).toEqual(expect.arrayContaining(['f', 'main']));
    expect(notes.join()).toMatch(/app is stripped/);
  });

  it('lists by symbols where debug information is damaged', async () => {
    await using run = await started(['-g'], (program) => {
      const file = program.path('app');
      const [, offset = ''] =
        /\.debug_abbrev +PROGBITS +\S+ +(\S+)/.exec(program.run('readelf', '-SW', 'app')) ?? [];
      const bytes = readFileSync(file);
      bytes.fill(0xff, Number.parseInt(offset, 16), Number.parseInt(offset, 16) + 40);
      writeFileSync(file, bytes);
    });
    const { functions, notes } = await listFunctions(run.target.pid, undefined, undefined);
    expect(functions.map(({ name }) => name)).toEqual(expect.arrayContaining(['f', 'main']));
    expect(notes.join()).toMatch(/debug information of app cannot be read/);
  });

  it('shows which functions run new code, of which generation, and those that a patch added', async () => {
    await using run = await started(['-g', '-O1', '-fno-inline']);
    const { program, target } = run;
    program.edit(
      'main.c',
      'int f(int x) { return x; }',
      'static int added(int x) { return x * 7; }\n\nint f(int x) { return added(x); }',
    );
    const options = { dryRun: false, unchecked: false, timeoutMs: 5000 };
    await attachFunctions(target.pid, ['f'], options, () => undefined);
    const patched = await listFunctions(target.pid, undefined, undefined);
    expect(named(patched.functions, 'f')).toMatchObject([
      { state: 'patched', generation: 1, source: `${program.path('main.c')}:5` },
    ]);
    expect(named(patched.functions, 'main')).toMatchObject([{ state: 'original', generation: 0 }]);
    expect(patched.functions.filter(({ name }) => name.endsWith('added'))).toMatchObject([
      { state: 'patched', generation: 1 },
    ]);
    appendFileSync(program.path('main.c'), '\n');
    await rollBack(target.pid, { dryRun: false, timeoutMs: 5000 }, () => undefined);
    const back = await listFunctions(target.pid, undefined, undefined);
    expect(named(back.functions, 'f')).toMatchObject([{ state: 'original', generation: 0 }]);
  });
});
