/** Crashes in new code of a program that hcr is attached to: each choice on a real crash, and what is
 *  left alone. */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CrashReport } from '../../src/app/crash-report.js';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { hcrCommand } from '../support/hcr.js';
import { descendantsOf, executableOf, killIfThere } from '../support/process-tree.js';
import { type Target, startTarget } from '../support/target.js';
import { readThreadStates } from '../support/thread-states.js';
import { until } from '../support/until.js';

const FAULT = 'return n + *(volatile int *)24;';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await buildFixture('crash');
});
afterAll(() => fixture[Symbol.dispose]());

/** Where a text stands in the source; the edits of these tests are of one line. */
function lineOf(text: string): string {
  const path = fixture.path('work.c');
  const lines = readFileSync(path, 'utf8').split('\n');
  return `${path}:${lines.findIndex((line) => line.includes(text)) + 1}`;
}

/** A program under `hcr run`, which reloads it on SIGUSR1. */
class GuardedRun implements AsyncDisposable {
  readonly run: Target;
  readonly pid: number;

  private constructor(run: Target, pid: number) {
    this.run = run;
    this.pid = pid;
  }

  static async start(policy: string): Promise<GuardedRun> {
    fixture.restore();
    const words = ['run', '--on', 'USR1', '--json', '--on-crash', policy, '--', fixture.program];
    const [program = '', ...args] = hcrCommand(words);
    return GuardedRun.of(await startTarget(program, args));
  }

  /** On a terminal of its own, as a user would. */
  static async startOnTerminal(): Promise<GuardedRun> {
    fixture.restore();
    const words = hcrCommand(['run', '--on', 'USR1', '--', fixture.program]);
    return GuardedRun.of(await startTarget('script', ['-qefc', words.join(' '), '/dev/null']));
  }

  private static async of(run: Target): Promise<GuardedRun> {
    await run.waitForLine(/^ready/);
    const pid = await until('the program runs', () =>
      descendantsOf(run.pid).find((child) => executableOf(child) === fixture.program),
    );
    return new GuardedRun(run, pid);
  }

  /** Edits the source and makes that live. */
  async reload(from: string, to: string): Promise<void> {
    fixture.edit('work.c', from, to);
    process.kill(this.pid, 'SIGUSR1');
    expect(await this.event(/"event":"(reloaded|refused)"/)).toMatchObject({ ok: true });
  }

  async event(pattern: RegExp): Promise<Record<string, unknown>> {
    const { input } = await this.run.errorLines.waitFor(pattern);
    return JSON.parse(input) as Record<string, unknown>;
  }

  async crash(line: string): Promise<CrashReport> {
    this.run.write(`${line}\n`);
    return (await this.event(/"event":"crashed"/)) as unknown as CrashReport;
  }

  async call(line: string, answer: RegExp): Promise<void> {
    this.run.write(`${line}\n`);
    await this.run.waitForLine(answer);
  }

  /** Of its threads, as in /proc. */
  states(): string[] {
    return readThreadStates(this.pid).map(({ state }) => state);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (executableOf(this.pid) === fixture.program) killIfThere(this.pid);
    await this.run[Symbol.asyncDispose]();
  }
}

describe('return', () => {
  let guarded: GuardedRun;
  beforeAll(async () => {
    guarded = await GuardedRun.start('return=5');
  });
  afterAll(() => guarded[Symbol.asyncDispose]());

  /** What is told of a crash of an edit, which is then undone in the source as in the program. */
  async function crashOf(from: string, to: string, line: string): Promise<CrashReport> {
    await guarded.reload(from, to);
    const report = await guarded.crash(line);
    fixture.restore();
    return report;
  }

  it('gives the caller the value; the generation is rolled back, the program goes on', async () => {
    const report = await crashOf('return n + 1;', FAULT, 'number 6');
    expect(report).toMatchObject({
      signal: 'SIGSEGV',
      faultAddress: '0x18',
      function: 'number',
      generation: 1,
      liveGeneration: 0,
      rolledBack: ['number'],
      returns: 'integer',
    });
    expect(report.frames[0]).toMatchObject({ function: 'number', generation: 1 });
    expect(report.source).toBe(lineOf('return n + 1;'));
    expect(report.frames.map((frame) => frame.function)).toContain('main');
    expect(Number(report.registers['rdi'])).toBe(6);
    await guarded.run.waitForLine(/^number=5$/);
    await guarded.call('number 6', /^number=7$/);
  });

  it('in a thread that is not the first', async () => {
    const report = await crashOf('return n + 1;', FAULT, 'thread number 6');
    expect(report.tid).not.toBe(report.pid);
    await guarded.run.waitForLine(/^number=5$/);
  });

  it('gives a floating-point result', async () => {
    await crashOf('return x / 2;', 'return *(volatile double *)8;', 'ratio 3');
    await guarded.run.waitForLine(/^ratio=5$/);
  });

  it('gives nothing where nothing is returned', async () => {
    const report = await crashOf('noted = n;', 'noted = n; *(volatile int *)8 = n;', 'note 6');
    expect(report).toMatchObject({ returns: 'nothing' });
    await guarded.run.waitForLine(/^noted=6$/);
  });

  it('leaves the functions of a library that the new code called', async () => {
    const report = await crashOf('strlen(text)', 'strlen(text + (1L << 60))', 'length 1');
    expect(report.frames[0]?.module).toMatch(/^libc/);
    expect(report).toMatchObject({ function: 'length', rolledBack: ['length'] });
    await guarded.run.waitForLine(/^length=5$/);
  });

  it('leaves abort()', async () => {
    const report = await crashOf('return n + 1;', 'abort();', 'number 6');
    expect(report).toMatchObject({ signal: 'SIGABRT', function: 'number' });
    await guarded.run.waitForLine(/^number=5$/);
  });

  it('leaves a call of nothing', async () => {
    const call = 'int (*volatile f)(int) = 0; return f(n) + 1;';
    const report = await crashOf('return n + 1;', call, 'number 6');
    expect(report).toMatchObject({ signal: 'SIGSEGV', function: 'number' });
    expect(report.frames[0]?.address).toBe('0x0');
    await guarded.run.waitForLine(/^number=5$/);
  });

  it('leaves an endless recursion by its outermost call', async () => {
    const endless = '1 + deep(n + 1) * (int)strlen(memset((char[200]){0}, n & 7, 8))';
    const report = await crashOf('n == 0 ? 0 : 1 + deep(n - 1)', endless, 'deep 5');
    expect(report.moreFrames).toBeGreaterThan(1000);
    await guarded.run.waitForLine(/^deep=5$/);
    await guarded.call('deep 7', /^deep=7$/);
  });

  it('a signal that the program handles reaches it, from new code as well', async () => {
    await guarded.reload('return n + 1;', FAULT);
    await guarded.call('catch number 6', /^caught$/);
    // Without a handler it is fatal.
    await guarded.crash('number 6');
    await guarded.run.waitForLine(/^number=5$/);
    fixture.restore();
  });

  it('gives no record by hand: the program crashes, and it is said why', async () => {
    await crashOf('return (struct wide){{n, n, n, n}};', 'abort();', 'widen 5');
    expect(await guarded.event(/"event":"crash-refused"/)).toMatchObject({ choice: 'return' });
    expect(await guarded.event(/"event":"exited"/)).toMatchObject({ signal: 'SIGABRT' });
  });
});

it('previous: the call is made again with its arguments, in the version before', async () => {
  await using guarded = await GuardedRun.start('previous');
  await guarded.reload('return n + 1;', FAULT);
  expect((await guarded.crash('number 6')).impossible).toEqual({});
  await guarded.run.waitForLine(/^number=7$/);
  // What has become of the arguments is not known after another call.
  await guarded.reload(FAULT, 'noted = (int)strlen((char *)(long)n); return n;');
  expect((await guarded.crash('number 6')).impossible).toMatchObject({
    previous: expect.stringContaining('rdi') as unknown,
  });
  expect(await guarded.run.ended).toEqual({ code: 128 + 11, signal: null });
});

it('retry: all threads stand until an edit is live; then the call is made again', async () => {
  await using guarded = await GuardedRun.start('retry');
  await guarded.reload('return n + 1;', FAULT);
  await guarded.crash('thread number 6');
  await guarded.event(/"event":"awaiting-edit"/);
  expect(guarded.states()).toEqual(['t', 't', 't']);
  fixture.edit('work.c', FAULT, 'return n + oops;');
  expect(await guarded.event(/"event":"refused"/)).toMatchObject({ ok: false });
  fixture.edit('work.c', 'return n + oops;', 'return n + 100;');
  await guarded.run.waitForLine(/^number=106$/);
  expect(await guarded.event(/"event":"crash-settled"/)).toMatchObject({ choice: 'retry' });
  // One that is not waited for any more does not go live by itself.
  await guarded.reload('return n + 100;', FAULT);
  await guarded.crash('number 6');
  await guarded.event(/"event":"awaiting-edit"/);
  process.kill(guarded.pid, 'SIGKILL');
  expect(await guarded.run.ended).toEqual({ code: 128 + 9, signal: null });
});

it('crash: the program ends by the signal, as it would without hcr', async () => {
  await using guarded = await GuardedRun.start('crash');
  await guarded.reload('return n + 1;', FAULT);
  await guarded.crash('number 6');
  expect(await guarded.event(/"event":"exited"/)).toMatchObject({ signal: 'SIGSEGV' });
  expect(await guarded.run.ended).toEqual({ code: 128 + 11, signal: null });
});

describe('debugger', () => {
  it.each([
    ['a fault', FAULT, 'SIGSEGV'],
    ['what the program sent to itself', 'abort();', 'SIGABRT'],
  ])('gdb attaches to the stopped program and sees %s again', async (_, code, signal) => {
    await using guarded = await GuardedRun.start('debugger');
    await guarded.reload('return n + 1;', code);
    await guarded.crash('number 6');
    const { command } = await guarded.event(/"event":"crash-settled"/);
    const gdb = `${String(command)} -nx -batch -ex continue -ex kill`;
    expect(await fixture.run('sh', '-c', gdb)).toContain(`received signal ${signal}`);
    await guarded.run.ended;
  });
});

it('a crash of old code is none of its business', async () => {
  await using guarded = await GuardedRun.start('return=77');
  await guarded.reload('return n + 1;', FAULT);
  guarded.run.write('old-fault 1\n');
  expect(await guarded.run.ended).toEqual({ code: 128 + 11, signal: null });
  expect((await guarded.run.errorLines.rest()).join()).not.toMatch(/"event":"crashed"/);
});

it('a signal from another process is none of its business', async () => {
  await using guarded = await GuardedRun.start('return=77');
  await guarded.reload('return n + 1;', 'for (;;) noted = n;');
  guarded.run.write('number 1\n');
  await until('it is in new code', () => guarded.states()[0] === 'R');
  process.kill(guarded.pid, 'SIGABRT');
  expect(await guarded.run.ended).toEqual({ code: 128 + 6, signal: null });
});

it('the death of hcr while the program stands lets the signal through', async () => {
  await using guarded = await GuardedRun.start('retry');
  await guarded.reload('return n + 1;', FAULT);
  await guarded.crash('number 6');
  await guarded.event(/"event":"awaiting-edit"/);
  guarded.run.kill('SIGKILL');
  await until('the program has ended', () => executableOf(guarded.pid) === undefined);
});

it('asks on the terminal of the program, and leaves the terminal as the program had it', async () => {
  await using guarded = await GuardedRun.startOnTerminal();
  const terminal = readlinkSync(`/proc/${guarded.pid}/fd/0`);
  const settings = (): string => execFileSync('stty', ['-F', terminal, '-a'], { encoding: 'utf8' });
  execFileSync('stty', ['-F', terminal, '-echo', '-icrnl', 'min', '3']);
  const before = settings();
  fixture.edit('work.c', 'return n + 1;', FAULT);
  process.kill(guarded.pid, 'SIGUSR1');
  await guarded.run.waitForLine(/reloaded number/);
  guarded.run.write('number 6\n');
  await guarded.run.waitForLine(
    /SIGSEGV, address 0x18 in number \(generation 1\) at .*work\.c:\d+/,
  );
  await guarded.run.waitForLine(/rolled back number: generation 0 is live/);
  await guarded.run.waitForLine(/crash\s+let it crash/);
  guarded.run.write('what\r');
  await guarded.run.waitForLine(/One of the words/);
  guarded.run.write('return 31\r');
  await guarded.run.waitForLine(/^number=31/);
  expect(settings()).toBe(before);
});

it('watch --guard: a program that is there already is kept from crashing', async () => {
  fixture.restore();
  await using target = await startTarget(fixture.program);
  await target.waitForLine(/^ready$/);
  const words = ['watch', target.pid, '--guard', '--json', '--on-crash', 'return=8'];
  const [program = '', ...args] = hcrCommand(words);
  await using watch = await startTarget(program, args);
  await watch.waitForLine(/"event":"watching"/);
  fixture.edit('work.c', 'return n + 1;', FAULT);
  await watch.waitForLine(/"event":"patched".*"generation":1/);
  target.write('number 6\n');
  await watch.waitForLine(/"event":"crashed".*"signal":"SIGSEGV"/);
  await target.waitForLine(/^number=8$/);
  watch.kill('SIGINT');
  await watch.ended;
  target.write('number 6\n');
  await target.waitForLine(/^number=7$/);
});
