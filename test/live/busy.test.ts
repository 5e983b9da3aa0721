/** Threads that are in the way of a patch: who they are, and when they are out of it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { readStatus, refusalOf, runHcr } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';
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
});
