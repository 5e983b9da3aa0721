import { describe, expect, test } from 'vitest';
import { compareTypes } from '../../src/dwarf/changed-types.js';
import type { Unit } from '../../src/dwarf/unit.js';
import { gdb } from './oracles.js';
import { useSamples } from './samples.js';

const samples = useSamples();

const C_COMPILERS = [
  ['gcc', '-gdwarf-5'],
  ['gcc', '-gdwarf-4'],
  ['clang', '-gdwarf-5'],
  ['clang', '-gdwarf-4'],
] as const;

let built = 0;

function unitOf(text: string, compiler: string, version: string): Unit {
  built += 1;
  const file = `${built}.${compiler.endsWith('++') ? 'cc' : 'c'}`;
  const path = samples.build(file, text, compiler, version, '-O1', '-c');
  return [...samples.openObject(path).units()][0] ?? expect.fail('no unit');
}

function changesIn(live: string, edited: string, compiler = 'gcc', version = '-gdwarf-5') {
  const units = [live, edited].map((text) => unitOf(text, compiler, version));
  const [before, after] = units;
  if (before === undefined || after === undefined) return expect.fail('no units');
  return Object.fromEntries(
    compareTypes(before.dies, after.dies).changed.map(({ name, differences }) => [
      name,
      differences,
    ]),
  );
}

/** A unit that uses a type so that no compiler leaves it out. */
const use = (declaration: string, type = 'struct s'): string =>
  `${declaration}; ${type} everything; int f(${type} *p) { return p != 0; }`;

describe.each(C_COMPILERS)('%s %s', (compiler, version) => {
  const changes = (live: string, edited: string, type?: string) =>
    changesIn(use(live, type), use(edited, type), compiler, version);

  test.each([
    ['another name of a member', 'struct s { int a; long b; }', 'struct s { int a; long c; }'],
    ['a typedef', 'struct s { unsigned a; }', 'typedef unsigned word; struct s { const word a; }'],
    [
      'members gathered in a member without a name',
      'struct s { int a; short b, c; }',
      'struct s { int a; struct { short b, c; }; }',
    ],
    ['an enumeration for its integer', 'struct s { unsigned a; }', 'struct s { enum { X, Y } a; }'],
    ['what a void pointer leads to', 'struct s { void *a; }', 'struct s { char *a; }'],
    [
      'an enumerator more',
      'enum e { A, B }; struct s { enum e a; }',
      'enum e { A, B, C }; struct s { enum e a; }',
    ],
    [
      'a type that leads to itself',
      'struct s { struct s *next; int (*call)(struct s *); }',
      'struct s { struct s *next; int (*call)(struct s *); }',
    ],
    [
      'a type that is incomplete now',
      'struct t { int a; }; struct s { struct t *a; }',
      'struct t; struct s { struct t *a; }',
    ],
  ])('%s is no change of layout', (_, live, edited) => {
    expect(changes(live, edited)).toEqual({});
  });

  test('a member more at the end changes the size', () => {
    expect(changes('struct s { int a; }', 'struct s { int a, b; }')).toEqual({
      s: [
        { what: 'its size', live: '4 bytes', edited: '8 bytes' },
        { what: 'member b', live: 'none', edited: 'int b at 4' },
      ],
    });
  });

  test('a member that moved or has another type is shown side by side', () => {
    expect(
      changes('struct s { int a, b; long c; }', 'struct s { int b, a; double c; }'),
    ).toMatchObject({
      s: [
        { what: 'member b', live: 'int b at 4', edited: 'int b at 0' },
        { what: 'member a', live: 'int a at 0', edited: 'int a at 4' },
        { what: 'member c', live: /^long.* c at 8$/, edited: 'double c at 8' },
      ].map((difference) => ({
        ...difference,
        live:
          typeof difference.live === 'string'
            ? difference.live
            : (expect.stringMatching(difference.live) as unknown),
      })),
    });
  });

  test('bit fields are told by their bits', () => {
    expect(
      changes('struct s { unsigned a : 3, b : 5; }', 'struct s { unsigned a : 4, b : 4; }')['s'],
    ).toHaveLength(2);
  });

  test('a change is told where it is made, in a type that others hold', () => {
    const inner = (member: string): string =>
      `struct in { ${member} }; struct s { struct in first; struct in *second; }`;
    const found = changes(inner('int a, b;'), inner('int b, a;'));
    expect(Object.keys(found)).toEqual(['in']);
  });

  test('a type that only a typedef names is known by that', () => {
    const found = changes('typedef struct { int a; } t', 'typedef struct { long a; } t', 't');
    expect(Object.keys(found)).toEqual(['t']);
  });

  test('members of members without a type name count as its own', () => {
    const found = changes(
      'struct s { struct { int x, y; } at; }',
      'struct s { struct { int y, x; } at; }',
    );
    expect(found['s']).toEqual([
      { what: 'member at.y', live: 'int at.y at 4', edited: 'int at.y at 0' },
      { what: 'member at.x', live: 'int at.x at 0', edited: 'int at.x at 4' },
    ]);
  });

  test('an enumerator of another value', () => {
    expect(
      changes(
        'enum e { A, B }; struct s { enum e a; }',
        'enum e { O, A, B }; struct s { enum e a; }',
      ),
    ).toEqual({
      e: [
        { what: 'enumerator', live: 'A = 0', edited: 'A = 1' },
        { what: 'enumerator', live: 'B = 1', edited: 'B = 2' },
      ],
    });
  });

  test('types of one name in different blocks are not taken for each other', () => {
    const text = (member: string): string => `
      int f(int x) {
        { struct s { int a; } v = { x }; x += v.a; }
        { struct s { ${member} } v = { x }; x += v.a; }
        return x;
      }`;
    expect(changesIn(text('long a;'), text('long a;'), compiler, version)).toEqual({});
    expect(changesIn(text('long a;'), text('char a;'), compiler, version)).toHaveProperty('f::s');
  });
});

describe.each([['g++'], ['clang++']])('%s', (compiler) => {
  const shape = (members: string, bases = ''): string => `
    struct Base { int base; }; struct Other { int other; };
    struct Shape ${bases} { ${members} int side = 0; virtual ~Shape() {} };
    Shape everything;`;
  const changes = (live: string, edited: string) => changesIn(live, edited, compiler)['Shape'];

  test('a virtual method between others moves those behind it', () => {
    const found = changes(
      shape('virtual int area() const { return 1; } virtual int edges() { return 2; }'),
      shape(
        'virtual int area() const { return 1; } virtual long corners(int) { return 3; } virtual int edges() { return 2; }',
      ),
    );
    expect(found).toEqual([
      { what: 'slot 1 of its virtual table', live: 'edges()', edited: 'corners(int)' },
      {
        what: expect.stringContaining('slot 2') as unknown,
        live: expect.anything() as unknown,
        edited: 'edges()',
      },
      ...(found?.slice(2) ?? []),
    ]);
  });

  test('virtual methods that change places', () => {
    expect(
      changes(
        shape('virtual int area() const { return 1; } virtual int edges() { return 2; }'),
        shape('virtual int edges() { return 2; } virtual int area() const { return 1; }'),
      ),
    ).toEqual([
      { what: 'slot 0 of its virtual table', live: 'area() const', edited: 'edges()' },
      { what: 'slot 1 of its virtual table', live: 'edges()', edited: 'area() const' },
    ]);
  });

  test('base classes that change places', () => {
    const found = changes(shape('', ': Base, Other'), shape('', ': Other, Base'));
    expect(found?.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['base class Other', 'base class Base']),
    );
  });

  test('methods that are not virtual are no part of the layout', () => {
    expect(changes(shape(''), shape('int plain(int) { return side; }'))).toBeUndefined();
  });
});

test('offsets of members are those that gdb tells', () => {
  const unit = samples.unit('o0', 'other.c');
  const [answer = ''] = gdb(samples.path('o0'), 'ptype /o struct nested');
  const shrunk = unitOf('struct nested { char tag; } everything;', 'gcc', '-gdwarf-5');
  const { changed } = compareTypes(unit.dies, shrunk.dies);
  const lines = changed.find(({ name }) => name === 'nested')?.differences ?? [];
  const matrix = lines.find(({ what }) => what === 'member matrix')?.live;
  const offset = /\/\*\s+(\d+)\s.*matrix/.exec(answer)?.[1];
  expect(matrix).toBe(`int matrix[2][3] at ${offset ?? 'nowhere'}`);
});
