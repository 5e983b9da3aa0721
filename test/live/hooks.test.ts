/**
 * Programs that ask for hooks with include/hcr.h: what they are called with, where, and that nobody
 * notices: neither the wait that a hook was called in, nor threads that hold what it needs.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TemporaryTree } from '../build/temporary-tree.js';
import { type BuildOptions, type Fixture, buildFixture } from '../support/fixture.js';
import { attach, hcrCommand, readStatus, refusalOf, reload, rollBack } from '../support/hcr.js';
import { runKilledAt } from '../support/kill-at.js';
import { REPOSITORY } from '../support/repository.js';
import { type Target, startTarget } from '../support/target.js';

const INCLUDE = join(REPOSITORY, 'include');
/** Of patches and roll backs with each kind of wait. */
const ROUNDS = Number(process.env['HCR_HOOK_ROUNDS'] ?? 1);
/** Of hcr's ptrace requests, hcr is killed at each so-manieth. */
const KILL_STEP = process.env['HCR_KILL'] === 'all' ? 1 : 37;
const GOOD = { interrupted: '0', early: '0', wrong: '0' };

function buildHooks(options: BuildOptions = {}): Promise<Fixture> {
  return buildFixture('hooks', { ...options, variables: [`INCLUDE=${INCLUDE}`] });
}

/** An object of answer.c with an edit; the source is left as it was. */
async function compileAnswer(
  fixture: Fixture,
  cflags: string,
  edits: readonly (readonly [from: string, to: string])[] = [['return 1', 'return 2']],
  cc = 'gcc',
): Promise<string> {
  return await compileEdited(fixture, 'answer.c', cflags, edits, cc);
}

async function compileEdited(
  fixture: Fixture,
  source: string,
  cflags: string,
  edits: readonly (readonly [from: string, to: string])[],
  cc = 'gcc',
): Promise<string> {
  const object = `edited-${source.replace(/c$/, 'o')}`;
  for (const [from, to] of edits) fixture.edit(source, from, to);
  const flags = [...cflags.split(' '), '-DHCR_ENABLE', `-I${INCLUDE}`];
  await fixture.run(
    cc,
    ...flags,
    '-ffunction-sections',
    '-fdata-sections',
    '-c',
    '-o',
    object,
    source,
  );
  fixture.restore();
  return fixture.path(object);
}

function fieldsOf(line: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...line.matchAll(/(\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]),
  );
}

/** Waits for a tick with an answer; all up to there must be good. */
async function readTo(target: Target, answer: number): Promise<void> {
  for (;;) {
    const [line] = await target.waitForLine(/^tick .*/);
    expect(fieldsOf(line)).toMatchObject(GOOD);
    if (fieldsOf(line)['answer'] === String(answer)) return;
  }
}

/** What the next hooks print; ticks in between must be good. */
async function readHooks(target: Target, count: number): Promise<string[]> {
  const hooks: string[] = [];
  while (hooks.length < count) {
    const [line] = await target.waitForLine(/^(hook|tick) .*/);
    if (line.startsWith('hook')) hooks.push(line);
    else expect(fieldsOf(line)).toMatchObject(GOOD);
  }
  return hooks;
}

const hooksOf = (generation: number, before: number, after: number): string[] => [
  `hook save ${generation} main answer=${before}`,
  `hook restore ${generation} main answer=${after}`,
  `hook check ${generation} main answer=${after}`,
  `hook part ${generation}`,
];
const NAMES = { before: ['save'], after: ['restore', 'check', 'part_ready'] };

let shared: Fixture;
let object: string;
beforeAll(async () => {
  shared = await buildHooks({ cflags: '-O2 -g' });
  object = await compileAnswer(shared, '-O2 -g');
});
afterAll(() => {
  shared[Symbol.dispose]();
});

it.each([
  { kind: 'a PIE', cc: 'gcc', cflags: '-O2 -g -fPIE', ldflags: '-pie -Wl,--gc-sections' },
  { kind: 'no PIE', cc: 'gcc', cflags: '-O0 -g -fno-pie', ldflags: '-no-pie' },
  { kind: 'a PIE of clang', cc: 'clang', cflags: '-O2 -g -fPIE', ldflags: '-pie -fuse-ld=lld' },
])('in $kind each hook is called once, in order, with the generation', async (build) => {
  using fixture = await buildHooks(build);
  const edited = await compileAnswer(fixture, build.cflags, undefined, build.cc);
  await using target = await startTarget(fixture.program, ['nanosleep', '2']);
  const { pid } = target;
  await readTo(target, 1);
  expect((await readStatus(pid)).hooks).toEqual(NAMES);

  const { hooks } = await attach(pid, ['answer'], ['--object', edited]);
  expect(hooks).toEqual(NAMES);
  expect(await readHooks(target, 4)).toEqual(hooksOf(1, 1, 2));
  await readTo(target, 2);

  expect((await rollBack(pid)).hooks).toEqual(NAMES);
  expect(await readHooks(target, 4)).toEqual(hooksOf(0, 2, 1));
});

it.each(['nanosleep', 'epoll', 'poll', 'compute'])(
  'a first thread that is in %s, while others use the heap, is back as if nothing had been',
  async (how) => {
    await using target = await startTarget(shared.program, [how, '3']);
    await readTo(target, 1);
    for (let round = 0; round < ROUNDS; round++) {
      expect((await attach(target.pid, ['answer'], ['--object', object])).hooks).toEqual(NAMES);
      await readTo(target, 2);
      expect((await rollBack(target.pid, ['--to', '0'])).hooks).toEqual(NAMES);
      await readTo(target, 1);
    }
  },
);

it('the AFTER hooks are called with the old number when a change does not come about', async () => {
  await using target = await startTarget(shared.program, ['epoll']);
  await readTo(target, 1);
  const edits = [['WAIT_MS 120', 'WAIT_MS 121']] as const;
  const main = await compileEdited(shared, 'main.c', '-O2 -g', edits);
  const refusal = await refusalOf([
    ...['attach', target.pid, '--func', 'main', '--object', main],
    ...['--when-idle', '--timeout', '3000'],
  ]);
  expect(refusal.code).toBe('busy');
  expect(await readHooks(target, 4)).toEqual([
    'hook save 1 main answer=1',
    ...hooksOf(0, 1, 1).slice(1),
  ]);
});

it.each(['epoll', 'nanosleep'])(
  'a hook finishes and its thread, in %s, goes on when hcr is killed in the middle of it',
  async (how) => {
    using tree = new TemporaryTree({});
    const env = { ...process.env, HOOK_AWAITS: tree.at('go') };
    await using target = await startTarget(shared.program, [how], { env });
    await readTo(target, 1);
    const [command = '', ...words] = hcrCommand([
      'attach',
      target.pid,
      '--func',
      'answer',
      '--object',
      object,
    ]);
    const hcr = spawn(command, words, { stdio: 'ignore' });
    await target.waitForLine(/^hook save begins 1/);
    hcr.kill('SIGKILL');
    await once(hcr, 'exit');
    tree.write('go', '');
    await target.waitForLine(/^hook save 1 main answer=1/);
    await readTo(target, 1);
    await attach(target.pid, ['answer'], ['--object', object]);
    await readTo(target, 2);
  },
);

it('a hook that takes too long is left to itself, and the patch refused', async () => {
  using tree = new TemporaryTree({});
  const env = { ...process.env, HOOK_AWAITS: tree.at('go') };
  await using target = await startTarget(shared.program, ['poll'], { env });
  await readTo(target, 1);
  const refusal = await refusalOf([
    ...['attach', target.pid, '--func', 'answer', '--object', object, '--timeout', '400'],
  ]);
  expect(refusal).toMatchObject({ code: 'hook-failed', exitCode: 4, error: { hook: 'save' } });
  tree.write('go', '');
  await target.waitForLine(/^hook save 1 main/);
  await readTo(target, 1);
  expect((await readStatus(target.pid)).generation).toBe(0);
});

const EDITED_DATA = [
  ['limit = 10', 'limit = 1000'],
  ['kept = 5', 'kept = 500'],
  ['calls = 100', 'calls = 7000'],
  ['{"one", "two"}', '{"uno", "two"}'],
  ['answer, 3', 'answer, 33'],
] as const;

async function readData(target: Target): Promise<Readonly<Record<string, string>>> {
  await target.lines.skipBegun();
  const [line] = await target.waitForLine(/^data .*/);
  return fieldsOf(line);
}

it('HCR_RESET gives a variable its edited initial value, once; HCR_KEEP says nothing', async () => {
  await using target = await startTarget(shared.program, ['epoll']);
  const { pid } = target;
  const before = await readData(target);
  expect(before).toMatchObject({ words: 'one,two', node: '1,1,3' });
  const source = shared.path('answer.c');
  const flags = ['--cflags', `-O2 -DHCR_ENABLE -I${INCLUDE}`];
  for (const [from, to] of EDITED_DATA) shared.edit('answer.c', from, to);

  // Nothing but data was edited.
  const report = await reload(pid, [source, ...flags]);
  expect(report).toMatchObject({ generation: 1, functions: [], hooks: NAMES });
  expect(report.data?.reset.map(({ name }) => name)).toEqual(['calls', 'limit', 'node', 'words']);
  expect(report.notes.join()).not.toContain('initialiser');
  const after = await readData(target);
  expect(after).toMatchObject({ words: 'uno,two', node: '1,1,33' });
  expect(Number(after['limit'])).toBeGreaterThanOrEqual(1000);
  expect(Number(after['calls'])).toBeGreaterThanOrEqual(7000);
  expect(Number(after['kept'])).toBeLessThan(500);

  // From now on the values are the program's own, also when they are rolled back over.
  shared.edit('answer.c', 'return 1', 'return 2');
  const later = await reload(pid, [source, ...flags]);
  expect(later.functions.map(({ name }) => name)).toEqual(['answer']);
  expect(later.data?.reset).toEqual([]);
  const { notes } = await rollBack(pid, ['--to', '0']);
  expect(notes.join()).toContain('keep what they hold');
  expect(Number((await readData(target))['limit'])).toBeGreaterThan(Number(after['limit']));

  shared.restore();
  const undone = await reload(pid, [source, ...flags]);
  expect(undone.data?.reset).toHaveLength(4);
  expect(await readData(target)).toMatchObject({ words: 'one,two', node: '1,1,3' });
});

it('a program that hcr runs has its hooks called as well, and a new hook is told', async () => {
  const flags = ['--cflags', `-O2 -DHCR_ENABLE -I${INCLUDE}`];
  const words = ['run', '--on', 'SIGUSR1', ...flags, '--', shared.program, 'nanosleep', '2'];
  const [command = '', ...rest] = hcrCommand(words);
  await using hcr = await startTarget(command, rest, { cwd: shared.directory });
  await readTo(hcr, 1);
  shared.edit('answer.c', 'return 1', 'return 2');
  const added = '\nstatic void late(unsigned g) { limit += (int)g; }\nHCR_AFTER_RELOAD(late);\n';
  shared.edit('answer.c', 'HCR_RESET(limit);', `HCR_RESET(limit);${added}`);
  hcr.kill('SIGUSR1');
  expect(await readHooks(hcr, 4)).toEqual(hooksOf(1, 1, 2));
  await readTo(hcr, 2);
  await hcr.errorLines.waitFor(/late was made a hook by an edit/);
  shared.restore();
});

const LIAR = `#include <hcr.h>
#include <stdio.h>
#include <unistd.h>
char bytes[64];
int answer(void) { return 1; }
static void honest(unsigned generation) { printf("honest %u\\n", generation); fflush(stdout); }
HCR_AFTER_RELOAD(honest);
#define LIE(value) __attribute__((section("hcr_after"), used)) static void *const HCR_NAME_ = (void *)(value)
LIE((char *)answer + 1);
LIE(bytes);
LIE(0);
LIE(0x12345678);
LIE(-1L);
int main(void)
{
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
`;

it('calls nothing that is not the start of a function', async () => {
  using tree = new TemporaryTree({ 'liar.c': LIAR });
  const flags = ['-O0', '-g', '-DHCR_ENABLE', `-I${INCLUDE}`];
  execFileSync('gcc', [...flags, '-o', tree.at('liar'), tree.at('liar.c')]);
  await using target = await startTarget(tree.at('liar'));
  await target.waitForLine(/^ready/);
  tree.write('liar.c', LIAR.replace('return 1', 'return 2'));
  const report = await attach(target.pid, ['answer'], ['--cflags', flags.join(' ')]);
  expect(report.hooks).toEqual({ before: [], after: ['honest'] });
  expect(report.notes.filter((note) => note.includes('start of no function'))).toHaveLength(3);
  await target.waitForLine(/^honest 1$/);
});

it('a hook that a fault hits is named, and the fault takes its course', async () => {
  const text = LIAR.replace(/^LIE.*$/gm, '')
    .replace('HCR_AFTER_RELOAD', 'HCR_BEFORE_RELOAD')
    .replace(
      'printf("honest',
      '*(volatile char *)(long)(generation - generation) = 1; printf("honest',
    );
  using tree = new TemporaryTree({ 'liar.c': text });
  const flags = ['-O0', '-g', '-DHCR_ENABLE', `-I${INCLUDE}`];
  execFileSync('gcc', [...flags, '-o', tree.at('liar'), tree.at('liar.c')]);
  await using target = await startTarget(tree.at('liar'));
  await target.waitForLine(/^ready/);
  tree.write('liar.c', text.replace('return 1', 'return 2'));
  const refusal = await refusalOf([
    ...['attach', target.pid, '--func', 'answer', '--cflags', flags.join(' ')],
  ]);
  expect(refusal).toMatchObject({ code: 'hook-failed', error: { hook: 'honest' } });
  expect(refusal.message).toContain('was hit by SIGSEGV');
  expect(await target.ended).toEqual({ code: null, signal: 'SIGSEGV' });
});

it('a program with hooks is right wherever hcr was killed', async () => {
  await using target = await startTarget(shared.program, ['nanosleep', '2']);
  await readTo(target, 1);
  const command = ['attach', target.pid, '--func', 'answer', '--object', object];
  for (
    let count = KILL_STEP - 1;
    await runKilledAt(command, 'ptrace', count + 1);
    count += KILL_STEP
  ) {
    target.lines.skipArrived();
    await target.waitForLine(/^tick/);
    await rollBack(target.pid, ['--to', '0']);
    await readTo(target, 1);
  }
});
