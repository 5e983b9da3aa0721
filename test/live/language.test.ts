/**
 * Every feature of C that a function may use, patched in a program built with each set of flags
 * that users build with: one program per set, all functions patched one after another while it
 * runs, then all rolled back.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { HCR_BACKENDS } from '../support/backends.js';
import { attach, readStatus, refusalOf, rollBack } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';
import { nextTick } from '../support/ticks.js';
import { SCENARIOS, type Scenario, TINY_SCENARIOS } from './language-scenarios.js';
import { makeEdits, patchAndWatch, readRound, readUntilNew } from './patch-scenario.js';

const PIE = { name: 'PIE', cflags: '-fPIE -g -gdwarf-5 -std=c17', ldflags: '-pie' };
const NO_PIE = { name: 'no-PIE', cflags: '-fno-pie -g -gdwarf-4 -std=c11', ldflags: '-no-pie' };

const LEVELS = [
  ['-O0', NO_PIE],
  ['-O1', PIE],
  ['-O2', PIE, NO_PIE],
  ['-O3', PIE],
  ['-Os', NO_PIE],
] as const;

/** Each level once or twice; every combination is in the matrix, patched all at once. */
const BUILDS = LEVELS.flatMap(([level, ...kinds]) =>
  kinds.map((kind) => ({
    name: `${level} ${kind.name} ${kind.cflags.split(' ').slice(2).join(' ')}`,
    cflags: `${level} ${kind.cflags}`,
    ldflags: kind.ldflags,
    /** There is no padding between functions. */
    isTight: level === '-O1' || level === '-Os',
  })),
);

describe.each(BUILDS)('gcc $name', ({ cflags, ldflags, isTight }) => {
  let fixture: Fixture;
  let target: Target;
  const patched: Scenario[] = [];

  beforeAll(async () => {
    fixture = await buildFixture('language', { cflags, ldflags });
    target = await startTarget(fixture.program);
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    fixture[Symbol.dispose]();
  });

  it.each(SCENARIOS)('$claim', async (scenario) => {
    await patchAndWatch(fixture, target, scenario);
    patched.push(scenario);
  });

  it.each(TINY_SCENARIOS)(`$claim${isTight ? ', or is refused' : ''}`, async (scenario) => {
    if (!isTight) {
      await patchAndWatch(fixture, target, scenario);
      patched.push(scenario);
      return;
    }
    makeEdits(fixture, scenario);
    const attempt = attach(target.pid, scenario.functions);
    const outcome = await attempt.then(
      () => 'patched',
      () => 'refused',
    );
    const last = await nextTick(target);
    if (outcome === 'patched') {
      await readUntilNew(target, last, scenario);
      patched.push(scenario);
    } else {
      const { code, exitCode } = await refusalOf([
        'attach',
        target.pid,
        '--func',
        scenario.functions[0] ?? '',
      ]);
      expect({ code, exitCode }).toEqual({ code: 'function-not-patchable', exitCode: 4 });
      await readRound(target, last, scenario.old);
    }
  });

  it('shows in its status what is patched', async () => {
    const status = await readStatus(target.pid);
    expect(status.generation).toBe(patched.length);
    expect(status.memory.usedBytes).toBeGreaterThan(0);
    expect(status.memory.usedBytes).toBeLessThanOrEqual(status.memory.reservedBytes);
  });

  it('runs its original code again, with its state, after a rollback to generation 0', async () => {
    const old = (now: Parameters<Scenario['old']>[0], before: typeof now): boolean =>
      patched.every((scenario) => scenario.old(now, before));
    const report = await rollBack(target.pid, ['--to', '0']);
    expect(report.generation).toBe(0);
    // By its end all lines have come that were under way when the code changed.
    expect((await readStatus(target.pid)).functions).toEqual([]);
    target.lines.skipArrived();
    await readRound(target, await nextTick(target), old);
    expect(await target.stop()).toEqual({ code: 0, signal: null });
  });
});

describe.each(HCR_BACKENDS)('through $name', ({ env }) => {
  it('patches and rolls back', async () => {
    using fixture = await buildFixture('language', { cflags: '-O2 -g' });
    await using target = await startTarget(fixture.program);
    for (const scenario of [...SCENARIOS.slice(0, 4), ...SCENARIOS.slice(8, 9)]) {
      await patchAndWatch(fixture, target, scenario, env);
    }
    expect((await rollBack(target.pid, ['--to', '0'], { env })).generation).toBe(0);
    expect((await readStatus(target.pid, { env })).functions).toEqual([]);
  });
});
