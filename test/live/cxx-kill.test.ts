/**
 * hcr is killed while it patches a C++ program for the first time, which redirects the unwinder as
 * well: exceptions go on through old code and new, and the next hcr patches it.
 */
import { describe, expect, it } from 'vitest';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { attach } from '../support/hcr.js';
import { type ChangingCall, runKilledAt } from '../support/kill-at.js';
import { type Target, startTarget } from '../support/target.js';
import { type Tick, nextTick } from '../support/ticks.js';

/** More calls than hcr makes. */
const MAX_KILLS = 500;

/** What `passes` prints, of an exception through a frame with a destructor. */
const isRight = (tick: Tick, bonus: number): boolean => {
  const x = Number(tick['tick']) % 10;
  return tick['passes'] === (x % 2 === 1 ? '-1,0' : `${x + bonus},0`);
};

async function compileVersion(fixture: Fixture, bonus: number): Promise<string> {
  const source = `v${bonus}.cpp`;
  await fixture.run(
    'sh',
    '-c',
    `sed 's/refuses_odd(x) + 10/refuses_odd(x) + ${bonus}/' exceptions.cpp > ${source}`,
  );
  const object = fixture.path(`v${bonus}.o`);
  await fixture.run(
    ...(['g++', '-O2', '-g', '-ffunction-sections', '-fdata-sections'] as const),
    ...['-c', '-o', object, source],
  );
  return object;
}

async function readRound(target: Target, bonuses: readonly number[]): Promise<void> {
  await target.lines.skipBegun();
  for (let line = 0; line < 4; line++) {
    const tick = await nextTick(target);
    expect(tick).toSatisfy((now: Tick) => bonuses.some((bonus) => isRight(now, bonus)));
  }
}

describe('the first patch of a C++ program', () => {
  it.each<ChangingCall>(['pwrite64', 'process_vm_writev'])(
    'may be killed at any %s call',
    async (call) => {
      using fixture = await buildFixture('cxx', { cxxflags: '-O2 -g' });
      const killed = await compileVersion(fixture, 20);
      const next = await compileVersion(fixture, 30);
      let kills = 0;
      for (let count = 1; count < MAX_KILLS; count++) {
        await using target = await startTarget(fixture.program);
        await nextTick(target);
        const args = ['attach', target.pid, '--func', 'in_between', '--object', killed, '--json'];
        const wasKilled = await runKilledAt(args, call, count);
        await readRound(target, [10, 20]);
        await attach(target.pid, ['in_between'], ['--object', next]);
        await readRound(target, [30]);
        if (!wasKilled) break;
        kills++;
      }
      console.info(`killed at ${kills} ${call} calls in turn; the target went on each time`);
      expect(kills).toBeGreaterThan(0);
    },
  );
});
