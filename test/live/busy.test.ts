/** Threads that are in the way of a patch: who they are, and when they are out of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { attach, hcrCommand, readStatus, refusalOf, runHcr } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';
import { until } from '../support/until.js';
import type { ThreadTrace } from '../../src/core/thread-trace.js';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await buildFixture('old-frame', { cflags: '-O2 -g' });
});
afterAll(() => fixture[Symbol.dispose]());
beforeEach(() => {
  fixture.restore();
});

async function startWaiting(): Promise<Target> {
  const target = await startTarget(fixture.program, ['input']);
  await target.waitForLine(/^call 1 begins/);
  await target.untilAsleep();
  fixture.edit('waits.c', 'int answer = 1;\n    char', 'int answer = 2;\n    char');
  return target;
}

/** One call of the function ends and the next begins.
 *  @returns what it returned */
async function callOnce(target: Target): Promise<string> {
  target.write('\n');
  const [, result = ''] = await target.waitForLine(/returned (\S+)/);
  await target.waitForLine(/begins/);
  return result;
}

/** What the descriptors of a process are open on. */
function filesOf(pid: number | undefined): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).map((name) => {
    try {
      return readlinkSync(join(folder, name));
    } catch {
      return '';
    }
  });
}

describe('a thread in the function, with --when-idle', () => {
  it('is refused as busy, by name, function and backtrace, and nothing is changed', async () => {
    await using target = await startWaiting();
    const args = ['attach', target.pid, '--func', 'waits_for_input', '--when-idle'];
    const refused = await refusalOf([...args, '--timeout', 100]);
    expect(refused.exitCode).toBe(6);
    expect(refused.code).toBe('busy');
    expect(refused.error['threads']).toEqual([target.pid]);
    const [trace] = refused.error['traces'] as ThreadTrace[];
    expect(trace).toMatchObject({ tid: target.pid, name: 'main', end: 'complete' });
    const frames = trace?.frames.filter(({ module }) => module === 'main') ?? [];
    expect(frames.map((frame) => frame.function)).toEqual(['waits_for_input', 'main', '_start']);
    expect(frames[0]?.source).toMatch(/waits\.c:\d+$/);

    const { stderr } = await runHcr([...args, '--timeout', 100]);
    expect(stderr).toContain(`thread ${target.pid} (main) is inside waits_for_input`);
    expect(stderr).toMatch(/#\d+ waits_for_input\+\d+ at .*waits\.c:\d+/);
    expect((await readStatus(target.pid)).generation).toBe(0);
    expect(await callOnce(target)).toBe('1');
  });

  it('is stopped when it returns from there, though it goes back at once', async () => {
    await using target = await startWaiting();
    const patching = attach(target.pid, ['waits_for_input'], ['--when-idle', '--timeout', '60000']);
    await until('a call runs the new code', async () => (await callOnce(target)) === '2');
    expect(await patching).toMatchObject({ generation: 1, notes: [] });
    expect(target.threads.map(({ tracerPid }) => tracerPid)).toEqual([0]);
  });

  it('lives on when hcr is killed while it waits for it', async () => {
    await using target = await startWaiting();
    const args = ['attach', target.pid, '--func', 'waits_for_input', '--when-idle'];
    const [program = '', ...words] = hcrCommand([...args, '--timeout', '60000']);
    const hcr = spawn(program, words, { stdio: 'ignore' });
    const isWatched = (): boolean =>
      filesOf(hcr.pid).some((file) => /perf_event/.test(file)) &&
      target.threads.every(({ tracerPid }) => tracerPid === hcr.pid);
    await until('its thread is watched, with a breakpoint', isWatched);
    hcr.kill('SIGKILL');
    await once(hcr, 'exit');
    expect(await callOnce(target)).toBe('1');
    expect(await callOnce(target)).toBe('1');
    await attach(target.pid, ['waits_for_input']);
    await callOnce(target);
    expect(await callOnce(target)).toBe('2');
  });
});
