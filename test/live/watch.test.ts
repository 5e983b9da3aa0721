/** `hcr watch` and `hcr run --watch`: what is saved goes live, and nothing else happens. */
import { cpSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readStatus, runHcr } from '../support/hcr.js';
import { type InlineProgram, MAIN_C, buildInline } from '../support/inline-program.js';
import { stopProcess } from '../support/memory-snapshot.js';
import { childrenOf, executableOf } from '../support/process-tree.js';
import { type Target } from '../support/target.js';
import { until } from '../support/until.js';
import { type Watch, functionsOf, runWatched, startWatch } from '../support/watch.js';

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
`,
  'third.c': `#include "scale.h"
__attribute__((noipa)) int third(int x) { return x * SCALE; }
`,
  'area.h': `static inline int area(int side) { return side * side; }
`,
  // Headers that only define macros leave no trace in debug information.
  'label.h': `#define LABEL "label"
`,
  'scale.h': `#define SCALE 10
`,
};
const ORIGINAL = /^label 9 17 50$/;

/** Watched all along; each test leaves the sources as they were, and live. */
describe('a program that is watched', () => {
  let program: InlineProgram;
  let target: Target;
  let watch: Watch;

  beforeAll(async () => {
    program = await buildInline(FILES);
    target = await program.start();
    await target.waitForLine(ORIGINAL);
    watch = await startWatch(target.pid);
  });
  afterAll(async () => {
    await watch[Symbol.asyncDispose]();
    await target[Symbol.asyncDispose]();
    program[Symbol.dispose]();
  });

  /** hcr stands meanwhile: to one that is quick, files that are saved slowly are two saves. */
  async function saveTogether(save: () => void): Promise<void> {
    await stopProcess(watch.process.pid);
    save();
    watch.process.kill('SIGCONT');
  }

  async function undone(functions: readonly string[]): Promise<void> {
    expect(functionsOf(await watch.outcome())).toEqual(functions);
    target.lines.skipArrived();
    await target.waitForLine(ORIGINAL);
  }

  it('runs what is saved, tells each step, and runs the old again when the edit is undone', async () => {
    await target.waitForLine(ORIGINAL);
    program.edit('third.c', 'x * SCALE', 'x * SCALE + 1');
    const events = await watch.until('patched');
    expect(events.map(({ event }) => event)).toEqual([
      ...['changed', 'compiling', 'compiled', 'patched'],
    ]);
    const [changed, compiling, compiled, patched] = events;
    const source = program.at('third.c');
    expect(changed).toEqual({ event: 'changed', files: [source], units: [source] });
    expect(compiling).toMatchObject({ source, command: expect.stringContaining('gcc') as string });
    expect(compiled).toMatchObject({ source, durationMs: expect.any(Number) as number });
    expect(patched).toMatchObject({ ok: true, pid: target.pid, waiting: [] });
    await target.waitForLine(/^label 9 17 51$/);
    program.edit('third.c', 'x * SCALE + 1', 'x * SCALE');
    await undone(['third']);
  });

  it.each([
    { what: 'inline functions', file: 'area.h', from: 'side * side', units: ['other.c', 'show.c'] },
    { what: 'macros only', file: 'scale.h', from: '10', units: ['third.c'] },
  ])('compiles the units that a header with $what is in, and no others', async (edit) => {
    const { file, from, units } = edit;
    program.edit(file, from, `${from} + 100`);
    const [changed] = await watch.until('patched');
    expect([...(changed?.['units'] as string[])].sort()).toEqual(units.map((u) => program.at(u)));
    program.edit(file, `${from} + 100`, from);
    await undone(units.map((unit) => unit.replace('.c', '')));
  });

  it('keeps the last good code while a source does not compile, and goes on with the next save', async () => {
    program.edit('other.c', 'area(x) + 1', 'area(x) + oops');
    const failed = await watch.outcome();
    expect(failed).toMatchObject({ event: 'failed', files: [program.at('other.c')] });
    expect(failed['error']).toMatchObject({
      code: 'compile-failed',
      diagnostics: expect.stringContaining("'oops' undeclared") as string,
    });
    target.lines.skipArrived();
    await target.waitForLine(ORIGINAL);
    // Another file is not held up by it.
    program.edit('third.c', 'x * SCALE', 'x * SCALE + 2');
    expect(await watch.outcome()).toMatchObject({
      event: 'patched',
      waiting: [program.at('other.c')],
    });
    await target.waitForLine(/^label 9 17 52$/);
    program.edit('other.c', 'area(x) + oops', 'area(x) + 3');
    expect(functionsOf(await watch.outcome())).toEqual(['other']);
    await target.waitForLine(/^label 9 19 52$/);
    program.edit('other.c', 'area(x) + 3', 'area(x) + 1');
    await watch.outcome();
    program.edit('third.c', 'x * SCALE + 2', 'x * SCALE');
    await undone(['third']);
  });

  it('makes live with the fix what was saved with a header that broke one of its units', async () => {
    program.edit('area.h', 'area(int side) { return side', 'area(int s, int side) { return s +');
    expect(await watch.outcome()).toMatchObject({ event: 'failed' });
    program.write('area.h', FILES['area.h'].replace('side * side', 'side * side + 100'));
    expect(functionsOf(await watch.outcome())).toEqual(['other', 'show']);
    await target.waitForLine(/^label 109 117 50$/);
    program.write('area.h', FILES['area.h']);
    await undone(['other', 'show']);
  });

  it('sees a file that an editor writes beside it and renames', async () => {
    const path = program.at('third.c');
    const text = readFileSync(path, 'utf8');
    // As vim does it with 'backupcopy' off.
    renameSync(path, `${path}~`);
    writeFileSync(path, text.replace('x * SCALE', 'x * SCALE + 4'));
    expect(functionsOf(await watch.outcome())).toEqual(['third']);
    await target.waitForLine(/^label 9 17 54$/);
    rmSync(`${path}~`);
    // As others do it.
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
    await undone(['third']);
  });

  it('takes files that were only touched, or written as they were, for no edit', async () => {
    for (const file of Object.keys(FILES)) {
      utimesSync(program.at(file), new Date(), new Date());
      program.write(file, readFileSync(program.at(file), 'utf8'));
    }
    program.write('unrelated.h', '#define UNRELATED\n');
    program.edit('third.c', 'x * SCALE', 'x * SCALE + 5');
    const [changed] = await watch.until('patched');
    expect(changed).toMatchObject({ event: 'changed', files: [program.at('third.c')] });
    program.edit('third.c', 'x * SCALE + 5', 'x * SCALE');
    await undone(['third']);
  });

  it('survives that the folder is taken away and put back with other contents', async () => {
    const away = `${program.path}-away`;
    cpSync(program.path, away, { recursive: true, preserveTimestamps: true });
    writeFileSync(`${away}/third.c`, FILES['third.c'].replace('x * SCALE', 'x * SCALE + 6'));
    rmSync(program.path, { recursive: true });
    renameSync(away, program.path);
    expect(functionsOf(await watch.outcome())).toEqual(['third']);
    await target.waitForLine(/^label 9 17 56$/);
    program.write('third.c', FILES['third.c']);
    await undone(['third']);
  });

  it('merges what is saved while a reload runs into the next', async () => {
    program.edit('third.c', 'x * SCALE', 'x * SCALE + 7');
    await watch.until('compiling');
    await saveTogether(() => {
      program.edit('third.c', 'x * SCALE + 7', 'x * SCALE + 8');
      program.edit('other.c', 'area(x) + 1', 'area(x) + 2');
    });
    await watch.outcome();
    const [changed] = await watch.until('patched');
    expect([...(changed?.['files'] as string[])].sort()).toEqual([
      program.at('other.c'),
      program.at('third.c'),
    ]);
    await target.waitForLine(/^label 9 18 58$/);
    await saveTogether(() => {
      program.edit('third.c', 'x * SCALE + 8', 'x * SCALE');
      program.edit('other.c', 'area(x) + 2', 'area(x) + 1');
    });
    await watch.until('patched');
    await until('the original code is back', async () => {
      target.lines.skipArrived();
      return ORIGINAL.test((await target.lines.next()) ?? '');
    });
  });

  it('is attached to by nobody between reloads, so that another hcr may be', async () => {
    expect(readFileSync(`/proc/${target.pid}/status`, 'latin1')).toMatch(/^TracerPid:\t0$/m);
    await readStatus(target.pid);
  });
});

describe('the end', () => {
  it('of the program is the end of the watch, with 0', async () => {
    using program = await buildInline(FILES);
    await using target = await program.start();
    await using watch = await startWatch(target.pid);
    target.kill('SIGKILL');
    await watch.until('ended');
    expect(await watch.process.ended).toEqual({ code: 0, signal: null });
  });

  it('is the last that is told, and the end of what is still compiled', async () => {
    using program = await buildInline(FILES);
    await using target = await program.start();
    writeFileSync(program.at('slow-cc'), '#!/bin/sh\nsleep 600\n', { mode: 0o755 });
    await using watch = await startWatch(target.pid, ['--cc', program.at('slow-cc')]);
    program.edit('third.c', 'x * SCALE', 'x * SCALE + 1');
    await watch.until('compiling');
    target.kill('SIGKILL');
    const events = await watch.process.lines.rest();
    expect(events.at(-1)).toBe(`{"event":"ended","pid":${target.pid}}`);
    expect(await watch.process.ended).toEqual({ code: 0, signal: null });
  });

  it('of the watch, by Ctrl+C, leaves the program', async () => {
    using program = await buildInline(FILES);
    await using target = await program.start();
    await using watch = await startWatch(target.pid);
    watch.process.kill('SIGINT');
    expect(await watch.process.ended).toEqual({ code: 130, signal: null });
    target.lines.skipArrived();
    await target.waitForLine(ORIGINAL);
  });
});

describe('a program that forks', () => {
  const FORKS = {
    'main.c': `#include <stdio.h>
#include <time.h>
#include <unistd.h>
int value(void);
int main(void)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    pid_t parent = getpid();
    int next = fork() > 0 ? getchar() : EOF;
    if (next != EOF)
        fork();
    while (getpid() == parent || getppid() == parent) {
        printf("%d %d\\n", (int)getpid(), value());
        fflush(stdout);
        nanosleep(&pause, NULL);
    }
}
`,
    'value.c': 'int value(void) { return 1; }\n',
  };

  it('has all its processes patched by one reload, compiled once, and by a watch, new ones too', async () => {
    using program = await buildInline(FORKS);
    await using target = await program.start();
    const forks = (): number[] => childrenOf(target.pid).sort((a, b) => a - b);
    await until('it has forked', () => forks().length === 1);
    const everybodySays = async (value: number): Promise<void> => {
      target.lines.skipArrived();
      for (const pid of forks()) await target.waitForLine(new RegExp(`^${pid} ${value}$`));
    };
    program.edit('value.c', 'return 1', 'return 2');
    const { exitCode, stdout } = await runHcr([
      ...['reload', '--json', '--all', target.pid, ...forks(), '--', program.at('value.c')],
    ]);
    expect(exitCode).toBe(0);
    const report = JSON.parse(stdout) as { processes: { pid: number; functions: unknown[] }[] };
    expect(report.processes.map(({ pid, functions }) => [pid, functions.length])).toEqual(
      [target.pid, ...forks()].map((pid) => [pid, 1]),
    );
    await everybodySays(2);
    program.edit('value.c', 'return 2', 'return 3');
    const text = await runHcr(['reload', '--tree', target.pid]);
    expect(text.stdout).toMatch(/^2 processes patched/);
    await everybodySays(3);
    await using watch = await startWatch(target.pid);
    await watch.outcome();
    target.write('\n');
    await until('it has forked again', () => forks().length === 2);
    program.edit('value.c', 'return 3', 'return 4');
    const patched = await watch.outcome();
    expect((patched['forks'] as { ok: boolean }[]).map(({ ok }) => ok)).toEqual([true, true]);
    await everybodySays(4);
    await target.waitForLine(new RegExp(`^${target.pid} 4$`));
  });

  it('is looked for by name', async () => {
    const { exitCode, stdout } = await runHcr(['reload', '--json', '--all', 'no-such-program-hcr']);
    expect(exitCode).toBe(2);
    expect(stdout).toContain('No process is called no-such-program-hcr.');
  });
});

it('run --watch reloads with each save, and on the signal what was not saved under its eyes', async () => {
  using program = await buildInline(FILES);
  await using watch = await runWatched(['--on', 'SIGHUP', '--', program.program], program.path);
  const pid = await until('the program runs', () =>
    childrenOf(watch.process.pid).find((child) => executableOf(child) === program.program),
  );
  await watch.process.waitForLine(ORIGINAL);
  program.edit('third.c', 'x * SCALE', 'x * SCALE + 1');
  expect(functionsOf(await watch.outcome())).toEqual(['third']);
  await watch.process.waitForLine(/^label 9 17 51$/);
  process.kill(pid, 'SIGHUP');
  expect(functionsOf(await watch.outcome())).toEqual([]);
  process.kill(pid, 'SIGTERM');
  expect((await watch.process.ended).code).toBe(128 + 15);
});
