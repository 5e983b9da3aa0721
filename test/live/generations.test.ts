/** One process patched again and again, each time by a new hcr that knows only its pid. */
import { expect, it } from 'vitest';
import { buildFixture } from '../support/fixture.js';
import { HCR_BACKENDS } from '../support/backends.js';
import { attach, readStatus, refusalOf, rollBack } from '../support/hcr.js';
import { startTarget } from '../support/target.js';

const GENERATIONS = 200;
const QUITS = { endSignal: 'SIGQUIT' } as const;

/** The ticks of fixtures/demo count on, whatever f1 is. */
function assertCountsOn(lines: readonly RegExpExecArray[]): void {
  const ticks = lines.map(([, tick]) => Number(tick));
  expect(ticks).toEqual([...ticks].sort((a, b) => a - b));
}

const lineThatSays = (result: number): RegExp => new RegExp(`^tick (\\d+): f1\\(\\) = ${result}$`);

it(`patches ${GENERATIONS} times in a row and goes back to the original program`, async () => {
  using fixture = await buildFixture('demo');
  await using target = await startTarget(fixture.program, [], QUITS);
  const seen = [await target.waitForLine(lineThatSays(1))];
  const objects: string[] = [];
  // Compiling 200 times is not what is tested here.
  for (let generation = 1; generation <= 8; generation++) {
    const object = `f1-${generation}.o`;
    fixture.edit('f1.c', `return ${generation}`, `return ${generation + 1}`);
    await fixture.run('gcc', '-O2', '-g', '-c', '-o', object, 'f1.c');
    objects.push(fixture.path(object));
  }

  const usedBytes: number[] = [];
  let reservedBytes = 0;
  for (let generation = 1; generation <= GENERATIONS; generation++) {
    const index = (generation - 1) % objects.length;
    const report = await attach(target.pid, ['f1'], ['--object', objects[index] ?? '']);
    expect(report.generation).toBe(generation);
    seen.push(await target.waitForLine(lineThatSays(index + 2)));
    if (generation % 50 === 0) {
      const { memory } = await readStatus(target.pid);
      usedBytes.push(memory.usedBytes);
      reservedBytes = memory.reservedBytes;
    }
  }
  assertCountsOn(seen);

  // What 200 generations of a function of six bytes take is bounded: by the area of the first.
  expect(Math.max(...usedBytes)).toBeLessThanOrEqual(reservedBytes);
  const growth = (usedBytes.at(-1) ?? 0) - (usedBytes[0] ?? 0);
  expect(growth / 150).toBeLessThan(4096);

  expect((await rollBack(target.pid, ['--to', '0'])).generation).toBe(0);
  target.lines.skipArrived();
  assertCountsOn([...seen.slice(-1), await target.waitForLine(lineThatSays(1))]);
  expect((await readStatus(target.pid)).functions).toEqual([]);
  expect(await target.stop()).toEqual({ code: 0, signal: null });
  expect((await target.lines.rest()).at(-1)).toBe('goodbye');
});

it.each(HCR_BACKENDS)(
  'rolls back one by one, to any generation, and forward again, through $name',
  async ({ env }) => {
    using fixture = await buildFixture('demo');
    await using target = await startTarget(fixture.program, [], QUITS);
    for (const generation of [1, 2, 3]) {
      fixture.edit('f1.c', `return ${generation}`, `return ${generation + 1}`);
      expect((await attach(target.pid, ['f1'], [], { env })).generation).toBe(generation);
      await target.waitForLine(lineThatSays(generation + 1));
    }
    const goTo = async (generation: number, more: readonly string[]): Promise<void> => {
      expect((await rollBack(target.pid, more, { env })).generation).toBe(generation);
      target.lines.skipArrived();
      const result = generation + 1;
      expect(lineThatSays(result).exec((await target.lines.next()) ?? '')).not.toBeNull();
      const status = await readStatus(target.pid, { env });
      expect(status.generation).toBe(generation);
      expect(status.functions.map(({ name }) => name)).toEqual(generation === 0 ? [] : ['f1']);
    };
    await goTo(2, []);
    await goTo(1, []);
    await goTo(3, ['--to', '3']);
    await goTo(0, ['--to', '0']);
    await goTo(2, ['--to', '2']);
    await goTo(1, []);
    await goTo(0, []);
    const refusal = await refusalOf(['rollback', target.pid, '--to', '4'], { env });
    expect(refusal).toMatchObject({ exitCode: 4, code: 'no-such-generation' });
  },
);

it('goes on from the generation that was gone back to', async () => {
  using fixture = await buildFixture('demo');
  await using target = await startTarget(fixture.program, [], QUITS);
  fixture.edit('f1.c', 'return 1', 'return 10');
  await attach(target.pid, ['f1']);
  await target.waitForLine(lineThatSays(10));
  await rollBack(target.pid);
  fixture.edit('f1.c', 'return 10', 'return 20');
  const report = await attach(target.pid, ['f1']);
  await target.waitForLine(lineThatSays(20));
  expect((await rollBack(target.pid)).generation).toBe(0);
  expect(report.generation).toBe(2);
  target.lines.skipArrived();
  await target.waitForLine(lineThatSays(1));
});

it('has nothing to do when nothing was edited', async () => {
  using fixture = await buildFixture('demo');
  await using target = await startTarget(fixture.program, [], QUITS);
  const report = await attach(target.pid, ['f1']);
  expect(report).toMatchObject({ generation: 0, functions: [], pauseMicros: 0 });
});

it('says so when there is nothing to roll back', async () => {
  using fixture = await buildFixture('demo');
  await using target = await startTarget(fixture.program, [], QUITS);
  expect(await rollBack(target.pid)).toMatchObject({ generation: 0, functions: [] });
});
