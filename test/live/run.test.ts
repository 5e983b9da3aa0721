/** `hcr run`: the program is started by hcr and keeps its terminal, signals and exit code. */
import { existsSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { HCR_BACKENDS } from '../support/backends.js';
import { buildFixture } from '../support/fixture.js';
import { hcrCommand } from '../support/hcr.js';
import { buildInline } from '../support/inline-program.js';
import { childrenOf, executableOf, killIfThere } from '../support/process-tree.js';
import { type Target, startTarget } from '../support/target.js';
import { until } from '../support/until.js';

/** Starts `hcr run …`. */
async function startRun(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Target> {
  const [program = '', ...args] = hcrCommand(['run', ...words]);
  const run = await startTarget(program, args, { env: { ...process.env, ...env } });
  const endHcr = run[Symbol.asyncDispose].bind(run);
  return Object.assign(run, {
    // A test that fails half way leaves the program: it goes first.
    [Symbol.asyncDispose]: async () => {
      for (const pid of run.isAlive ? childrenOf(run.pid) : []) killIfThere(pid);
      await endHcr();
    },
  });
}

/** The program's own process: the one whose parent is hcr and that runs it. */
function programOf(run: Target, program: string): Promise<number> {
  return until('the program runs', () => {
    for (const pid of childrenOf(run.pid)) if (executableOf(pid) === program) return pid;
    return undefined;
  });
}

it.each(HCR_BACKENDS)(
  'SIGINT to the program reloads it and does not reach it, through $name',
  async ({ env }) => {
    using fixture = await buildFixture('demo');
    await using run = await startRun(
      ['--on', 'SIGINT', '--func', 'f1', '--json', '--', fixture.program],
      env,
    );
    const [, before = ''] = await run.waitForLine(/^tick (\d+): f1\(\) = 1$/);
    const pid = await programOf(run, fixture.program);

    fixture.edit('f1.c', 'return 1', 'return 2');
    process.kill(pid, 'SIGINT');
    const [, after = ''] = await run.waitForLine(/^tick (\d+): f1\(\) = 2$/);
    expect(Number(after)).toBeGreaterThan(Number(before));
    const event = await run.errorLines.waitFor(/"event":"reloaded"/);
    expect(JSON.parse(event.input)).toMatchObject({ ok: true, pid, generation: 1 });

    // A source that does not compile is told, and the program goes on as it is.
    fixture.edit('f1.c', 'return 2', 'return oops');
    process.kill(pid, 'SIGINT');
    const refused = await run.errorLines.waitFor(/"event":"refused"/);
    expect(JSON.parse(refused.input)).toMatchObject({
      ok: false,
      error: { code: 'compile-failed' },
    });
    run.lines.skipArrived();
    await run.waitForLine(/f1\(\) = 2$/);

    fixture.edit('f1.c', 'return oops', 'return 3');
    process.kill(pid, 'SIGINT');
    await run.waitForLine(/f1\(\) = 3$/);

    process.kill(pid, 'SIGQUIT');
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect((await run.lines.rest()).at(-1)).toBe('goodbye');
  },
);

it('other signals reach the program, and hcr ends with its exit code', async () => {
  await using run = await startRun([
    ...['--on', 'SIGINT', '--', 'sh', '-c'],
    "trap 'exit 42' USR1; echo ready; while :; do sleep 0.01; done",
  ]);
  await run.waitForLine(/^ready/);
  const shell = await until('the shell runs', () => childrenOf(run.pid).at(0));
  process.kill(shell, 'SIGUSR1');
  expect(await run.ended).toEqual({ code: 42, signal: null });
});

it('a program that a signal ends makes hcr end as a shell would say it', async () => {
  using fixture = await buildFixture('demo');
  await using run = await startRun(['--', fixture.program]);
  await run.waitForLine(/^tick/);
  process.kill(await programOf(run, fixture.program), 'SIGTERM');
  const { code, signal } = await run.ended;
  expect(signal === 'SIGTERM' || code === 128 + 15).toBe(true);
});

it('the program has the input, the arguments and the working folder that hcr has', async () => {
  await using run = await startRun([
    '--',
    'sh',
    '-c',
    'read line; echo "$line $1 $PWD"',
    'sh',
    'two words',
  ]);
  run.write('typed\n');
  expect(await run.lines.next()).toBe(`typed two words ${process.cwd()}`);
  expect(await run.ended).toEqual({ code: 0, signal: null });
});

it('the death of hcr leaves the program alive', async () => {
  using fixture = await buildFixture('demo');
  await using run = await startRun(['--on', 'SIGINT', '--', fixture.program]);
  await run.waitForLine(/^tick/);
  const pid = await programOf(run, fixture.program);
  try {
    run.kill('SIGKILL');
    await run.ended;
    run.lines.skipArrived();
    await run.waitForLine(/^tick \d+: f1\(\) = 1$/);
  } finally {
    process.kill(pid, 'SIGQUIT');
  }
  await until('the program has ended', () => executableOf(pid) === undefined);
});

it('the end of the program is the end of hcr, and of what it still compiles', async () => {
  using fixture = await buildFixture('demo');
  writeFileSync(fixture.path('slow-cc'), '#!/bin/sh\nsleep 600\n', { mode: 0o755 });
  const words = ['--on', 'SIGINT', '--func', 'f1', '--cc', fixture.path('slow-cc'), '--json'];
  await using run = await startRun([...words, '--', fixture.program]);
  await run.waitForLine(/^tick/);
  const pid = await programOf(run, fixture.program);
  fixture.edit('f1.c', 'return 1', 'return 2');
  process.kill(pid, 'SIGINT');
  await run.errorLines.waitFor(/"event":"reloading"/);
  const compiler = await until('the compiler runs', () =>
    childrenOf(run.pid).find((child) => child !== pid),
  );
  process.kill(pid, 'SIGKILL');
  expect(await run.ended).toEqual({ code: 128 + 9, signal: null });
  expect(JSON.parse((await run.errorLines.rest()).at(-1) ?? '')).toMatchObject({
    event: 'exited',
    signal: 'SIGKILL',
  });
  await until('the compiler has ended', () => !existsSync(`/proc/${compiler}`));
});

it('a command that is not there is said so', async () => {
  await using run = await startRun(['--', './no-such-program']);
  const { code } = await run.ended;
  expect(code).not.toBe(0);
  expect((await run.errorLines.rest()).join('\n')).toMatch(/no-such-program/);
});

/** A thread waits without a timeout while it gets two thousand signals that it ignores. */
const STORM_C = `#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>
static int epoll, fed[2], cut;
static void *wait_for_input(void *unused)
{
    struct epoll_event event;
    int found;
    while ((found = epoll_wait(epoll, &event, 1, -1)) != 1)
        cut += found < 0 && errno == EINTR;
    return unused;
}
int main(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    pthread_t waiting;
    epoll = epoll_create1(0);
    if (pipe(fed) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fed[0], &event) < 0)
        return 2;
    pthread_create(&waiting, NULL, wait_for_input, NULL);
    for (int i = 0; i < 2000; i++) {
        pthread_kill(waiting, SIGWINCH);
        usleep(100);
    }
    if (write(fed[1], "x", 1) != 1)
        return 2;
    pthread_join(waiting, NULL);
    printf("cut %d times\\n", cut);
    return 0;
}
`;

it('a wait without a timeout is never cut short by signals that the program ignores', async () => {
  using program = await buildInline({ 'main.c': STORM_C }, ['-g', '-pthread']);
  await using run = await startRun(['--on', 'USR1', '--', program.program]);
  await run.waitForLine(/^cut 0 times$/);
  expect(await run.ended).toEqual({ code: 0, signal: null });
});
