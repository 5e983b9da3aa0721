/** A function that is on a stack while it is patched: that frame ends in the old body. */
import { describe, expect, it } from 'vitest';
import { buildFixture } from '../support/fixture.js';
import { attach, rollBack } from '../support/hcr.js';
import { startTarget } from '../support/target.js';

describe.each(['-O0', '-O1', '-O2', '-O3', '-Os'])('built with %s', (level) => {
  it('a frame blocked in read() finishes in the old body, the next call is in the new', async () => {
    using fixture = await buildFixture('old-frame', { cflags: `${level} -g` });
    await using target = await startTarget(fixture.program, ['input']);
    await target.waitForLine(/^call 1 begins/);
    await target.untilAsleep();
    fixture.edit('waits.c', 'int answer = 1;\n    char', 'int answer = 2;\n    char');
    await attach(target.pid, ['waits_for_input']);
    target.write('\n');
    expect(await target.lines.next()).toBe('call 1 returned 1');
    expect(await target.lines.next()).toBe('call 2 begins');
    await target.untilAsleep();

    // The frame of call 2 is in the new body now: go back under it.
    await rollBack(target.pid);
    target.write('\n');
    expect(await target.lines.next()).toBe('call 2 returned 2');
    expect(await target.lines.next()).toBe('call 3 begins');
    target.write('\n');
    expect(await target.lines.next()).toBe('call 3 returned 1');
  });

  it('a frame blocked in nanosleep() sleeps on and finishes in the old body', async () => {
    using fixture = await buildFixture('old-frame', { cflags: `${level} -g` });
    await using target = await startTarget(fixture.program, ['time']);
    await target.waitForLine(/^call 1 begins/);
    fixture.edit('waits.c', 'int answer = 1;\n    const', 'int answer = 2;\n    const');
    await attach(target.pid, ['waits_for_time']);
    const results: string[] = [];
    for (let call = 1; call < 30 && results.at(-1) !== '2'; call++) {
      const [, result = ''] = await target.waitForLine(/returned (\S+)/);
      results.push(result);
    }
    // The patch may have come during call 1 or, on a slow machine, later.
    expect(results.join('')).toMatch(/^1*2+$/);
  });
});
