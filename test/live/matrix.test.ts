/**
 * Every way to build a C program: all functions of the language fixture are edited and patched in
 * one transaction while threads are in them, then rolled back.
 */
import { describe, expect, it } from 'vitest';
import { BUILDS, type Build } from '../support/builds.js';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { parseJson, readStatus, reload, rollBack, runHcr } from '../support/hcr.js';
import { startTarget } from '../support/target.js';
import { SCENARIOS, type Scenario } from './language-scenarios.js';
import { makeEdits, readRound, readUntilAll } from './patch-scenario.js';

const CALLING_THREADS = 2;

/** What is built in each way. */
const PROGRAMS: readonly { readonly name: string; readonly scenarios: readonly Scenario[] }[] = [
  { name: 'language', scenarios: SCENARIOS },
];

const CELLS = PROGRAMS.flatMap((program) =>
  BUILDS.map((build) => [`${program.name} ${build.title}`, program, build] as const),
);

function buildAs(name: string, { compiler, cflags, kind }: Build): Promise<Fixture> {
  return buildFixture(name, {
    target: kind.name === '.so' ? 'with-library' : 'main',
    cc: compiler,
    cflags: `-g ${cflags}`,
    ldflags: kind.ldflags,
  });
}

/** A static program has no function of libraries but those it was linked with. */
const worksIn = ({ kind }: Build, { imports = false }: Scenario): boolean =>
  !imports || !kind.ldflags.startsWith('-static');

/** One transaction. Where there is no padding, a function whose first bytes lie across two pages is
 *  refused by its name: its edit is taken back and the others go through.
 *  @returns the scenarios that are live */
async function reloadWhatFits(
  fixture: Fixture,
  pid: number,
  scenarios: readonly Scenario[],
  { compiler, level, cflags }: Build,
): Promise<readonly Scenario[]> {
  const files = [...new Set(scenarios.flatMap(({ edits }) => edits.map(({ file }) => file)))];
  // clang does not record its flags.
  const flags = compiler === 'clang' ? ['--cflags', cflags] : [];
  const words = ['reload', pid, ...files.map((file) => fixture.path(file)), ...flags, '--json'];
  const outcome = parseJson(await runHcr(words));
  if (outcome['ok'] === true) return scenarios;
  const error = outcome['error'] as { readonly code: string; readonly function?: string };
  const refused = scenarios.find(({ functions }) => functions.includes(error.function ?? ''));
  expect(error.code, JSON.stringify(error)).toBe('function-not-patchable');
  expect(['-O1', '-Os']).toContain(level);
  if (refused === undefined) throw new Error(`nobody edited ${error.function ?? 'it'}`);
  for (const { file, from, to } of refused.edits) fixture.edit(file, to, from);
  const others = scenarios.filter((scenario) => scenario !== refused);
  expect((await reload(pid, words.slice(2, -1).map(String))).ok).toBe(true);
  return others;
}

describe('all functions edited and patched at once, with threads inside', () => {
  it.each(CELLS)('%s', async (_, { name, scenarios }, build) => {
    const usable = scenarios.filter((scenario) => worksIn(build, scenario));
    using fixture = await buildAs(name, build);
    await using target = await startTarget(fixture.program, [String(CALLING_THREADS)]);
    await readUntilAll(target, usable, 'old');

    for (const scenario of usable) makeEdits(fixture, scenario);
    const patched = await reloadWhatFits(fixture, target.pid, usable, build);
    target.lines.skipArrived();
    const all = await readUntilAll(target, patched, 'new');
    await readRound(target, all, (now, before) => patched.every((each) => each.new(now, before)));

    expect((await rollBack(target.pid, ['--to', '0'])).generation).toBe(0);
    target.lines.skipArrived();
    const last = await readUntilAll(target, patched, 'old');
    await readRound(target, last, (now, before) => patched.every((each) => each.old(now, before)));
    expect((await readStatus(target.pid)).functions).toEqual([]);
    expect(await target.stop()).toEqual({ code: 0, signal: null });
  });
});
