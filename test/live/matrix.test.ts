/**
 * Every way to build a C program: all functions of the language fixture are edited and patched in
 * one transaction while threads are in them, then rolled back.
 */
import { describe, expect, it } from 'vitest';
import { BUILDS, type Build } from '../support/builds.js';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { readStatus, reload, rollBack } from '../support/hcr.js';
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

describe('all functions edited and patched at once, with threads inside', () => {
  it.each(CELLS)('%s', async (_, { name, scenarios }, build) => {
    const usable = scenarios.filter((scenario) => worksIn(build, scenario));
    using fixture = await buildAs(name, build);
    await using target = await startTarget(fixture.program, [String(CALLING_THREADS)]);
    await readUntilAll(target, usable, 'old');

    for (const scenario of usable) makeEdits(fixture, scenario);
    const files = [...new Set(usable.flatMap(({ edits }) => edits.map(({ file }) => file)))];
    // clang does not record its flags.
    const flags = build.compiler === 'clang' ? ['--cflags', build.cflags] : [];
    const report = await reload(target.pid, [...files.map((file) => fixture.path(file)), ...flags]);
    expect(report.functions.length).toBeGreaterThanOrEqual(usable.length);
    target.lines.skipArrived();
    const all = await readUntilAll(target, usable, 'new');
    await readRound(target, all, (now, before) => usable.every((each) => each.new(now, before)));

    expect((await rollBack(target.pid, ['--to', '0'])).generation).toBe(0);
    target.lines.skipArrived();
    const last = await readUntilAll(target, usable, 'old');
    await readRound(target, last, (now, before) => usable.every((each) => each.old(now, before)));
    expect((await readStatus(target.pid)).functions).toEqual([]);
    expect(await target.stop()).toEqual({ code: 0, signal: null });
  });
});
