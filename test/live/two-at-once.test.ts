/** Two hcrs at the same time: one waits for the other, and both patches are whole. */
import { describe, expect, it } from 'vitest';
import { buildFixture } from '../support/fixture.js';
import { attach, readStatus, refusalOf } from '../support/hcr.js';
import { holdLock } from '../support/lock-holder.js';
import { startTarget } from '../support/target.js';
import { nextTick } from '../support/ticks.js';
import { compileChurn, waitForTurns } from './threads-fixture.js';

describe('two hcrs at the same time', () => {
  it('patch one after the other, and none puts its code where the other’s is', async () => {
    using fixture = await buildFixture('threads');
    const versions = await compileChurn(fixture, [2, 3, 4, 5]);
    await using target = await startTarget(fixture.program, ['1']);
    await waitForTurns(target, 1);
    const reports = await Promise.all(
      versions.map(({ path }) =>
        attach(target.pid, ['churn'], ['--object', path, '--timeout', '60000']),
      ),
    );
    expect(reports.map(({ generation }) => generation).sort()).toEqual([1, 2, 3, 4]);
    const bodies = reports.map(({ functions }) => functions[0]?.body);
    expect(new Set(bodies).size).toBe(versions.length);
    const last = versions[reports.findIndex(({ generation }) => generation === 4)];
    await target.waitForLine(new RegExp(`version=${last?.version ?? 0} .* wrong=0 `));
    expect((await readStatus(target.pid)).notes).toEqual([]);
  });

  it('refuse as busy when the other does not come to an end', async () => {
    using fixture = await buildFixture('threads');
    const [version] = await compileChurn(fixture, [2]);
    await using target = await startTarget(fixture.program, ['1']);
    await nextTick(target);
    const letGo = await holdLock(target.pid);
    const args = ['attach', target.pid, '--func', 'churn', '--object', version?.path ?? ''];
    const refusal = await refusalOf([...args, '--timeout', '100']);
    expect(refusal).toMatchObject({ exitCode: 6, code: 'busy' });
    expect(refusal.message).toContain('another hcr');
    await letGo();
    expect((await attach(target.pid, ['churn'], args.slice(4).map(String))).generation).toBe(1);
  });
});
