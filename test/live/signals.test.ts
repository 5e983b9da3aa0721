/**
 * Signals of a program that is patched again and again: none is lost, doubled or out of order, one
 * that must end a wait does, and one that must not does not. fixtures/signals checks itself.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileVersions } from '../support/compile-versions.js';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { attach, rollBack } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';
import { type Tick, nextTick } from '../support/ticks.js';

const PATCHES = 6;

let fixture: Fixture;
let target: Target;
beforeAll(async () => {
  fixture = await buildFixture('signals');
  const objects = await compileVersions(fixture, 'answer.c', [2, 3]);
  target = await startTarget(fixture.program);
  for (let patch = 0; patch < PATCHES; patch++) {
    const { version, path } = objects[patch % objects.length] ?? { version: 0, path: '' };
    await attach(target.pid, ['answer'], ['--object', path]);
    await target.waitForLine(new RegExp(`version=${version} `));
  }
  await rollBack(target.pid, ['--to', '0']);
  await target.waitForLine(/version=1 /);
});
afterAll(async () => {
  await target[Symbol.asyncDispose]();
  fixture[Symbol.dispose]();
});

/** The next line of which a field is bigger than it is now. */
async function waitForMore(field: string): Promise<Tick> {
  target.lines.skipArrived();
  const now = Number((await nextTick(target))[field]);
  for (;;) {
    const tick = await nextTick(target);
    if (Number(tick[field]) > now) return tick;
  }
}

it('a storm of real-time signals arrives complete, once and in order, on its alternate stack', async () => {
  expect((await waitForMore('taken'))['wrong']).toBe('0');
});

it('every signal that comes while ppoll lets it in ends that ppoll', async () => {
  // The sender waits for the one before to be answered: without an answer nothing more comes.
  const { handled, interrupted } = await waitForMore('interrupted');
  expect(Number(handled) - Number(interrupted)).toBeOneOf([0, 1]);
});

it('signals that the program ignores by default end no wait', async () => {
  const { cut, ignored } = await waitForMore('turns');
  expect(Number(ignored)).toBeGreaterThan(0);
  expect(cut).toBe('0');
});

it('the program ends as it would have', async () => {
  expect(await target.stop()).toEqual({ code: 0, signal: null });
});
