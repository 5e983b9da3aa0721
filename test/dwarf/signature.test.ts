import { describe, expect, test } from 'vitest';
import { compareSignatures, type Signature, signatureOf } from '../../src/dwarf/signature.js';
import { gdb } from './oracles.js';
import { useSamples } from './samples.js';

const samples = useSamples();

let built = 0;

/** The signature of `f` in a text. */
function signatureIn(text: string, compiler = 'gcc', fileName = 'f.c'): Signature {
  built += 1;
  const path = samples.build(`${built}${fileName}`, text, compiler, '-g', '-c');
  const functions = [...samples.openObject(path).units()].flatMap((unit) => unit.functions());
  const named = functions.filter(({ name }) => name === 'f');
  const found = named.find(({ entry }) => entry !== undefined) ?? named[0];
  return found ? signatureOf(found) : expect.fail('no function f');
}

const compare = (live: string, edited: string) =>
  compareSignatures(signatureIn(live), signatureIn(edited));

describe.each(['o0', 'o2', 'dwarf4', 'dwarf64', 'typeUnits'] as const)('in %s', (name) => {
  test('texts agree with gdb', () => {
    const wanted = ['main', 'twice_named', 'variadic', 'by_value', 'nothing', 'partly_cold'];
    const units = [...samples.debugInfo(name).units()];
    const answers = gdb(samples.path(name), ...wanted.map((f) => `whatis ${f}`));
    for (const [index, functionName] of wanted.entries()) {
      const entry = units
        .flatMap((unit) => unit.functions())
        .find((candidate) => candidate.name === functionName);
      const text = entry && signatureOf(entry).text.replace(functionName, '');
      const squeeze = (t = '') => t.replaceAll(/\s*([*()[\],])\s*/g, '$1');
      expect(`type = ${squeeze(text)}`).toBe(squeeze(answers[index]));
    }
  });
});

test('a parameter that the compiler removed is still part of it', () => {
  for (const name of ['o2', 'os', 'dwarf4', 'lto'] as const) {
    const units = [...samples.debugInfo(name).units()];
    const entries = units.flatMap((unit) => unit.functions());
    const entry = entries.find((candidate) => candidate.name === 'unused_parameter');
    expect(entry && signatureOf(entry).text).toBe('int unused_parameter(int, int)');
  }
});

test('the same source has the same key whatever the optimisation and the version', () => {
  const keys = (['o0', 'o2', 'os', 'dwarf4', 'dwarf3', 'dwarf64', 'typeUnits'] as const).map(
    (name) => signatureOf(samples.function(name, 'main.c', 'by_value')).key,
  );
  expect(new Set(keys).size).toBe(1);
});

describe('makes no difference', () => {
  test.each([
    ['names of parameters', 'int f(int a) { return a; }', 'int f(int b) { return b; }'],
    ['typedefs', 'int f(int a) { return a; }', 'typedef int t; t f(t a) { return a; }'],
    ['const of a parameter', 'int f(int a) { return a; }', 'int f(const int a) { return a; }'],
    [
      'const of what is pointed to',
      'int f(char *a) { return *a; }',
      'int f(const char *a) { return *a; }',
    ],
    ['a prototype', 'int f() { return 0; }', 'int f(void) { return 0; }'],
    [
      'static',
      'int f(void) { return 0; }',
      'static int f(void) { return 0; } int (*keep)(void) = f;',
    ],
    ['an array for a pointer', 'int f(int *a) { return *a; }', 'int f(int a[4]) { return *a; }'],
    [
      'a member more behind a pointer',
      'struct s { int a; }; int f(struct s *p) { return p->a; }',
      'struct s { int a, b; }; int f(struct s *p) { return p->a; }',
    ],
  ])('%s', (_, live, edited) => {
    expect(compare(live, edited)).toEqual([]);
  });
});

test('a changed parameter is shown with both declarations', () => {
  expect(
    compare('int f(int a, char *b) { return a; }', 'int f(int a, int b) { return a; }'),
  ).toEqual([{ what: 'parameter 2 of f', live: 'int f(int, char *)', edited: 'int f(int, int)' }]);
});

test('what is returned, the number of parameters and further arguments are compared', () => {
  expect(compare('int f(void) { return 0; }', 'long f(void) { return 0; }')).toEqual([
    { what: 'what f returns', live: 'int f(void)', edited: 'long int f(void)' },
  ]);
  expect(compare('int f(int a) { return a; }', 'int f(int a, int b) { return a; }')).toEqual([
    { what: 'the number of parameters of f', live: 'int f(int)', edited: 'int f(int, int)' },
  ]);
  expect(compare('int f(int a) { return a; }', 'int f(int a, ...) { return a; }')).toEqual([
    { what: 'whether f takes further arguments', live: 'int f(int)', edited: 'int f(int, ...)' },
  ]);
});

test('a record passed by value is compared by its layout, and the layouts are shown', () => {
  const differences = compare(
    'struct s { int a; }; int f(struct s v) { return v.a; }',
    'struct s { int a; char b : 2; }; int f(struct s v) { return v.a; }',
  );
  expect(differences).toEqual([
    {
      what: 'parameter 1 of f',
      live: 'struct s of 4 bytes: int a at 0',
      edited: 'struct s of 8 bytes: int a at 0, char b bits 32 to 34',
    },
  ]);
});

test('in C++ the hidden parameter counts but is not shown', () => {
  const member = signatureIn(
    'struct S { int v; int f(int x) const; }; int S::f(int x) const { return x + v; }',
    'g++',
    'member.cc',
  );
  expect(member.text).toBe('int S::f(int)');
  expect(member.parameters).toHaveLength(2);
  const statical = signatureIn(
    'struct S { int v; static int f(int x); }; int S::f(int x) { return x; }',
    'g++',
    'statical.cc',
  );
  expect(compareSignatures(member, statical)).not.toEqual([]);
});

test('in C++ a destructor or copying of its own changes how a class is passed', () => {
  const withMember = (member: string) =>
    signatureIn(`struct S { int v; S(); ${member} }; int f(S s) { return s.v; }`, 'g++', 'c.cc')
      .key;
  const plain = withMember('');
  for (const trivial of ['S(int);', '~S() = default;', 'S(const S &) = default;', 'S(S *);']) {
    expect(withMember(trivial)).toBe(plain);
  }
  for (const own of ['~S() { v = 0; }', 'S(const S &);', 'S(S &&); S(const S &) = default;']) {
    expect(withMember(own)).not.toBe(plain);
  }
});

test('a function that returned never and may return now is another one, but not the other way', () => {
  const returning = 'int seen; void f(int a) { seen = a; }';
  const never = '__attribute__((noreturn)) void f(int a) { for (;;) __builtin_trap(); }';
  for (const compiler of ['gcc', 'clang']) {
    const [a, b] = [signatureIn(never, compiler), signatureIn(returning, compiler)];
    expect(compareSignatures(a, b)).toEqual([
      {
        what: 'whether f returns',
        live: '__attribute__((noreturn)) void f(int)',
        edited: 'void f(int)',
      },
    ]);
    expect(compareSignatures(b, a)).toEqual([]);
  }
});

test('a calling convention is named as the source does, where the compiler tells of it', () => {
  const plain = 'int f(int a) { return a; }';
  const edited = `__attribute__((ms_abi)) ${plain}`;
  expect(compareSignatures(signatureIn(plain, 'clang'), signatureIn(edited, 'clang'))).toEqual([
    {
      what: 'the calling convention of f',
      live: 'int f(int)',
      edited: '__attribute__((ms_abi)) int f(int)',
    },
  ]);
});

test('a result that no longer fits registers is returned otherwise', () => {
  const returning = (members: string): string =>
    `struct s { ${members} }; struct s f(void) { struct s v = { 1 }; return v; }`;
  const [difference] = compare(returning('long a;'), returning('long a, b, c;'));
  expect(difference).toMatchObject({
    what: 'what f returns',
    live: 'struct s of 8 bytes: long int a at 0',
    edited: expect.stringMatching(/^struct s of 24 bytes/) as unknown,
  });
});

test('in C++ const of the object is of no consequence to callers', () => {
  const method = (qualifier: string): Signature =>
    signatureIn(
      `struct S { int v; int f(int x) ${qualifier}; }; int S::f(int x) ${qualifier} { return x + v; }`,
      'g++',
      'qualified.cc',
    );
  const plain = method('');
  for (const qualifier of ['const', '&', 'noexcept', 'const volatile'])
    expect(compareSignatures(plain, method(qualifier)), qualifier).toEqual([]);
});
