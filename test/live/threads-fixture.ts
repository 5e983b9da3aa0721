/** What fixtures/threads prints, and new versions of the function that its threads run. */
import { type CompiledVersion, compileVersions } from '../support/compile-versions.js';
import type { Fixture } from '../support/fixture.js';
import type { Target } from '../support/target.js';
import { type Tick, nextTick } from '../support/ticks.js';

/** The threads of one kind of system call. */
export interface Waits {
  readonly name: string;
  /** How often the call came back. */
  readonly turns: number;
  /** How often with EINTR. */
  readonly interrupted: number;
  /** How often too early or with another error. */
  readonly wrong: number;
}

/** A field of the form `name=turns/interrupted/wrong` for each kind. */
export function waitsOf(tick: Tick): Waits[] {
  return Object.entries(tick).flatMap(([name, field]) => {
    const numbers = /^(\d+)\/(\d+)\/(\d+)$/.exec(field)?.slice(1).map(Number);
    if (numbers === undefined) return [];
    const [turns = 0, interrupted = 0, wrong = 0] = numbers;
    return [{ name, turns, interrupted, wrong }];
  });
}

/** Reads until every kind of wait has come back as often as that. */
export async function waitForTurns(target: Target, turns: number): Promise<Tick> {
  for (;;) {
    const tick = await nextTick(target);
    if (Number(tick['rounds']) > 0 && waitsOf(tick).every((wait) => wait.turns >= turns)) {
      return tick;
    }
  }
}

/** Objects of churn.c that return these versions. What they compute is the same, so that a thread's
 *  results stay the same. */
export const compileChurn = (
  fixture: Fixture,
  versions: readonly number[],
): Promise<CompiledVersion[]> => compileVersions(fixture, 'churn.c', versions);
