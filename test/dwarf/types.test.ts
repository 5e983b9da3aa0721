import { describe, expect, test } from 'vitest';
import { DW_AT, DW_TAG } from '../../src/dwarf/constants.js';
import type { Die } from '../../src/dwarf/die.js';
import { readMembers } from '../../src/dwarf/members.js';
import { typeKey } from '../../src/dwarf/type-key.js';
import { typeText } from '../../src/dwarf/type-text.js';
import { readType, sizeOfType, typeOf, withoutAliases } from '../../src/dwarf/types.js';
import { gdb } from './oracles.js';
import { type SampleName, useSamples } from './samples.js';

const samples = useSamples();

const record = (name: SampleName, source: string, wanted: string): Die => {
  for (const die of samples.unit(name, source).dies.root.children()) {
    if (die.tag !== DW_TAG.typedef && die.text(DW_AT.name) === wanted) return die;
  }
  return expect.fail(`no type ${wanted}`);
};

/** The types of variables declared in a text, by their names. */
function typesIn(text: string, ...compiler: string[]): (name: string) => Die {
  const path = samples.build(`types${text.length}.c`, text, ...compiler, '-c');
  const [unit] = samples.openObject(path).units();
  return (name) => {
    const variable = unit?.variables().find((candidate) => candidate.name === name);
    return (variable && typeOf(variable.die())) ?? expect.fail(`no type of ${name}`);
  };
}

describe.each(['o2', 'dwarf4', 'dwarf3', 'dwarf64'] as const)('in %s', (name) => {
  test('sizes and offsets of members are those of gdb', () => {
    const nested = record(name, 'other.c', 'nested');
    const members = readMembers(nested).filter(({ bits }) => bits === undefined);
    const commands = members.map(({ name }) => `print (long)&((struct nested *)0)->${name}`);
    const answers = gdb(samples.path(name), 'print sizeof(struct nested)', ...commands);
    const numbers = answers.map((answer) => Number(/= (\d+)/.exec(answer)?.[1]));
    expect([sizeOfType(nested), ...members.map(({ offsetBytes }) => offsetBytes)]).toEqual(numbers);
    expect(members.map(({ name }) => name)).toEqual(
      'tag w point next colour matrix flexible'.split(' '),
    );
  });

  test('bit fields are counted from the start of the record', () => {
    const bits = (die: Die) =>
      readMembers(die).flatMap(({ name, bits }) =>
        bits ? [[name, bits.offsetBits, bits.sizeBits]] : [],
      );
    expect(bits(record(name, 'other.c', 'pair'))).toEqual([
      ['f', 128, 3],
      ['g', 131, 5],
    ]);
    const [wide, narrow] = bits(record(name, 'other.c', 'nested'));
    const answers = gdb(samples.path(name), 'ptype /o struct nested')[0] ?? '';
    const listed = [
      ...answers.matchAll(/\/\*\s*(\d+):\s*(\d+)\s*\|\s*8 \*\/ +unsigned long long (\w+)/g),
    ];
    expect([wide, narrow]).toEqual(
      listed.map(([, byte, bit, member]) => [
        member,
        Number(byte) * 8 + Number(bit),
        member === 'wide' ? 40 : 3,
      ]),
    );
  });
});

test('typedefs and qualifiers are peeled off', () => {
  const typeNamed = typesIn('typedef const int c; typedef volatile c vc; vc v;', 'gcc', '-g');
  const plain = withoutAliases(typeNamed('v'));
  expect(readType(plain)).toMatchObject({ kind: 'base', name: 'int', sizeBytes: 4 });
  expect(sizeOfType(typeNamed('v'))).toBe(4);
});

test('texts read as C declarations', () => {
  const declarations = {
    a: 'int',
    b: 'const char *',
    c: 'char *const *',
    d: 'int (*)[4]',
    e: 'int (*(*)(void (*)(int), ...))[2]',
    f: 'struct tag *[3]',
    g: 'volatile long int',
    h: 'enum e',
    i: 'union {…}',
    j: 'void (*)(void)',
    k: 'number',
    l: 'const float [2]',
  };
  const typeNamed = typesIn(
    `int a; const char *b; char *const *c; int (*d)[4]; int (*(*e)(void (*)(int), ...))[2];
     struct tag { int x; } *f[3]; volatile long g; enum e { E } h; union { int u; } i;
     void (*j)(void); typedef int number; number k; const float l[2] = { 1, 2 };`,
    'gcc',
    '-g',
  );
  for (const [name, text] of Object.entries(declarations)) {
    expect(typeText(typeNamed(name))).toBe(text);
  }
  expect(typeText(typeNamed('d'), 'd')).toBe('int (*d)[4]');
});

describe('keys', () => {
  const typeNamed = (text: string) => {
    const types = typesIn(text, 'gcc', '-g');
    return (name: string) => typeKey(types(name));
  };

  test('do not depend on names of typedefs, qualifiers, enums or members', () => {
    const key = typeNamed(
      `typedef int number; int a; number b; const int c = 1; enum { X = -1 } d;
       struct one { int x; char *y; } e; struct two { number other; const char *names; } f;
       const int *g; int *h; long i; long long j;`,
    );
    for (const same of ['b', 'c', 'd']) expect(key(same)).toBe(key('a'));
    expect(key('e')).toBe(key('f'));
    expect(key('g')).toBe(key('h'));
    expect(key('i')).toBe(key('j'));
  });

  test('tell apart what is passed or laid out differently', () => {
    const key = typeNamed(
      `int a; unsigned b; long c; float d; _Bool e; char f; int *g; char *h; int i[2]; int j[3];
       struct { int x; } k; struct { long x; } l; struct { int x : 3; } m; struct { int x : 4; } n;
       struct p { int x; } *o; struct q { int x; } *r; void *s; int (*t)(int); int (*u)(long);
       int (*v)(int, ...); union { int x; float y; } w; double x; long double y;
       typedef int four __attribute__((vector_size(16))); four z; int aa[4];`,
    );
    const names = 'a b c d e f g h i j k l m n o r s t u v w x y z aa'.split(' ');
    const keys = names.map(key);
    expect(new Set(keys).size).toBe(names.length);
  });

  test('describe records behind pointers by their tag alone', () => {
    const before = typeNamed('struct s { int x; struct s *next; } *p;');
    const after = typeNamed('struct s { int x; struct s *next; int more; } *p;');
    expect(after('p')).toBe(before('p'));
    const anonymous = typeNamed('typedef struct { int x; } t; t *p;');
    expect(anonymous('p')).toContain('t');
  });

  test('end for records that reach themselves through function pointers', () => {
    const key = typeNamed(
      `struct s; typedef struct s (*make)(struct s, make_t); `.replace('make_t', 'void *') +
        `struct s { make f; struct s *(*g)(struct s); }; struct s v;`,
    );
    expect(key('v').length).toBeLessThan(1000);
  });

  test('stay short for types built twofold at each of many levels', () => {
    const levels = Array.from(
      { length: 40 },
      (_, level) => `typedef struct { t${level} a, b; } t${level + 1};`,
    );
    const text = `typedef char t0; ${levels.slice(0, 30).join('\n')} t30 *v; t20 w;`;
    const key = typeNamed(text);
    expect(key('w').length).toBeLessThan(1000);
    expect(key('v').length).toBeLessThan(1000);
  });
});
