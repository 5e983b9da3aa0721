/** One process patched again and again, each time by a new hcr that knows only its pid. */
import { expect, it } from 'vitest';
import { buildFixture } from '../support/fixture.js';
import { HCR_BACKENDS } from '../support/backends.js';
import { attach, readStatus, refusalOf, rollBack } from '../support/hcr.js';
import { startTarget } from '../support/target.js';
import { nextTick } from '../support/ticks.js';

const GENERATIONS = 200;
/** As many different versions, one after another, again and again. */
const TEXTS = 7;
const QUITS = { endSignal: 'SIGQUIT' } as const;

const lineThatSays = (result: number): RegExp => new RegExp(`^tick (\\d+): f1\\(\\) = ${result}$`);

it(`patches ${GENERATIONS} times in a row and goes back to the original program`, async () => {
  using fixture = await buildFixture('language');
  await using target = await startTarget(fixture.program);
  let last = await nextTick(target);
  let live = 'as-it-was';
  /** Each line is the next of the same program, with the text of now or of before. */
  const waitForText = async (text: string): Promise<void> => {
    for (;;) {
      const tick = await nextTick(target);
      expect(Number(tick['tick'])).toBe(Number(last['tick']) + 1);
      expect(Number(tick['globals'])).toBe(Number(last['globals']) + 1);
      last = tick;
      if (tick['string_constant'] === text) break;
      expect(tick['string_constant']).toBe(live);
    }
    live = text;
  };

  // Compiling 200 times is not what is tested here.
  const objects: string[] = [];
  for (let text = 1; text <= TEXTS; text++) {
    const object = `text-${text}.o`;
    fixture.edit(
      'string_constant.c',
      text === 1 ? 'as-it-was' : `text-${text - 1}`,
      `text-${text}`,
    );
    await fixture.run('gcc', '-O2', '-g', '-c', '-o', object, 'string_constant.c');
    objects.push(fixture.path(object));
  }

  const usedBytes: number[] = [];
  let reservedBytes = 0;
  for (let generation = 1; generation <= GENERATIONS; generation++) {
    const index = (generation - 1) % TEXTS;
    const report = await attach(
      target.pid,
      ['string_constant'],
      ['--object', objects[index] ?? ''],
    );
    expect(report.generation).toBe(generation);
    await waitForText(`text-${index + 1}`);
    if (generation % 50 === 0) {
      const { memory } = await readStatus(target.pid);
      usedBytes.push(memory.usedBytes);
      reservedBytes = memory.reservedBytes;
    }
  }

  // What 200 generations of so small a function take is bounded: by the area of the first.
  expect(Math.max(...usedBytes)).toBeLessThanOrEqual(reservedBytes);
  const growth = (usedBytes.at(-1) ?? 0) - (usedBytes[0] ?? 0);
  expect(growth / 150).toBeLessThan(4096);

  expect((await rollBack(target.pid, ['--to', '0'])).generation).toBe(0);
  await target.lines.skipBegun();
  expect((await nextTick(target))['string_constant']).toBe('as-it-was');
  expect((await readStatus(target.pid)).functions).toEqual([]);
  expect(await target.stop()).toEqual({ code: 0, signal: null });
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
      await target.lines.skipBegun();
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
