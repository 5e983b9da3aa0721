/**
 * Threads that wait in system calls and threads that compute see nothing of a patch: no EINTR, no
 * register changed. fixtures/threads checks itself and tells by its exit code.
 */
import { describe, expect, it } from 'vitest';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { HCR_BACKENDS } from '../support/backends.js';
import { attach, readStatus, rollBack } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';
import { nextTick } from '../support/ticks.js';
import { compileChurn, waitForTurns, waitsOf } from './threads-fixture.js';

const PATCHES = 8;

async function assertSawNothing(target: Target): Promise<void> {
  const ending = await target.stop();
  const total = (await target.lines.rest()).at(-1) ?? '';
  expect(total).toMatch(/^total .* wrong=0 /);
  expect(ending, total).toEqual({ code: 0, signal: null });
}

describe.each(HCR_BACKENDS)('through $name', ({ env }) => {
  it(`no wait is cut short by ${PATCHES} patches and a rollback`, async () => {
    using fixture: Fixture = await buildFixture('threads');
    const objects = await compileChurn(fixture, [2, 3]);
    await using target = await startTarget(fixture.program, ['1']);
    await waitForTurns(target, 1);
    for (let patch = 0; patch < PATCHES; patch++) {
      const { version, path } = objects[patch % objects.length] ?? { version: 0, path: '' };
      await attach(target.pid, ['churn'], ['--object', path], { env });
      target.lines.skipArrived();
      expect(await nextTick(target)).toMatchObject({ wrong: '0' });
      await target.waitForLine(new RegExp(`version=${version} `));
    }
    expect((await readStatus(target.pid, { env })).generation).toBe(PATCHES);
    await rollBack(target.pid, ['--to', '0'], { env });
    await target.waitForLine(/version=1 /);
    const settled = await nextTick(target);
    await waitForTurns(target, Math.max(...waitsOf(settled).map(({ turns }) => turns)) + 1);
    expect(
      target.threads.every(({ state, tracerPid }) => 'RSD'.includes(state) && tracerPid === 0),
    ).toBe(true);
    await assertSawNothing(target);
  });
});

it('a signal that is real still interrupts a wait', async () => {
  using fixture = await buildFixture('threads');
  const [object] = await compileChurn(fixture, [2]);
  await using target = await startTarget(fixture.program, ['1']);
  await waitForTurns(target, 1);
  const patched = attach(target.pid, ['churn'], ['--object', object?.path ?? '']);
  await patched;
  // SIGTERM interrupts the sleep of the main thread and nothing else.
  await assertSawNothing(target);
});
