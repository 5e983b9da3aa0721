/** What hcr tells of a process, from a new hcr each time that knows only the pid. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DoctorReport, FunctionsReport } from '../../src/app/report.js';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { attach, parseJson, readStatus, rollBack, runHcr } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';
import { nextTick } from '../support/ticks.js';

let fixture: Fixture;
let target: Target;

beforeAll(async () => {
  fixture = await buildFixture('language', { cflags: '-O2 -g' });
  target = await startTarget(fixture.program);
  await nextTick(target);
});
afterAll(async () => {
  await target[Symbol.asyncDispose]();
  fixture[Symbol.dispose]();
});

async function listFunctions(...words: string[]): Promise<FunctionsReport> {
  return parseJson(
    await runHcr(['functions', target.pid, ...words, '--json']),
  ) as unknown as FunctionsReport;
}

describe('functions', () => {
  it('lists those of a pattern with their source', async () => {
    const { functions } = await listFunctions('*_constant');
    expect(functions.map(({ name }) => name).sort()).toEqual(['float_constant', 'string_constant']);
    for (const { source, state, generation } of functions) {
      expect(source).toMatch(/\/(float|string)_constant\.c:3$/);
      expect({ state, generation }).toEqual({ state: 'original', generation: 0 });
    }
  });

  it('agrees with nm about where they are and how long', async () => {
    const { functions } = await listFunctions('recursive');
    const listed = await fixture.run('nm', '-S', 'main');
    const [, value = '', size = ''] = /^([0-9a-f]+) ([0-9a-f]+) T recursive$/m.exec(listed) ?? [];
    const found = functions.find(({ name }) => name === 'recursive');
    expect(found?.sizeBytes).toBe(Number(`0x${size}`));
    // The load address is a whole number of pages.
    expect(Number(found?.entry) % 4096).toBe(Number(`0x${value}`) % 4096);
  });

  it('tells into which functions another was inlined', async () => {
    const { functions } = await listFunctions('rule');
    const rule = functions.find(({ name }) => name === 'rule');
    expect([...(rule?.inlinedIn ?? [])].sort()).toEqual(['inlines_rule', 'inlines_rule_too']);
  });
});

describe('status', () => {
  it('follows patches and rollbacks', async () => {
    expect(await readStatus(target.pid)).toMatchObject({
      pid: target.pid,
      generation: 0,
      functions: [],
    });
    fixture.edit('string_constant.c', 'as-it-was', 'other');
    const report = await attach(target.pid, ['string_constant']);
    const [patched] = report.functions;
    expect(patched?.body).not.toBe(patched?.entry);
    const status = await readStatus(target.pid);
    expect(status).toMatchObject({ generation: 1, program: fixture.program, threads: 1 });
    expect(status.functions.map(({ name, entry, body }) => ({ name, entry, body }))).toEqual([
      { name: 'string_constant', entry: patched?.entry, body: patched?.body },
    ]);
    const [generation] = status.generations;
    expect(generation).toMatchObject({ generation: 1, parent: 0, state: 'live' });
    expect(Math.abs(Date.parse(generation?.publishedAt ?? '') - Date.now())).toBeLessThan(600_000);
    const { functions } = await listFunctions('string_constant');
    expect(functions).toMatchObject([{ state: 'patched', generation: 1 }]);
    await rollBack(target.pid);
    expect(await readStatus(target.pid)).toMatchObject({ generation: 0, functions: [] });
    expect((await listFunctions('string_constant')).functions).toMatchObject([
      { state: 'original' },
    ]);
  });
});

describe('doctor', () => {
  it.each([
    { what: 'this machine', ofTarget: false },
    { what: 'a process', ofTarget: true },
  ])('finds $what fit', async ({ ofTarget }) => {
    const outcome = await runHcr(['doctor', ...(ofTarget ? [target.pid] : []), '--json']);
    const report = parseJson(outcome) as unknown as DoctorReport;
    expect(report).toMatchObject({ ok: true, patchable: true });
    expect(report.conditions.filter(({ state }) => state === 'failed')).toEqual([]);
    expect(outcome.exitCode).toBe(0);
  });

  it('says why a process that is traced is not', async () => {
    await using tracer = await startTarget(
      'strace',
      ['-o', '/dev/null', '-p', String(target.pid)],
      {
        endSignal: 'SIGINT',
      },
    );
    await tracer.errorLines.waitFor(/attached/);
    const outcome = await runHcr(['doctor', target.pid, '--json']);
    expect(outcome.exitCode).toBe(4);
    const report = parseJson(outcome) as unknown as DoctorReport;
    expect(report.patchable).toBe(false);
    expect(JSON.stringify(report.conditions.filter(({ state }) => state === 'failed'))).toMatch(
      /strace/,
    );
  });
});

describe('output', () => {
  it('is one JSON object on stdout with --json, and nothing else anywhere', async () => {
    for (const words of [['status'], ['functions'], ['doctor'], ['rollback']]) {
      const outcome = await runHcr([...words, target.pid, '--json']);
      expect(parseJson(outcome)['ok']).toBe(true);
      expect(outcome.stdout.trimEnd().split('\n')).toHaveLength(1);
      expect(outcome.stderr).toBe('');
    }
  });

  it('has no colours when it is no terminal, and is nothing at all with --quiet', async () => {
    fixture.edit('float_constant.c', '1.5', '2.5');
    const told = await runHcr(['attach', target.pid, '--func', 'float_constant']);
    expect(told.exitCode).toBe(0);
    expect(told.stdout).toMatch(/float_constant/);
    expect(told.stdout + told.stderr).not.toContain('\u001b');
    fixture.edit('float_constant.c', '2.5', '3.5');
    const quiet = await runHcr(['attach', target.pid, '--func', 'float_constant', '--quiet']);
    expect(quiet).toEqual({ exitCode: 0, signal: null, stdout: '', stderr: '' });
  });
});
