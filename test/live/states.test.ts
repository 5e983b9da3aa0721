/**
 * Processes in states that are easily harmed: each is patched, or refused and left as it was.
 * fixtures/states checks itself, and ends with 1 once something was wrong.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CompiledVersion, compileVersions } from '../support/compile-versions.js';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { attach, refusalOf, runHcr } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';
import { until } from '../support/until.js';

let fixture: Fixture;
let objects: CompiledVersion[];
beforeAll(async () => {
  fixture = await buildFixture('states');
  objects = await compileVersions(fixture, 'answer.c', [2, 3]);
});
afterAll(() => fixture[Symbol.dispose]());

const object = (version: number): readonly string[] => [
  '--object',
  objects.find((each) => each.version === version)?.path ?? '',
];

async function enter(state: string, number = 0): Promise<Target> {
  const target = await startTarget(fixture.program, [state, String(number)], {
    endSignal: 'SIGKILL',
  });
  await target.waitForLine(/^tick/);
  return target;
}

const isRight = (version: number): RegExp => new RegExp(`^tick .*version=${version} .* wrong=0$`);

/** Patches twice and sees each version run, with nothing wrong. */
async function patchTwice(target: Target): Promise<void> {
  for (const version of [2, 3]) {
    await attach(target.pid, ['answer'], object(version));
    await target.waitForLine(isRight(version));
  }
  target.lines.skipArrived();
  await target.waitForLine(isRight(3));
  expect(target.threads.every(({ state, tracerPid }) => state !== 't' && tracerPid === 0)).toBe(
    true,
  );
}

describe('is patched with nothing wrong afterwards', () => {
  it.each([
    ['a process of a thousand threads', 'crowd', 1000],
    ['one whose threads start and end all the time', 'breed', 6],
    ['one whose first thread has exited', 'leaderless', 0],
    ['one that is in vfork most of the time', 'vfork', 20],
    ['one that forks all the time, and whose children see one version each', 'fork', 0],
    ['one that counts in restartable sequences', 'sequence', 0],
    ['one whose main thread is on a small stack of its own making, next to data', 'coroutine', 1],
    ['one whose main thread handles a signal on a small alternate stack', 'alternate', 1],
    ['one with a seccomp filter that has nothing against it', 'sandbox', 0],
    ['one with a seccomp filter that refuses memory to be reserved', 'sandbox', 1],
  ])('%s', async (_, state, number) => {
    await using target = await enter(state, number);
    await patchTwice(target);
  });
});

describe('is refused and goes on as it was', () => {
  it.each([
    ['a process that stays in vfork', 'vfork', 60_000, 'busy'],
    ['one whose only thread is on a small stack of its own making', 'coroutine', 0, 'busy'],
    ['one whose only thread handles a signal on a small alternate stack', 'alternate', 0, 'busy'],
    ['one with a seccomp filter that ends it', 'sandbox', 2, 'unsupported-target'],
    ['one in strict seccomp mode', 'sandbox', 3, 'unsupported-target'],
    ['one with a filter that ends it at rt_sigreturn', 'sandbox', 4, 'unsupported-target'],
  ])('%s', async (_, state, number, code) => {
    const silent = ['coroutine', 'alternate'].includes(state);
    await using target = await enter(state, number);
    const args = ['attach', target.pid, '--func', 'answer', ...object(2), '--timeout', 300];
    const refusal = await refusalOf(args);
    expect(refusal.code).toBe(code);
    expect(refusal.hint).toMatch(/\w/);
    if (!silent) {
      target.lines.skipArrived();
      await target.waitForLine(state === 'sandbox' && number === 3 ? /^tick strict/ : isRight(1));
    }
    expect(target.isAlive).toBe(true);
    await until('it is let go', () => target.threads.every(({ tracerPid }) => tracerPid === 0));
  });

  it('one with a seccomp filter, by an hcr that may not read it', async () => {
    await using target = await enter('sandbox', 0);
    const under = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-all'];
    const refusal = await refusalOf(['attach', target.pid, '--func', 'answer', ...object(2)], {
      under,
    });
    expect(refusal).toMatchObject({ code: 'unsupported-target', exitCode: 4 });
    expect(refusal.message).toMatch(/CAP_SYS_ADMIN/);
    await target.waitForLine(isRight(1));
  });
});

it('a child that is forked later runs the patch, and is patched by itself', async () => {
  await using target = await enter('fork');
  await attach(target.pid, ['answer'], object(2));
  target.kill('SIGUSR1');
  const child = (version: number): RegExp =>
    new RegExp(`^tick pid=(?!${target.pid} )(\\d+) version=${version} `);
  const [, pid = ''] = await target.waitForLine(child(2));
  await attach(Number(pid), ['answer'], object(3));
  await target.waitForLine(child(3));
  target.lines.skipArrived();
  await target.waitForLine(new RegExp(`^tick pid=${target.pid} version=2 .* wrong=0$`));
});

it('a process stopped by SIGSTOP is patched and stays stopped until SIGCONT', async () => {
  await using target = await enter('crowd', 10);
  const isStopped = (): boolean => target.threads.every(({ state }) => state === 'T');
  target.kill('SIGSTOP');
  await until('it stands', isStopped);
  target.lines.skipArrived();
  await attach(target.pid, ['answer'], object(2));
  await until('it stands again', isStopped);
  target.kill('SIGCONT');
  await target.waitForLine(isRight(2));
});

it('a process that calls exec while hcr works on it ends hcr with a typed failure, and goes on', async () => {
  // Every 20 ms at most, from a thread that is not the first: hcr takes longer than that.
  await using target = await enter('exec');
  for (let refusals = 0; refusals < 4; ) {
    const args = ['attach', target.pid, '--func', 'answer', ...object(2), '--json'];
    const { exitCode, stdout } = await runHcr(args);
    const { error } = JSON.parse(stdout) as { error?: { code: string } };
    // A program that got no processor for so long is patched, until its next exec.
    if (error !== undefined) {
      refusals++;
      // While hcr still reads the program, exec shows as something that is not there any more.
      expect(error.code).not.toBe('unexpected');
      expect(exitCode).toBeOneOf([3, 4]);
    }
    target.lines.skipArrived();
    await target.waitForLine(isRight(1));
  }
});

it('a process that is killed while hcr works on it ends hcr with a typed failure', async () => {
  const codes = new Set<string>();
  for (let round = 0; round < 12; round++) {
    await using target = await enter('crowd', 20);
    const attached = runHcr(['attach', target.pid, '--func', 'answer', ...object(2), '--json']);
    // From the first thing that hcr does to long after: a different moment each time.
    await new Promise((resolve) => setTimeout(resolve, 60 + 25 * round));
    target.kill('SIGKILL');
    const { exitCode, stdout } = await attached;
    const answer = JSON.parse(stdout) as { ok: boolean; error?: { code: string } };
    codes.add(answer.error?.code ?? 'ok');
    if (!answer.ok) expect(exitCode, stdout).toBe(3);
    await target.ended;
  }
  expect(
    [...codes].filter((code) => !['ok', 'target-exited', 'no-such-process'].includes(code)),
  ).toEqual([]);
});
