import { describe, expect, it } from 'vitest';
import type { StatusReport } from '../../src/app/report.js';
import { failureReport, formatFailure } from '../../src/cli/failure-output.js';
import { formatDoctor } from '../../src/cli/format-doctor.js';
import { formatFunctions } from '../../src/cli/format-functions.js';
import { formatPatch } from '../../src/cli/format-patch.js';
import { formatRunEvent, runEventJson } from '../../src/cli/format-run.js';
import { formatStatus } from '../../src/cli/format-status.js';
import { patchJson } from '../../src/cli/json-report.js';
import { formatBytes, formatMicros, formatMs } from '../../src/terminal/quantity.js';
import { layOutTable } from '../../src/cli/table.js';
import { HcrError } from '../../src/core/failure.js';
import { ASCII, PLAIN } from './capture.js';
import { patched, patchReport } from './reports.js';

describe('formatPatch', () => {
  it('says what was patched, from where to where, and how long the target stood still', () => {
    const report = patchReport({
      functions: [patched('f1'), patched('f1.cold', { reason: 'clone' })],
      notes: ['helper g changed as well'],
    });
    expect(formatPatch(report, 'patch', PLAIN).split('\n')).toEqual([
      'Patched 2 functions in process 7; generation 1 is live.',
      '  f1       main.c:12  0x555555555149 → 0x7ffff7fb0000',
      '  f1.cold  main.c:12  0x555555555149 → 0x7ffff7fb0000  compiler-made clone',
      'It stood still for 180 µs; 160 ms in all (observe 30 ms, build 120 ms, link 2.0 ms, publish 1.3 ms).',
      'note: helper g changed as well',
    ]);
  });

  it('uses no character beyond ASCII in a locale without them', () => {
    // the range is ASCII
    expect(formatPatch(patchReport(), 'patch', ASCII)).toMatch(/^[\x00-\x7f]*$/);
  });

  it('lists what became of the data, a line each, and cuts long lists', () => {
    const named = (name: string) => ({ name });
    const kept = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'].map(named);
    const data = {
      kept,
      new: [{ name: 'n', function: 'next_id', source: 'main.c:3' }],
      changed: [named('level')],
      reset: [],
      removed: [],
    };
    const lines = formatPatch(patchReport({ data }), 'patch', PLAIN).split('\n');
    expect(lines.slice(2, 4)).toEqual([
      '  kept data:    a, b, c, d, e, f, g, h and 2 more',
      '  new data:     n (in next_id)',
    ]);
    expect(lines[4]).toMatch(/^It stood still/);
  });

  it('says that a dry run changed nothing', () => {
    const text = formatPatch(patchReport({ dryRun: true, pauseMicros: 0 }), 'patch', PLAIN);
    expect(text).toContain('Would patch 1 function in process 7; nothing was changed.');
    expect(text).toContain('It was not stopped');
  });

  it('says that there was nothing to do', () => {
    const text = formatPatch(patchReport({ functions: [] }), 'patch', PLAIN);
    expect(text).toContain('Nothing to do: process 7 stays at generation 1.');
  });

  it('says that a roll back over a generation that changed data only did happen', () => {
    const report = patchReport({ generation: 0, functions: [] });
    const text = formatPatch(report, 'rollback', PLAIN);
    expect(text).toContain('Generation 0 of process 7 is live; no function differs.');
    expect(text).toContain('It stood still');
  });

  it('calls the entry itself the original code', () => {
    const back = patched('f1', { body: '0x555555555149', reason: 'rolled-back' });
    const text = formatPatch(patchReport({ generation: 0, functions: [back] }), 'rollback', PLAIN);
    expect(text).toContain('Rolled back 1 function in process 7; generation 0 is live.');
    expect(text).toContain('0x555555555149 → original code');
  });
});

describe('patchJson', () => {
  it('has the fields that the brief fixes, and no others', () => {
    expect(Object.keys(patchJson(patchReport()))).toEqual([
      ...['ok', 'pid', 'generation', 'functions', 'notes', 'timingsMs', 'pauseMicros'],
    ]);
  });

  it('has the data of a patch beside its functions', () => {
    const data = { kept: [{ name: 'n' }], new: [], changed: [], reset: [], removed: [] };
    expect(patchJson(patchReport({ data }))).toMatchObject({ data });
  });

  it('has dryRun only when it was one', () => {
    expect(patchJson(patchReport({ dryRun: true }))).toMatchObject({ ok: true, dryRun: true });
  });
});

describe('formatStatus', () => {
  const untouched: StatusReport = {
    pid: 7,
    program: '/srv/app',
    threads: 1,
    generation: 0,
    generations: [],
    functions: [],
    busyThreads: [],
    memory: { reservedBytes: 0, usedBytes: 0 },
    notes: [],
  };

  it('says that hcr has nothing in an untouched process', () => {
    expect(formatStatus(untouched, PLAIN)).toBe(
      '/srv/app (process 7, 1 thread): generation 0\n' +
        'It runs the code it was started with; hcr has nothing in it.',
    );
  });

  it('shows generations, functions, busy threads and memory', () => {
    const text = formatStatus(
      {
        ...untouched,
        threads: 3,
        generation: 1,
        generations: [
          {
            generation: 1,
            parent: 0,
            publishedAt: '2025-01-02T03:04:05.000Z',
            functions: [patched('f1'), patched('f2')],
            bytes: 4200,
            state: 'live',
          },
        ],
        functions: [patched('f1')],
        busyThreads: [{ tid: 12, name: 'worker', function: 'f1', generation: 0 }],
        memory: { reservedBytes: 65536, usedBytes: 5000 },
      },
      PLAIN,
    );
    expect(text).toMatch(/GENERATION {2}STATE/);
    expect(text).toMatch(/1 {11}live {3}2025-01-0\d \d\d:\d\d:05 {2}0 {7}4\.1 KiB {2}f1, f2/);
    expect(text).toContain('  thread 12 (worker) in f1, generation 0');
    expect(text).toContain('Memory: 4.9 KiB used of 64 KiB reserved.');
  });
});

describe('formatFunctions', () => {
  const listing = {
    name: 'f1',
    module: '/srv/app',
    entry: '0x555555555149',
    sizeBytes: 20,
    source: 'main.c:12',
    inlinedIn: ['main', 'loop'],
    state: 'patched',
    generation: 2,
  } as const;
  const report = { pid: 7, program: '/srv/app', functions: [listing], notes: [] };

  it('aligns the columns and leaves out empty ones', () => {
    expect(formatFunctions(report, PLAIN).split('\n')).toEqual([
      'NAME  SOURCE     MODULE  STATE       INLINED IN',
      'f1    main.c:12  app     patched g2  main, loop',
      '1 function of /srv/app (process 7)',
    ]);
  });

  it('stays within the width of a terminal', () => {
    const lines = formatFunctions(report, { ...PLAIN, width: 40 }).split('\n');
    expect(lines[1]).toBe('f1    main.c:12  app     patched g2  ma…');
  });

  it('says when nothing fits', () => {
    expect(formatFunctions({ ...report, functions: [] }, PLAIN)).toBe(
      'No function of /srv/app fits.',
    );
  });
});

describe('formatDoctor', () => {
  const report = {
    pid: 7,
    patchable: false,
    conditions: [
      { name: 'machine', state: 'ok', detail: 'x86-64' },
      { name: 'permission', state: 'failed', detail: 'Yama', hint: 'Use sudo.' },
    ],
  } as const;

  it('marks each condition and gives the hint of those that fail', () => {
    expect(formatDoctor(report, PLAIN)).toBe(
      '✓ machine: x86-64\n✗ permission: Yama\n  hint: Use sudo.\n\nProcess 7 cannot be patched.',
    );
  });

  it('falls back to ASCII marks', () => {
    expect(formatDoctor(report, ASCII)).toContain('ok machine: x86-64\nNO permission: Yama\n');
  });
});

describe('failures', () => {
  const error = new HcrError({ code: 'no-such-process', pid: 7 });

  it('have a message and a hint', () => {
    expect(formatFailure(error, PLAIN, false)).toBe(
      'hcr: There is no process 7.\nhint: Look the process id up with `pgrep -a NAME`.',
    );
  });

  it('carry code, message, hint and their fields in JSON', () => {
    expect(failureReport(error)).toEqual({
      ok: false,
      error: { code: 'no-such-process', message: error.message, hint: error.hint, pid: 7 },
    });
  });

  it('are red on a terminal', () => {
    expect(formatFailure(error, { ...PLAIN, colour: true }, false)).toContain('\u001b[31mhcr:');
  });
});

describe('events of hcr run', () => {
  it('are one short line per reload', () => {
    expect(formatRunEvent({ kind: 'reloaded', report: patchReport() }, PLAIN, {})).toBe(
      'hcr: reloaded f1 (generation 1, stood still 180 µs)',
    );
    expect(formatRunEvent({ kind: 'started', pid: 7 }, PLAIN, {})).toBeUndefined();
  });

  it('are one object each in JSON', () => {
    expect(runEventJson({ kind: 'started', pid: 7 })).toEqual({ event: 'started', pid: 7 });
    expect(
      runEventJson({ kind: 'refused', error: new HcrError({ code: 'no-such-process', pid: 7 }) }),
    ).toMatchObject({ event: 'refused', ok: false, error: { code: 'no-such-process' } });
  });
});

describe('quantities', () => {
  it.each([
    [formatMicros(180.4, ASCII), '180 us'],
    [formatMicros(1800, ASCII), '1.8 ms'],
    [formatMs(12_345), '12.3 s'],
    [formatBytes(900), '900 B'],
    [formatBytes(5 << 20), '5.0 MiB'],
  ])('%s', (text, expected) => {
    expect(text).toBe(expected);
  });

  it('an empty table has no lines', () => {
    expect(layOutTable([], PLAIN)).toEqual([]);
  });
});
