import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attachFunctions } from '../../src/app/attach.js';
import { diagnose } from '../../src/app/doctor.js';
import type { Condition, DoctorReport } from '../../src/app/report.js';
import { changesDuring, NOTHING } from '../support/memory-snapshot.js';
import { type Target, startTarget } from '../support/target.js';
import { until } from '../support/until.js';
import { Program } from './program.js';

const LOOP = `#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
int f(int x) { return x; }
static void *idle(void *arg) { pause(); return arg; }
int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, idle, NULL);
  puts("ready");
  fflush(stdout);
  for (;;) { f(1); usleep(10000); }
}
`;

const OPTIONS = { dryRun: false, unchecked: false, timeoutMs: 5000 };

/** A program that is running, and its folder; both go at the end of the scope. */
async function started(source: string, ...flags: string[]) {
  return startedAsBuiltBy('gcc', source, ...flags);
}

async function startedAsBuiltBy(compiler: string, source: string, ...flags: string[]) {
  const program = new Program({ 'main.c': source });
  program.run(compiler, '-o', 'app', ...flags, 'main.c');
  const target = await startTarget(program.path('app'));
  await target.waitForLine(/ready/);
  return {
    program,
    target,
    async [Symbol.asyncDispose]() {
      target.kill('SIGKILL');
      await target[Symbol.asyncDispose]();
      program[Symbol.dispose]();
    },
  };
}

function condition(report: DoctorReport, name: string): Condition {
  const found = report.conditions.find((candidate) => candidate.name === name);
  if (found === undefined)
    throw new Error(`no condition ${name} in ${JSON.stringify(report.conditions)}`);
  return found;
}

function expectWellFormed({ conditions, patchable }: DoctorReport): void {
  expect(patchable).toBe(conditions.every(({ state }) => state !== 'failed'));
  for (const { name, state, detail, hint } of conditions) {
    expect(detail, name).not.toBe('');
    if (state === 'ok') expect(hint, name).toBeUndefined();
    else expect(hint, name).toMatch(/^[A-Zh].*\S$/);
  }
}

describe('diagnose without a process', () => {
  it('finds a machine ready on which these tests run', async () => {
    const report = await diagnose(undefined);
    expectWellFormed(report);
    expect(report.patchable).toBe(true);
    expect(report).not.toHaveProperty('pid');
    expect(condition(report, 'processor').detail).toBe('x86-64');
    expect(condition(report, 'system calls').state).toBe('ok');
    expect(condition(report, 'writing of code').state).toBe('ok');
  });

  it('names the version of gcc', async () => {
    using program = new Program({});
    const version = program.run('gcc', '-dumpfullversion').trim();
    expect(condition(await diagnose(undefined), 'installed compilers').detail).toContain(
      `gcc ${version}`,
    );
  });

  it.each(['koffi', 'ffi-rs'])('says that libc is called through %s', async (backend) => {
    const before = process.env['HCR_FFI'];
    process.env['HCR_FFI'] = backend;
    try {
      expect(condition(await diagnose(undefined), 'calls of libc').detail).toMatch(
        `through ${backend};`,
      );
    } finally {
      if (before === undefined) delete process.env['HCR_FFI'];
      else process.env['HCR_FFI'] = before;
    }
  });
});

describe('diagnose of a process that can be patched', () => {
  let run: Awaited<ReturnType<typeof started>>;
  let program: Program;
  let target: Target;
  beforeAll(async () => {
    run = await started(LOOP, '-g', '-O1', '-pthread');
    ({ program, target } = run);
  });
  afterAll(async () => await run[Symbol.asyncDispose]());

  it('finds nothing amiss', async () => {
    const report = await diagnose(target.pid);
    expectWellFormed(report);
    expect(report.pid).toBe(target.pid);
    expect(report.conditions.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(condition(report, 'process').detail).toMatch(
      /^app, (sleeping|running), 2 threads, of user \d+$/,
    );
    expect(condition(report, 'executable').detail).toBe(program.path('app'));
    expect(condition(report, 'debug information of app').detail).toMatch(
      /^DWARF 5, one source file, built by gcc/,
    );
    expect(condition(report, 'edited sources').detail).toMatch(/^none/);
    expect(condition(report, 'record').detail).toBe('never patched');
  });

  it('shows the command that would compile its source, and why that one', async () => {
    const { detail } = condition(await diagnose(target.pid), 'compile command of main.c');
    expect(detail).toContain('from debug information: ');
    expect(detail).toContain(' -O1 ');
    expect(detail).toContain(`source ${program.path('main.c')}`);
  });

  it('names instructions of the process that make system calls', async () => {
    const { detail } = condition(await diagnose(target.pid), 'system calls in it');
    const [syscall = ''] = /0x[0-9a-f]+/.exec(detail) ?? [];
    const output = program.run(
      'gdb',
      '-nx',
      '-batch',
      '-p',
      String(target.pid),
      '-ex',
      `x/2i ${syscall}`,
    );
    expect(output).toMatch(/\tsyscall[\s\S]*\tret/);
  });

  it('names room for new code that is free and within reach', async () => {
    const { detail } = condition(await diagnose(target.pid), 'room near app');
    const start = Number(/0x[0-9a-f]+/.exec(detail)?.[0]);
    const maps = readFileSync(`/proc/${target.pid}/maps`, 'utf8').trimEnd().split('\n');
    const ranges = maps.map((line) =>
      line.split(/[- ]/, 2).map((text) => Number.parseInt(text, 16)),
    );
    expect(ranges.some(([from = 0, to = 0]) => from < start + 4096 && start < to)).toBe(false);
    const code = Number.parseInt(maps.find((line) => line.endsWith('/app')) ?? '', 16);
    expect(Math.abs(code - start)).toBeLessThan(2 ** 31);
  });

  it('changes nothing in it', async () => {
    expect(await changesDuring(target.pid, () => diagnose(target.pid))).toEqual(NOTHING);
  });

  it('names the sources that were written since it started', async () => {
    const now = new Date();
    utimesSync(program.path('main.c'), now, now);
    expect(condition(await diagnose(target.pid), 'edited sources').detail).toMatch(
      /^since .*: main\.c$/,
    );
  });

  it('says that the file was replaced by a later build', async () => {
    program.gcc('app.new', '-g', '-O1', '-pthread', 'main.c');
    program.run('mv', 'app.new', 'app');
    const report = await diagnose(target.pid);
    expect(condition(report, 'executable').detail).toMatch(/replaced by another file/);
    expect(report.patchable).toBe(true);
  });

  it('warns when the source is nowhere', async () => {
    rmSync(program.path('main.c'));
    const report = await diagnose(target.pid);
    expectWellFormed(report);
    expect(condition(report, 'sources')).toMatchObject({ state: 'warning' });
    expect(condition(report, 'compile command of main.c')).toMatchObject({
      state: 'warning',
      hint: 'Name it with --source FILE.',
    });
    expect(report.patchable).toBe(true);
  });
});

describe('the compile command that diagnose shows', () => {
  it('has a level of optimisation where clang recorded none, as that of a patch has', async () => {
    await using run = await startedAsBuiltBy('clang', LOOP, '-g', '-O2', '-pthread');
    const { detail } = condition(await diagnose(run.target.pid), 'compile command of main.c');
    expect(detail).toMatch(/\/clang -O2 .*main\.c /);
  });

  it('is none where a patch would be refused: the program counts what runs', async () => {
    await using run = await started(LOOP, '-g', '-pthread', '--coverage');
    const report = await diagnose(run.target.pid);
    expectWellFormed(report);
    expect(condition(report, 'compile command of main.c')).toMatchObject({
      state: 'warning',
      hint: 'Build the program without these flags.',
    });
  });
});

describe('diagnose of a process that has been patched', () => {
  it('tells the generation and where the new code is', async () => {
    await using run = await started(LOOP, '-g', '-O1', '-fno-inline', '-pthread');
    run.program.edit('main.c', 'return x;', 'return x + 1;');
    await attachFunctions(run.target.pid, ['f'], OPTIONS, () => undefined);
    const report = await diagnose(run.target.pid);
    expect(condition(report, 'record').detail).toMatch(/^generation 1 is live, 1 function/);
    expect(condition(report, 'room near app').detail).toMatch(/^reserved at 0x/);
  });
});

describe('diagnose of a process that cannot be patched', () => {
  it('says that it is not there', async () => {
    const report = await diagnose(4_194_305);
    expectWellFormed(report);
    expect(condition(report, 'process')).toMatchObject({
      state: 'failed',
      detail: 'There is no process 4194305',
    });
  });

  it('says that a thread is not a process', async () => {
    await using run = await started(LOOP, '-pthread');
    const thread = run.target.threads.find(({ tid }) => tid !== run.target.pid)?.tid ?? 0;
    const report = await diagnose(thread);
    expect(condition(report, 'process')).toMatchObject({
      state: 'failed',
      hint: `Name the process: ${run.target.pid}.`,
    });
  });

  it('knows a zombie', async () => {
    // The parent becomes a program that never waits for its children.
    const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(chunk.toString());
      await until('it is a zombie', () =>
        /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')),
      );
      const report = await diagnose(pid);
      expectWellFormed(report);
      expect(condition(report, 'process')).toMatchObject({ state: 'failed' });
      expect(condition(report, 'process').detail).toMatch(/zombie/);
    } finally {
      parent.kill('SIGKILL');
    }
  });

  const kernelThread = readdirSync('/proc').find((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return /^Kthread:\s+1$/m.test(readFileSync(`/proc/${name}/status`, 'utf8'));
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
  it.skipIf(kernelThread === undefined)(
    'knows a thread of the kernel (skipped where none shows)',
    async () => {
      const report = await diagnose(Number(kernelThread));
      expect(condition(report, 'process')).toMatchObject({ state: 'failed' });
      expect(condition(report, 'process').detail).toMatch(/thread of the kernel/);
    },
  );

  it('does not take itself for a target', async () => {
    const report = await diagnose(process.pid);
    expect(condition(report, 'permission')).toMatchObject({ state: 'failed' });
  });

  it('says who traces it already', async () => {
    await using run = await started(LOOP, '-pthread');
    const gdb = spawn('gdb', ['-nx', '-q', '-p', String(run.target.pid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    try {
      await until('gdb traces it', () =>
        run.target.threads.some(({ tracerPid }) => tracerPid === gdb.pid),
      );
      const report = await diagnose(run.target.pid);
      expectWellFormed(report);
      expect(condition(report, 'tracer')).toMatchObject({ state: 'failed' });
      expect(condition(report, 'tracer').detail).toContain(`traced by gdb (pid ${gdb.pid ?? 0})`);
    } finally {
      const ended = once(gdb, 'exit');
      gdb.stdin.end('detach\nquit\n');
      await ended;
    }
  });

  it('knows 32-bit programs', async () => {
    using program = new Program({
      'main.c': 'void _start(void) { for (;;) __asm__ volatile("int $0x80" :: "a"(29)); }\n',
    });
    program.gcc('app', '-m32', '-nostdlib', '-static', '-fno-pie', '-no-pie', 'main.c');
    await using target = await startTarget(program.path('app'));
    const report = await diagnose(target.pid);
    expectWellFormed(report);
    expect(condition(report, 'machine')).toMatchObject({ state: 'failed' });
    expect(condition(report, 'machine').detail).toContain('32-bit x86');
  });

  it('warns of filters, which may let a patch pass, and fails in strict mode, as attaching does', async () => {
    const prelude = `#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(void) { char c; puts("ready"); fflush(stdout);
`;
    const filter = `struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = { 1, &allow };
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program); for (;;) read(0, &c, 1); }`;
    const strict = 'prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); for (;;) read(0, &c, 1); }';
    for (const [code, mode, state] of [
      [filter, 2, 'warning'],
      [strict, 1, 'failed'],
    ] as const) {
      await using run = await started(`${prelude}${code}`, '-g');
      const { pid } = run.target;
      await until('it is confined', () =>
        readFileSync(`/proc/${pid}/status`, 'utf8').includes(`Seccomp:\t${mode}`),
      );
      const report = await diagnose(pid);
      expectWellFormed(report);
      expect(condition(report, 'seccomp').state).toBe(state);
      run.program.edit('main.c', 'ready', 'edited');
      const attached = attachFunctions(pid, ['main'], OPTIONS, () => undefined);
      if (state === 'warning') expect((await attached).generation).toBe(1);
      else await expect(attached).rejects.toMatchObject({ code: 'unsupported-target' });
    }
  });

  it('warns where names, sources and flags are unknown, which an object makes up for', async () => {
    await using run = await started(LOOP, '-s', '-pthread');
    const report = await diagnose(run.target.pid);
    expectWellFormed(report);
    expect(condition(report, 'symbols of app').state).toBe('warning');
    expect(condition(report, 'debug information of app')).toMatchObject({ state: 'warning' });
    expect(condition(report, 'debug information of app').hint).toContain('--object');
    expect(report.patchable).toBe(true);
  });
});
