/**
 * What is checked before anything is touched: data that old code and new code share. A type or a
 * variable that both use and that is laid out otherwise now is refused, side by side, and leaves
 * the program byte for byte as it was; what stays inside the functions being patched may change.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { attach, refusalOf, rollBack } from '../support/hcr.js';
import { NOTHING, changesDuring } from '../support/memory-snapshot.js';
import { type Target, startTarget } from '../support/target.js';
import { type Tick, nextTick } from '../support/ticks.js';

interface Edit {
  readonly file: string;
  readonly changes: readonly (readonly [from: string, to: string])[];
}

/** Edits a source for as long as the scope lasts. */
function edited(fixture: Fixture, edits: readonly Edit[]): Disposable {
  const before = edits.map(({ file }) => readFileSync(fixture.path(file)));
  for (const { file, changes } of edits)
    for (const [from, to] of changes) fixture.edit(file, from, to);
  return {
    [Symbol.dispose]: () => {
      for (const [index, { file }] of edits.entries())
        writeFileSync(fixture.path(file), before[index] ?? '');
    },
  };
}

async function tickAfter(target: Target): Promise<Tick> {
  target.lines.skipArrived();
  await nextTick(target);
  return await nextTick(target);
}

const REFUSED = [
  {
    claim: 'a member more in a structure that another unit uses',
    functions: ['fee'],
    edits: [{ file: 'layouts.h', changes: [['long balance;', 'long limit, balance;']] }],
    type: 'struct account',
    differences: [
      { what: 'member balance', live: 'long int balance at 8', edited: 'long int balance at 16' },
      { what: 'used by', live: 'total.c', edited: 'not part of this patch' },
    ],
  },
  {
    claim: 'members that changed places',
    functions: ['fee'],
    edits: [{ file: 'layouts.h', changes: [['short day, month;', 'short month, day;']] }],
    type: 'struct account',
    differences: [
      {
        what: 'member opened.day',
        live: 'short int opened.day at 16',
        edited: 'short int opened.day at 18',
      },
    ],
  },
  {
    claim: 'a structure that a function uses which is not patched along',
    functions: ['pairs'],
    edits: [
      {
        file: 'pairs.c',
        changes: [
          ['int a, b;', 'int a, extra, b;'],
          ['return sum(&pair) + sum', 'return 2 * sum(&pair) + sum'],
        ],
      },
    ],
    type: 'struct pair',
    differences: [
      { what: 'its size', live: '8 bytes', edited: '12 bytes' },
      { what: 'used by', live: 'sum', edited: 'not part of this patch' },
    ],
  },
  {
    claim: 'a structure on the heap that a static variable leads to',
    functions: ['listed'],
    edits: [
      {
        file: 'listed.c',
        changes: [
          ['int value;', 'int value, seen;'],
          ['return head->value;', 'return head->value + ++head->seen;'],
        ],
      },
    ],
    type: 'struct node',
    differences: [
      { what: 'member seen', live: 'none', edited: 'int seen at 12' },
      { what: 'used by', live: 'the variable head', edited: 'not part of this patch' },
    ],
  },
  {
    claim: 'enumerators that mean other numbers',
    functions: ['modes', 'set_mode'],
    edits: [{ file: 'modes.c', changes: [['{ IDLE, BUSY }', '{ OFF, IDLE, BUSY }']] }],
    type: 'enum mode',
    differences: [
      { what: 'enumerator', live: 'IDLE = 0', edited: 'IDLE = 1' },
      { what: 'enumerator', live: 'BUSY = 1', edited: 'BUSY = 2' },
      { what: 'used by', live: 'the variable mode', edited: 'not part of this patch' },
    ],
  },
  {
    claim: 'a virtual method between others',
    functions: ['shapes'],
    edits: [
      {
        file: 'shapes.cc',
        changes: [
          [
            '    virtual int edges() const',
            '    virtual int corners() const { return 1; }\n    virtual int edges() const',
          ],
          ['return measure(*shape);', 'return measure(*shape) + shape->corners();'],
        ],
      },
    ],
    type: 'Shape',
    differences: [
      {
        what: 'slot 3 of its virtual table',
        live: 'edges() const',
        edited: 'corners() const',
      },
    ],
  },
  {
    claim: 'a class that only another unit describes',
    functions: ['figures'],
    edits: [
      { file: 'figure.hh', changes: [['int weight = 2;', 'long factor = 1; int weight = 2;']] },
    ],
    type: 'Figure',
    differences: [
      { what: 'member factor', live: 'none', edited: 'long int factor at 8' },
      { what: 'member weight', live: 'int weight at 8', edited: 'int weight at 16' },
      { what: 'used by', live: 'figure.cc', edited: 'not part of this patch' },
    ],
  },
  {
    claim: 'a variable that is larger now',
    functions: ['counters'],
    edits: [
      {
        file: 'counters.c',
        changes: [['static volatile int level', 'static volatile long level']],
      },
    ],
    type: 'the variable level',
    differences: [
      {
        what: 'its declaration',
        live: 'volatile int level of 4 bytes',
        edited: 'volatile long int level of 8 bytes',
      },
    ],
  },
  {
    claim: 'an array with more elements',
    functions: ['counters'],
    edits: [
      {
        file: 'counters.c',
        changes: [
          ['marks[4]', 'marks[8]'],
          ['x % 4', 'x % 8'],
        ],
      },
    ],
    type: 'the variable marks',
    differences: [
      {
        what: 'its declaration',
        live: 'volatile int marks[4] of 16 bytes',
        edited: 'volatile int marks[8] of 32 bytes',
      },
    ],
  },
  {
    claim: 'a variable of another unit that is declared otherwise',
    functions: ['counters'],
    edits: [{ file: 'layouts.h', changes: [['extern int ticks;', 'extern long ticks;']] }],
    type: 'the variable ticks',
    differences: [
      {
        what: 'its declaration',
        live: 'int ticks of 4 bytes',
        edited: 'long int ticks of 8 bytes',
      },
    ],
  },
] as const;

/** Edits that stay inside the functions being patched, and what these return then. */
const HARMLESS: readonly {
  readonly claim: string;
  readonly functions: readonly string[];
  readonly edits: readonly Edit[];
  readonly name: string;
  readonly value: (x: number) => number;
}[] = [
  {
    claim: 'a structure that only the patched function uses',
    functions: ['alone'],
    edits: [
      {
        file: 'alone.c',
        changes: [
          ['int low, high;', 'long low, middle, high;'],
          ['{x, x + 5}', '{x, 7, x + 6}'],
          ['span.high - span.low', 'span.high - span.low + span.middle'],
        ],
      },
    ],
    name: 'alone',
    value: () => 13,
  },
  {
    claim: 'a structure that only functions of this patch use',
    functions: ['pairs', 'sum'],
    edits: [
      {
        file: 'pairs.c',
        changes: [
          ['int a, b;', 'long extra; int a, b;'],
          ['{x, 1}', '{100, x, 1}'],
          ['return pair->a + pair->b;', 'return pair->a + pair->b + pair->extra;'],
        ],
      },
    ],
    name: 'pairs',
    value: (x) => 2 * x + 205,
  },
  {
    claim: 'a member that is only called otherwise',
    functions: ['fee'],
    edits: [
      { file: 'layouts.h', changes: [['long balance;', 'long funds;']] },
      { file: 'fee.c', changes: [['account->balance / 10', 'account->funds / 5']] },
    ],
    name: 'total',
    value: (x) => 64 + x,
  },
  {
    claim: 'an enumerator more at the end',
    functions: ['modes'],
    edits: [
      {
        file: 'modes.c',
        changes: [
          ['{ IDLE, BUSY }', '{ IDLE, BUSY, BROKEN }'],
          ['? 1 : 0', '? 3 : BROKEN'],
        ],
      },
    ],
    name: 'modes',
    value: (x) => (x % 2 === 1 ? 3 : 2),
  },
];

const BUILDS = [
  { compiler: 'gcc', variables: ['CC=gcc', 'CXX=g++'], cflags: '-O2 -g' },
  { compiler: 'gcc', variables: ['CC=gcc', 'CXX=g++'], cflags: '-O0 -gdwarf-4' },
  {
    compiler: 'clang',
    variables: ['CC=clang', 'CXX=clang++'],
    cflags: '-O1 -gdwarf-5 -grecord-command-line',
  },
];

describe.each(BUILDS)('built by $compiler $cflags', ({ compiler, variables, cflags }) => {
  let fixture: Fixture;
  let target: Target;

  beforeAll(async () => {
    fixture = await buildFixture('layouts', { cflags, variables });
    target = await startTarget(fixture.program);
    await nextTick(target);
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    fixture[Symbol.dispose]();
  });

  // clang says nothing of variables that a unit only declares.
  const refused = REFUSED.filter(
    ({ type }) => compiler !== 'clang' || type !== 'the variable ticks',
  );

  it.each(refused)('refuses $claim', async ({ functions, edits, type, differences }) => {
    using _ = edited(fixture, edits);
    const wanted = functions.flatMap((name) => ['--func', name]);
    const changes = await changesDuring(target.pid, async () => {
      const refusal = await refusalOf(['attach', target.pid, ...wanted]);
      expect(refusal).toMatchObject({ exitCode: 4, code: 'layout-changed' });
      expect(refusal.hint).toMatch(/--unchecked/);
      // clang calls long what gcc calls long int, and tells of Shape where Square is at hand.
      if (compiler === 'clang') return;
      expect(refusal.error).toMatchObject({ type });
      for (const difference of differences) {
        expect(refusal.error['differences']).toContainEqual(
          difference.what === 'used by'
            ? { ...difference, live: expect.stringContaining(difference.live) as unknown }
            : difference,
        );
      }
    });
    expect(changes).toEqual(NOTHING);
  });

  it.each(HARMLESS)('lets pass $claim', async ({ functions, edits, name, value }) => {
    using _ = edited(fixture, edits);
    await attach(target.pid, functions);
    const tick = await tickAfter(target);
    expect(Number(tick[name])).toBe(value(Number(tick['x'])));
    await rollBack(target.pid);
  });

  it('lets functions that share a changed structure be edited again, one at a time', async () => {
    const [, shared] = HARMLESS;
    using _ = edited(fixture, shared?.edits ?? []);
    await attach(target.pid, ['pairs', 'sum']);
    fixture.edit('pairs.c', 'return sum(&pair)', 'return 1000 + sum(&pair)');
    await attach(target.pid, ['pairs']);
    const tick = await tickAfter(target);
    expect(Number(tick['pairs'])).toBe(2 * Number(tick['x']) + 1205);
    await rollBack(target.pid, ['--to', '0']);
  });

  it('never hands data of an old frame to new code, or of a new frame to old code', async () => {
    using _ = edited(fixture, [
      {
        file: 'steps.c',
        changes: [
          ['int at, by;', 'long far; int by, at;'],
          ['{x, 2}', '{100, 2, x}'],
          ['step->at += step->by;', 'step->at += step->by + step->far;'],
        ],
      },
    ]);
    const readLines = async (last: (offset: number) => boolean): Promise<void> => {
      for (;;) {
        const tick = await nextTick(target);
        const offset = Number(tick['steps']) - Number(tick['x']);
        expect([4, 204]).toContain(offset);
        if (last(offset)) return;
      }
    };
    target.lines.skipArrived();
    await attach(target.pid, ['steps', 'advance']);
    await readLines((offset) => offset === 204);
    await rollBack(target.pid);
    await readLines((offset) => offset === 4);
  });

  it('refuses to take a shared structure back from one function only', async () => {
    const [, shared] = HARMLESS;
    {
      using _ = edited(fixture, shared?.edits ?? []);
      await attach(target.pid, ['pairs', 'sum']);
    }
    const refusal = await refusalOf(['attach', target.pid, '--func', 'pairs']);
    expect(refusal).toMatchObject({ code: 'layout-changed', error: { type: 'struct pair' } });
    expect(refusal.message).toMatch(/sum, as generation \d+ laid it out/);
    await attach(target.pid, ['pairs', 'sum']);
    const tick = await tickAfter(target);
    expect(Number(tick['pairs'])).toBe(2 * Number(tick['x']) + 5);
    await rollBack(target.pid, ['--to', '0']);
  });

  it('goes on with --unchecked and says what it did not refuse', async () => {
    using _ = edited(fixture, [
      {
        file: 'counters.c',
        changes: [['static volatile int level', 'static volatile unsigned level']],
      },
      { file: 'counters.c', changes: [['return level', 'return 40 + level']] },
    ]);
    const { notes } = await attach(target.pid, ['counters'], ['--unchecked']);
    expect(notes.join('\n')).toMatch(/--unchecked: The layout of the variable level changed\.\n/);
    expect(notes.join('\n')).toMatch(/volatile int level[^]*volatile unsigned int level/);
    expect((await tickAfter(target))['counters']).toBe('46');
    await rollBack(target.pid);
  });

  it('tells which data was kept, is new, was edited in vain or removed, generation after generation', async () => {
    using _ = edited(fixture, [
      {
        file: 'counters.c',
        changes: [
          ['static volatile int marks[4];', 'static volatile int added = 9;'],
          ['marks[x % 4] = x;', 'added++;'],
          ['int level = 3;', 'int level = 5;'],
          ['double ratio = 1.5;', 'double ratio = 2.5;'],
          ['return level', 'return 30 + level'],
        ],
      },
    ]);
    const first = await attach(target.pid, ['counters']);
    const names = (list: readonly { readonly name: string }[] = []): string[] =>
      list.map(({ name }) => name);
    expect(names(first.data?.kept)).toEqual(expect.arrayContaining(['calls', 'counted']));
    expect(first.data).toMatchObject({
      new: [{ name: 'added', source: expect.stringMatching(/counters\.c:\d+$/) as unknown }],
      changed: [{ name: 'level' }, { name: 'ratio' }],
      removed: [{ name: 'marks' }],
    });
    expect(first.notes).toContain(
      'level, ratio: their initialisers were edited and are not applied; they keep their values.',
    );
    expect((await tickAfter(target))['counters']).toBe('36');

    fixture.edit('counters.c', 'return 30', 'return 20');
    const second = await attach(target.pid, ['counters']);
    expect(names(second.data?.kept)).toEqual(expect.arrayContaining(['added', 'calls']));
    expect(second.data).toMatchObject({ new: [], removed: [{ name: 'marks' }] });

    fixture.edit('counters.c', 'static volatile int added = 9;', 'static volatile long added = 9;');
    expect(await refusalOf(['attach', target.pid, '--func', 'counters'])).toMatchObject({
      code: 'layout-changed',
      error: {
        type: 'the variable added',
        differences: [{ what: 'its size', live: '4 bytes', edited: '8 bytes' }],
      },
    });
    fixture.edit('counters.c', 'static volatile long added = 9;', '');
    fixture.edit('counters.c', 'added++;', '');
    fixture.edit('counters.c', 'int level = 5;', 'int level = 3;');
    const third = await attach(target.pid, ['counters']);
    expect(third.data).toMatchObject({
      changed: [{ name: 'ratio' }],
      removed: [{ name: 'marks' }, { name: 'added' }],
    });
    await rollBack(target.pid, ['--to', '0']);
  });

  it('compares pointers and strings of initialisers by what they mean', async () => {
    using _ = edited(fixture, [
      {
        file: 'counters.c',
        changes: [
          ['int *counted = &calls;', 'int *counted = &ticks;'],
          ['label = "level"', 'label = "lower"'],
          ['return level', 'return 10 + level'],
        ],
      },
    ]);
    const { data } = await attach(target.pid, ['counters']);
    const changed = data?.changed.map(({ name }) => name) ?? [];
    // An optimising compiler has made a constant of what nothing writes.
    expect(changed.filter((name) => name !== 'label')).toEqual(['counted']);
    if (cflags.startsWith('-O0')) expect(changed).toContain('label');
    await rollBack(target.pid, ['--to', '0']);
  });
});
