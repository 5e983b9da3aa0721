/** Old generations give their memory back, but for those that the program can still come to. */
import { expect, it } from 'vitest';
import { attachFunctions } from '../../src/app/attach.js';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { attach, readStatus, refusalOf, rollBack } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';
import { type Tick, nextTick } from '../support/ticks.js';

const FUNCTIONS = ['version', 'label', 'waits'];

/** One area has room for six tables, or so. */
const TABLE_BYTES = 150 * 1024;

/** An object of version.c; the source is left as it was. */
async function compileVersion(
  fixture: Fixture,
  version: number,
  cflags: string,
  tableBytes = TABLE_BYTES,
): Promise<string> {
  const object = `version-${version}.o`;
  const edits: [string, string][] = [
    ['VERSION 0', `VERSION ${version}`],
    ['BYTES 1024', `BYTES ${tableBytes}`],
  ];
  for (const [from, to] of edits) fixture.edit('version.c', from, to);
  await fixture.run('gcc', ...cflags.split(' '), '-c', '-o', object, 'version.c');
  for (const [from, to] of edits) fixture.edit('version.c', to, from);
  return fixture.path(object);
}

/** Reads on to the first line of a version; up to there all lines are of the one before. */
async function readUntil(target: Target, version: number, kept: string): Promise<void> {
  for (;;) {
    const tick = await nextTick(target);
    if (tick['version'] === undefined) continue;
    expect(tick['kept']).toBe(kept);
    if (tick['version'] === String(version) && tick['label'] === `v${version}`) return;
  }
}

async function waitedTick(target: Target): Promise<Tick> {
  for (;;) {
    const tick = await nextTick(target);
    if (tick['waited'] !== undefined) return tick;
  }
}

const statesOf = async (pid: number): Promise<Map<number, string>> =>
  new Map((await readStatus(pid)).generations.map(({ generation, state }) => [generation, state]));

it.each([
  { kind: 'PIE', cflags: '-O2 -g -fPIE', ldflags: '-pthread -pie' },
  { kind: 'no-PIE', cflags: '-O1 -g -fno-pie', ldflags: '-pthread -no-pie' },
])('a program patched again and again needs no second area, $kind', async ({ cflags, ldflags }) => {
  using fixture = await buildFixture('retire', { cflags, ldflags });
  await using target = await startTarget(fixture.program);
  const { pid } = target;
  // One thread between two lines, the other in waits().
  await nextTick(target);
  await target.untilAsleep();
  let kept = 'v0';
  const patch = async (version: number): Promise<void> => {
    const object = await compileVersion(fixture, version, cflags);
    const report = await attach(pid, FUNCTIONS, ['--object', object]);
    expect(report.generation).toBe(version);
    target.lines.skipArrived();
    await readUntil(target, version, kept);
  };

  // The program keeps a text of generation 1, and a thread stays in generation 2.
  await patch(1);
  target.kill('SIGUSR1');
  kept = 'v1';
  await target.waitForLine(/kept=v1$/);
  await patch(2);
  target.write('\n');
  expect(await waitedTick(target)).toEqual({ waited: '0' });
  await target.untilAsleep();

  const { memory } = await readStatus(pid);
  for (let version = 3; version <= 16; version++) await patch(version);
  const after = await readStatus(pid);
  expect(after.memory.reservedBytes).toBe(memory.reservedBytes);
  expect(after.memory.usedBytes).toBeLessThan(after.memory.reservedBytes);

  const states = await statesOf(pid);
  expect([1, 2, 3, 9].map((generation) => states.get(generation))).toEqual([
    'live',
    'live',
    'retired',
    'retired',
  ]);
  expect(after.generations.find(({ generation }) => generation === 3)?.bytes).toBe(0);
  expect(await refusalOf(['rollback', pid, '--to', 3])).toMatchObject({
    exitCode: 4,
    code: 'no-such-generation',
  });

  // The thread comes back from generation 2 as if nothing had been; then nothing keeps it.
  target.write('\n');
  expect(await waitedTick(target)).toEqual({ waited: '2' });
  for (let version = 17; version <= 24; version++) await patch(version);
  expect((await statesOf(pid)).get(2)).toBe('retired');
  expect((await statesOf(pid)).get(1)).toBe('live');

  // What is not retired can be gone back to, over what is.
  const back = async (to: number): Promise<void> => {
    expect((await rollBack(pid, ['--to', String(to)])).generation).toBe(to);
    target.lines.skipArrived();
    await readUntil(target, to, kept);
  };
  await back(23);
  await back(1);
  await back(24);
  await back(0);
  expect((await readStatus(pid)).functions).toEqual([]);
  expect(await target.stop()).toEqual({ code: 0, signal: null });
});

/** Two times the number that fills the ledger. */
const GENERATIONS = 500;

it(`the record of ${GENERATIONS} generations of three functions finds room in the ledger`, async () => {
  using fixture = await buildFixture('retire');
  await using target = await startTarget(fixture.program);
  const { pid } = target;
  const objects: string[] = [];
  for (const version of [1, 2, 3])
    objects.push(await compileVersion(fixture, version, '-O2 -g', 1024));
  const options = { dryRun: false, unchecked: false, timeoutMs: 60_000 };
  let reservedBytes: number | undefined;
  for (let generation = 1; generation <= GENERATIONS; generation++) {
    const index = (generation - 1) % objects.length;
    // In this process: starting hcr so often is not what is tested here.
    const patchOptions = { ...options, object: objects[index] ?? '' };
    const report = await attachFunctions(pid, FUNCTIONS, patchOptions, () => undefined);
    expect(report.generation).toBe(generation);
    if (generation % 100 !== 0) continue;
    target.lines.skipArrived();
    await readUntil(target, index + 1, 'v0');
    const { memory, generations } = await readStatus(pid);
    reservedBytes ??= memory.reservedBytes;
    expect(memory.reservedBytes).toBe(reservedBytes);
    expect(generations.at(-1)?.generation).toBe(generation);
  }
  const { generations } = await readStatus(pid);
  expect(generations.length).toBeLessThan(GENERATIONS);
  const kept = generations
    .filter(({ state }) => state !== 'retired')
    .map(({ generation }) => generation);
  expect(kept).toContain(GENERATIONS - 100);
  for (const to of [GENERATIONS - 100, 0]) {
    expect((await rollBack(pid, ['--to', String(to)])).generation).toBe(to);
    target.lines.skipArrived();
    await readUntil(target, to === 0 ? 0 : ((to - 1) % objects.length) + 1, 'v0');
  }
});
