import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CrashChoice } from '../../src/app/crash-report.js';
import { HcrError } from '../../src/core/failure.js';
import { commandFor } from '../../src/tui/keymap.js';
import type { Action } from '../../src/tui/model/actions.js';
import type { Command } from '../../src/tui/model/commands.js';
import { type Cockpit, type Task, generationsOf, selectedRow } from '../../src/tui/model/state.js';
import { CRASH, OVERVIEW, PID, ROWS, after, readyCockpit, row, status } from './cockpit-values.js';

const COMMANDS: readonly Command[] = [
  ...(['up', 'down', 'page-up', 'page-down', 'first', 'last', 'detail-up', 'detail-down'] as const),
  ...(['show-functions', 'show-generations', 'show-events', 'next-tab', 'previous-tab'] as const),
  ...([
    'search',
    'clear',
    'next-filter',
    'accept',
    'erase',
    'reload-selected',
    'reload-all',
  ] as const),
  ...(['reload-unchecked', 'reload-when-idle', 'roll-back', 'toggle-watch', 'compare'] as const),
  ...(['edit', 'copy', 'debug', 'help', 'show-problem', 'quit', 'toggle-guard'] as const),
  ...(['crash-return', 'crash-previous', 'crash-retry', 'crash-debugger', 'crash-crash'] as const),
  ...(['show-output', 'suspend', 'redraw'] as const),
];

const refusal = new HcrError({ code: 'no-such-process', pid: PID });
const problem = { failure: refusal.failure, message: refusal.message, hint: refusal.hint };

const report = (functions: readonly string[], generation = 3): never =>
  ({
    pid: PID,
    generation,
    functions: functions.map((name) => ({
      name,
      module: '/srv/server',
      entry: ROWS.find((each) => each.symbol === name)?.listing.entry ?? '0x1',
      body: '0x2',
      reason: 'changed',
    })),
    notes: [],
    timingsMs: { observe: 1, build: 2, link: 3, publish: 4, total: 10 },
    pauseMicros: 120,
    dryRun: false,
  }) as never;

const crashed: Action = { type: 'crashed', event: { kind: 'crashed', report: CRASH }, at: 1 };
const settled = (choice: CrashChoice): Action => ({
  type: 'crashed',
  event: { kind: 'crash-settled', choice, pid: PID },
  at: 1,
});

const commanded = (command: Command): Action => ({ type: 'commanded', command, page: 5 });

const anAction: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...COMMANDS).map(commanded) },
  fc.string({ maxLength: 3 }).map((text): Action => ({ type: 'typed', text })),
  fc
    .tuple(fc.nat(300), fc.nat(100))
    .map(([columns, lines]): Action => ({ type: 'resized', columns, lines })),
  fc.nat(4).map(
    (g): Action => ({
      type: 'observed',
      overview: OVERVIEW,
      status: status(g),
      output: undefined,
      at: 1,
    }),
  ),
  fc.subarray([...ROWS]).map((rows): Action => ({ type: 'listed', rows, notes: ['n'], at: 1 })),
  fc
    .subarray(['answer', 'tiny'])
    .map(
      (names): Action => ({ type: 'compared', report: report(names), files: ['/src/server.c'] }),
    ),
  fc.constant<Action>({ type: 'started', what: 'reload', at: 1 }),
  fc.constant<Action>({ type: 'patched', what: 'reload', report: report(['answer']), at: 1 }),
  fc.constant<Action>({ type: 'refused', what: 'reload', problem, row: ROWS[0], at: 1 }),
  fc.constant<Action>({ type: 'compare-refused', problem, at: 1 }),
  fc.constant(crashed),
  fc.constantFrom<CrashChoice>('return', 'debugger').map(settled),
  fc.constantFrom('retry', 'previous').map(
    (choice): Action => ({
      type: 'crashed',
      event: { kind: 'crash-refused', choice: choice as CrashChoice, detail: 'no' },
      at: 1,
    }),
  ),
  fc.constant<Action>({
    type: 'crashed',
    event: { kind: 'awaiting-edit', source: '/src/server.c:10' },
    at: 1,
  }),
  fc.constant<Action>({ type: 'guarding', on: true, at: 1 }),
  fc.constant<Action>({ type: 'finished' }),
  fc.nat(5).map(
    (n): Action => ({
      type: 'observed',
      overview: OVERVIEW,
      status: status(2),
      output: { place: '/tmp/out', lines: Array.from({ length: n }, String) },
      at: 1,
    }),
  ),
  fc.constant<Action>({ type: 'ended', why: 'The program has ended.', at: 1 }),
);

const tasks = (cockpit: Cockpit): Task['kind'][] => cockpit.outbox.map(({ task }) => task.kind);

describe('whatever happens', () => {
  it('cursors stay on what is there, and visible rows exist', () => {
    fc.assert(
      fc.property(fc.array(anAction, { maxLength: 40 }), (actions) => {
        const cockpit = after(readyCockpit(), ...actions);
        const { cursor, visible, rows, log } = cockpit;
        expect(visible.every((index) => rows[index] !== undefined)).toBe(true);
        expect(new Set(visible).size).toBe(visible.length);
        expect(cursor.functions).toBeLessThan(Math.max(visible.length, 1));
        expect(cursor.events).toBeLessThan(Math.max(log.length, 1));
        expect(cursor.output).toBeLessThan(Math.max(cockpit.output?.lines?.length ?? 0, 1));
        expect(cursor.generations).toBeLessThan(Math.max(generationsOf(cockpit).length, 5));
        expect(Math.min(...Object.values(cursor))).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('numbers of requests only grow, and none is asked for twice', () => {
    fc.assert(
      fc.property(fc.array(anAction, { maxLength: 40 }), (actions) => {
        const numbers = after(readyCockpit(), ...actions).outbox.map(({ number }) => number);
        expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
      }),
    );
  });

  it('a program that has ended is asked for nothing more that would change it', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...COMMANDS), { maxLength: 30 }), (commands) => {
        const ended = after(readyCockpit(), { type: 'ended', why: 'gone', at: 1 });
        const cockpit = after(ended, ...commands.map(commanded));
        for (const kind of ['patch', 'roll-back', 'watch', 'debug', 'inspect'] as const)
          expect(tasks(cockpit)).not.toContain(kind);
      }),
    );
  });

  it('a crash is answered once, and by nobody when there is none', () => {
    fc.assert(
      fc.property(fc.array(anAction, { maxLength: 40 }), (actions) => {
        let asked = 0;
        let cockpit = readyCockpit();
        for (const action of actions) {
          const before = cockpit.crash?.step;
          cockpit = after(cockpit, action);
          if (cockpit.crash?.step === 'asking' && before !== 'asking') asked++;
          if (action.type === 'crashed' && action.event.kind === 'crashed' && before === 'asking')
            asked++;
        }
        const answers = tasks(cockpit).filter((kind) => kind === 'answer-crash').length;
        expect(answers).toBeLessThanOrEqual(asked);
      }),
    );
  });

  it('an overlay of a crash or a refusal has something to show', () => {
    fc.assert(
      fc.property(fc.array(anAction, { maxLength: 40 }), (actions) => {
        const { overlay, crash, problem: refused } = after(readyCockpit(), ...actions);
        if (overlay?.kind === 'crash') expect(crash).toBeDefined();
        if (overlay?.kind === 'problem') expect(refused).toBeDefined();
      }),
    );
  });

  it('nothing that changes the program begins while something does', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...COMMANDS), { maxLength: 30 }), (commands) => {
        const busy = after(readyCockpit(), { type: 'started', what: 'reload', at: 1 });
        const cockpit = after(busy, ...commands.map(commanded));
        for (const kind of ['patch', 'roll-back', 'watch'] as const)
          expect(tasks(cockpit)).not.toContain(kind);
      }),
    );
  });
});

describe('the list', () => {
  const typed = (text: string): Cockpit =>
    after(readyCockpit(), commanded('search'), { type: 'typed', text });

  it('is searched with every letter, letters in between left out', () => {
    expect(selectedRow(typed('prs'))?.name).toBe('parse_request');
    expect(typed('sendr').visible).toHaveLength(1);
    expect(typed('zzz').visible).toHaveLength(0);
  });

  it('stays as it was ordered when a function is patched', () => {
    const cockpit = after(
      readyCockpit(),
      { type: 'patched', what: 'reload', report: report(['tiny']), at: 1 },
      { type: 'listed', rows: [...ROWS], notes: [], at: 1 },
    );
    expect(cockpit.visible).toEqual([0, 1, 2, 3]);
  });

  it('keeps the cursor on its function when others come before it', () => {
    const at = after(readyCockpit(), commanded('down'));
    const listed = after(at, {
      type: 'listed',
      rows: [row('aaa'), ...ROWS],
      notes: [],
      at: 1,
    });
    expect(selectedRow(listed)?.name).toBe('parse_request');
  });

  it('finds one of fifty thousand names', () => {
    const rows = Array.from({ length: 50_000 }, (_, i) => row(`function_number_${i}`));
    const cockpit = after(
      readyCockpit(),
      { type: 'listed', rows, notes: [], at: 1 },
      commanded('search'),
      { type: 'typed', text: 'number_41234' },
    );
    expect(selectedRow(cockpit)?.name).toBe('function_number_41234');
  });

  it('marks what differs from its source until it does not', () => {
    const files = ['/src/server.c'];
    const marked = after(readyCockpit(), { type: 'compared', report: report(['answer']), files });
    const filtered = after(marked, commanded('next-filter'));
    expect(filtered.filter).toBe('changed');
    expect(filtered.visible).toEqual([0]);
    const undone = after(filtered, { type: 'compared', report: report([]), files });
    expect(undone.visible).toEqual([]);
  });
});

describe('commands', () => {
  it('patch the selected function, or all that was edited', () => {
    const one = after(readyCockpit(), commanded('down'), commanded('reload-selected'));
    expect(one.outbox.at(-1)?.task).toMatchObject({
      kind: 'patch',
      row: { name: 'parse_request' },
    });
    const all = after(readyCockpit(), commanded('reload-all'));
    expect(all.outbox.at(-1)?.task).toEqual({ kind: 'patch', row: undefined, way: 'checked' });
  });

  it('roll back one generation, or to the one selected, forth as well', () => {
    const one = after(readyCockpit(), commanded('roll-back'));
    expect(one.outbox.at(-1)?.task).toEqual({ kind: 'roll-back', to: 1 });
    const original = after(
      readyCockpit(),
      commanded('show-generations'),
      commanded('last'),
      commanded('accept'),
    );
    expect(original.outbox.at(-1)?.task).toEqual({ kind: 'roll-back', to: 0 });
  });

  it('try again what was refused, wherever the cursor is by then', () => {
    const cockpit = after(
      readyCockpit(),
      { type: 'refused', what: 'reload', problem, row: ROWS[0], at: 1 },
      commanded('down'),
      commanded('reload-unchecked'),
    );
    expect(cockpit.outbox.at(-1)?.task).toMatchObject({
      kind: 'patch',
      way: 'unchecked',
      row: { name: 'answer' },
    });
  });

  it('quit at once, but ask in the middle of something', () => {
    expect(tasks(after(readyCockpit(), commanded('quit')))).toEqual(['quit']);
    const busy = after(
      readyCockpit(),
      { type: 'started', what: 'reload', at: 1 },
      commanded('quit'),
    );
    expect(busy.overlay?.kind).toBe('confirm-quit');
    expect(tasks(busy)).toEqual([]);
    expect(tasks(after(busy, commanded('accept')))).toEqual(['quit']);
    expect(after(busy, commanded('clear')).overlay).toBeUndefined();
  });
});

describe('a crash', () => {
  it('is answered with the value that is typed', () => {
    const cockpit = after(
      readyCockpit(),
      crashed,
      commanded('crash-return'),
      { type: 'typed', text: '42' },
      commanded('erase'),
      commanded('accept'),
    );
    expect(cockpit.outbox.at(-1)?.task).toEqual({
      kind: 'answer-crash',
      answer: { choice: 'return', value: '4' },
    });
    expect(after(cockpit, commanded('crash-crash')).outbox).toEqual(cockpit.outbox);
  });

  it('is not answered with what is not possible', () => {
    const cockpit = after(readyCockpit(), crashed, commanded('crash-previous'));
    expect(tasks(cockpit)).not.toContain('answer-crash');
    expect(cockpit.crash?.refusal).toContain('no call leads to it');
  });

  it('is in the way of quitting and of letting go', () => {
    const cockpit = after(readyCockpit(), { type: 'guarding', on: true, at: 1 }, crashed);
    expect(after(cockpit, commanded('quit')).overlay?.kind).toBe('confirm-quit');
    expect(tasks(after(cockpit, commanded('clear'), commanded('toggle-guard')))).not.toContain(
      'guard',
    );
  });

  it('leaves the program to gdb when that was chosen', () => {
    const cockpit = after(readyCockpit(), crashed, settled('debugger'));
    expect(cockpit.outbox.at(-1)?.task).toMatchObject({ kind: 'debug', isStopped: true });
    expect(cockpit.isGuarded).toBe(false);
  });
});

describe('a live watch', () => {
  it('is not asked to compare after a roll back, which would make live again what was taken back', () => {
    const rolled = {
      ...(report(['answer']) as object),
      functions: [{ name: 'answer', entry: '0x1', reason: 'rolled-back' }],
    };
    const back: Action = { type: 'patched', what: 'roll back', report: rolled as never, at: 1 };
    expect(tasks(after(readyCockpit(), back))).toContain('compare');
    const watching = after(readyCockpit(), { type: 'watching', on: true, at: 1 }, back);
    expect(tasks(watching)).not.toContain('compare');
  });
});

describe('keys', () => {
  it('are text while a name is typed', () => {
    const typing = after(readyCockpit(), commanded('search'));
    expect(commandFor(typing, 'q')).toBeUndefined();
    expect(commandFor(typing, 'esc')).toBe('clear');
    expect(commandFor(readyCockpit(), 'q')).toBe('quit');
  });

  it('leave a question with anything but yes', () => {
    const busy = after(
      readyCockpit(),
      { type: 'started', what: 'reload', at: 1 },
      commanded('quit'),
    );
    expect(commandFor(busy, 'y')).toBe('accept');
    expect(commandFor(busy, 'n')).toBe('clear');
  });
});
