/**
 * hcr is killed with SIGKILL at each operation by which it changes a target, in turn, and the
 * target goes on with right results each time. `npm run test:kill` runs this file alone.
 *
 * The target (fixtures/threads) computes in all vector registers, each thread in a rounding mode of
 * its own, and waits in nanosleep and in other system calls. It checks its own results.
 */
import { describe, expect, it } from 'vitest';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { attach, readStatus } from '../support/hcr.js';
import { CHANGING_CALLS, type ChangingCall, runKilledAt } from '../support/kill-at.js';
import { type Target, startTarget } from '../support/target.js';
import { nextTick } from '../support/ticks.js';
import { until } from '../support/until.js';
import type { CompiledVersion } from '../support/compile-versions.js';
import { compileChurn, waitForTurns, waitsOf } from './threads-fixture.js';

/** A hundred times what hcr needs with so few threads: it does not end. */
const MAX_KILLS = 5000;
const RUNNING_THREADS = '1';
/** As many targets at a time. */
const LANES = 2;
/** Of the calls of a first attach every third, of those of later ones, which are some of the same,
 *  every ninth: `npm run kill` does the rest at a tenth of the price. HCR_KILL=all leaves none out. */
const [FIRST_STEP, LATER_STEP] = process.env['HCR_KILL'] === 'all' ? [1, 1] : [3, 9];
/** Waits that the kernel restarts by itself, also when hcr is no longer there to see to it. */
const RESTARTED = ['nanosleep', 'futex', 'poll'];

/** Masks of blocked signals by thread. */
const signalMasks = (target: Target): Map<number, string> =>
  new Map(target.threads.map(({ tid, blockedSignals }) => [tid, blockedSignals]));

/** @throws unless every thread runs or sleeps, untraced, with the signal mask that it had */
async function assertUndisturbed(
  target: Target,
  masks: ReadonlyMap<number, string>,
): Promise<void> {
  const isAsBefore = (): boolean =>
    target.threads.length === masks.size &&
    target.threads.every(
      ({ tid, state, tracerPid, blockedSignals }) =>
        'RSD'.includes(state) && tracerPid === 0 && blockedSignals === masks.get(tid),
    );
  await until('all threads go on as before', () => !target.isAlive || isAsBefore());
  expect(target.isAlive, 'the target died').toBe(true);
  // Each wait ends at least once, and what is computed stays right.
  target.lines.skipArrived();
  let tick = await nextTick(target);
  const start = waitsOf(tick);
  const isOver = (): boolean =>
    waitsOf(tick).every(({ turns }, kind) => turns > (start[kind]?.turns ?? 0));
  while (!isOver()) {
    tick = await nextTick(target);
    expect(tick['wrong']).toBe('0');
    const disturbed = waitsOf(tick).filter(
      ({ name, interrupted, wrong }) => wrong > 0 || (interrupted > 0 && RESTARTED.includes(name)),
    );
    if (disturbed.length > 0) target.kill('SIGKILL');
    expect(
      disturbed,
      (disturbed.length > 0 ? await target.errorLines.rest() : []).join('; '),
    ).toEqual([]);
  }
}

interface Bench {
  readonly target: Target;
  readonly masks: ReadonlyMap<number, string>;
}

async function startBench(fixture: Fixture): Promise<Bench> {
  const target = await startTarget(fixture.program, [RUNNING_THREADS]);
  // Then every thread has set the signal mask that it keeps.
  await waitForTurns(target, 1);
  return { target, masks: signalMasks(target) };
}

async function endBench({ target }: Bench): Promise<void> {
  const { code, signal } = await target.stop();
  // 2 tells of a wait that the death of its tracer ended with EINTR, as the kernel has it.
  expect([0, 2], `ended by ${signal ?? code}`).toContain(code);
}

/** After a kill: the next hcr reads the ledger and can patch. */
async function assertPatchable({ target }: Bench, next: CompiledVersion): Promise<void> {
  await readStatus(target.pid);
  await attach(target.pid, ['churn'], ['--object', next.path]);
  await target.waitForLine(new RegExp(`version=${next.version} `));
}

interface Plan {
  readonly verb: string;
  /** Whether each kill is of the first hcr that this target sees, which has to reserve memory. */
  readonly isFirst: boolean;
  readonly args: (target: Target, version: CompiledVersion) => readonly (string | number)[];
}

const attachArgs: Plan['args'] = (target, { path }) => [
  ...['attach', target.pid, '--func', 'churn', '--object', path, '--json'],
];

const PLANS: readonly Plan[] = [
  { verb: 'a first attach, which reserves memory', isFirst: true, args: attachArgs },
  { verb: 'a later attach', isFirst: false, args: attachArgs },
  { verb: 'a rollback', isFirst: false, args: (target) => ['rollback', target.pid, '--json'] },
];

/** Kills at every call, or at every so many, of those that fall to this lane, until hcr comes to
 *  its end unharmed. @returns how often */
async function killInTurn(
  fixture: Fixture,
  [killed, next]: readonly [CompiledVersion, CompiledVersion],
  plan: Plan,
  call: ChangingCall,
  lane: number,
): Promise<number> {
  let bench = await startBench(fixture);
  try {
    if (!plan.isFirst) await assertPatchable(bench, next);
    let kills = 0;
    const step = call !== 'ptrace' ? 1 : plan.isFirst ? FIRST_STEP : LATER_STEP;
    for (let count = 1 + lane * step; count < MAX_KILLS; count += LANES * step) {
      const wasKilled = await runKilledAt(plan.args(bench.target, killed), call, count);
      await assertUndisturbed(bench.target, bench.masks);
      await assertPatchable(bench, next);
      if (!wasKilled) {
        await endBench(bench);
        return kills;
      }
      kills++;
      if (plan.isFirst) {
        await endBench(bench);
        bench = await startBench(fixture);
      }
    }
    throw new Error(`hcr still makes ${call} calls after ${MAX_KILLS}`);
  } finally {
    await bench.target[Symbol.asyncDispose]();
  }
}

describe.each(PLANS)('$verb', (plan) => {
  it.each(CHANGING_CALLS)('may be killed at any %s call', async (call) => {
    using fixture = await buildFixture('threads');
    const [killed, next] = await compileChurn(fixture, [2, 3]);
    if (killed === undefined || next === undefined) throw new Error('nothing compiled');
    const lanes = Array.from({ length: LANES }, (_, lane) =>
      killInTurn(fixture, [killed, next], plan, call, lane),
    );
    // One that fails does not leave the others behind.
    const settled = await Promise.allSettled(lanes);
    const kills = settled.map((lane) => {
      if (lane.status === 'rejected') throw lane.reason;
      return lane.value;
    });
    const total = kills.reduce((sum, count) => sum + count, 0);
    console.info(
      `${plan.verb}: killed at ${total} ${call} calls in turn; the target went on each time`,
    );
    expect(total).toBeGreaterThan(0);
  });
});
