/** One patch of fixtures/language, watched line by line. */
import { expect } from 'vitest';
import { attach } from '../support/hcr.js';
import type { Fixture } from '../support/fixture.js';
import type { Target } from '../support/target.js';
import { type Tick, nextTick } from '../support/ticks.js';
import type { Rule, Scenario } from './language-scenarios.js';

export function makeEdits(fixture: Fixture, scenario: Scenario): void {
  for (const { file, from, to } of scenario.edits) fixture.edit(file, from, to);
}

/** More than the program prints while hcr works. */
const MAX_LINES = 2000;

/** Reads lines that are right by the `old` rule until one is by the `new`; any other fails, but for
 *  one between them that is right by the `mixed` one. */
export async function readUntilNew(
  target: Target,
  last: Tick,
  rules: Pick<Scenario, 'old' | 'new' | 'mixed'>,
): Promise<Tick> {
  let previous = last;
  let wasMixed = false;
  for (let line = 0; line < MAX_LINES; line++) {
    const tick = await nextTick(target);
    const isOld = rules.old(tick, previous);
    if (rules.new(tick, previous) && (!isOld || wasMixed)) return tick;
    const isMixed = !isOld && rules.mixed?.(tick, previous) === true;
    expect(!wasMixed && (isOld || isMixed), JSON.stringify([previous, tick])).toBe(true);
    wasMixed = isMixed;
    previous = tick;
  }
  throw new Error(`the new code never ran; the last line was ${JSON.stringify(previous)}`);
}

/** Reads lines that are right by the `old` or the `new` rule of each scenario, in whatever mixture,
 *  until one is right by a rule that only a line of a finished patch can be. Calls are mixed in one
 *  line at most. */
export async function readUntilAll(
  target: Target,
  scenarios: readonly Scenario[],
  version: 'old' | 'new',
): Promise<Tick> {
  let previous = await nextTick(target);
  let missing = scenarios;
  let wasMixed = false;
  for (let line = 0; line < MAX_LINES; line++) {
    const tick = await nextTick(target);
    const before = previous;
    const odd = scenarios.filter(
      (scenario) => !scenario.old(tick, before) && !scenario.new(tick, before),
    );
    const wrong = odd.filter(({ mixed }) => wasMixed || mixed?.(tick, before) !== true);
    expect(
      wrong.map(({ claim }) => claim),
      JSON.stringify([before, tick]),
    ).toEqual([]);
    wasMixed ||= odd.length > 0;
    missing = scenarios.filter((scenario) => !scenario[version](tick, before));
    if (missing.length === 0) return tick;
    previous = tick;
  }
  throw new Error(
    `the ${version} code never ran: ${missing.map(({ claim }) => claim).join(', ')}; the last line was ${JSON.stringify(previous)}`,
  );
}

/** Reads as many lines as x has values; all must be right. */
export async function readRound(target: Target, last: Tick, rule: Rule): Promise<Tick> {
  let previous = last;
  for (let line = 0; line < 10; line++) {
    const tick = await nextTick(target);
    expect(tick, `after ${JSON.stringify(previous)}`).toSatisfy((now: Tick) => rule(now, previous));
    previous = tick;
  }
  return previous;
}

/** Edits, attaches and reads on: no line is wrong, and from one line on all are new.
 *  @returns the last line read */
export async function patchAndWatch(
  fixture: Fixture,
  target: Target,
  scenario: Scenario,
  env: Readonly<Record<string, string>> = {},
): Promise<Tick> {
  target.lines.skipArrived();
  const first = await readRound(target, await nextTick(target), scenario.old);
  makeEdits(fixture, scenario);
  const report = await attach(target.pid, scenario.functions, [], { env });
  expect(report.pid).toBe(target.pid);
  expect(report.functions).not.toHaveLength(0);
  if (scenario.complains !== undefined) await target.errorLines.waitFor(scenario.complains);
  const changed = await readUntilNew(target, first, scenario);
  return await readRound(target, changed, scenario.new);
}
