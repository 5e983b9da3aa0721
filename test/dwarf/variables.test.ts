import { describe, expect, test } from 'vitest';
import type { VariableEntry } from '../../src/dwarf/variables.js';
import { gdb, nm } from './oracles.js';
import { type SampleName, useSamples } from './samples.js';

const samples = useSamples();

const C_SAMPLES = ['o0', 'o2', 'os', 'dwarf4', 'dwarf3', 'dwarf64', 'compressed', 'fixed'] as const;

const variablesOf = (name: SampleName, source: string): readonly VariableEntry[] =>
  samples.unit(name, source).variables();

const find = (variables: readonly VariableEntry[], qualifiedName: string): VariableEntry => {
  const found = variables.find((variable) => variable.qualifiedName === qualifiedName);
  return found ?? expect.fail(`no variable ${qualifiedName}`);
};

const placeOf = ({ location }: VariableEntry): number | undefined =>
  location?.kind === 'static' ? location.vaddr : location?.offset;

describe.each(C_SAMPLES)('in %s', (name) => {
  const all = () => ['main.c', 'other.c'].flatMap((source) => variablesOf(name, source));

  test('every data symbol is a variable of its name, place and size', () => {
    const symbols = nm(samples.path(name)).filter(
      (symbol) => /[bdr]/i.test(symbol.type) && !/^(_|completed|CSWTCH)/.test(symbol.name),
    );
    expect(symbols.length).toBeGreaterThan(10);
    const describe = (variable: string, place: number | undefined, sizeBytes: number | undefined) =>
      `${variable.replace(/\..*/, '')} at ${place} of ${sizeBytes}`;
    expect(
      all()
        .filter(({ location }) => location !== undefined)
        .map((variable) => describe(variable.name, placeOf(variable), variable.sizeBytes))
        .sort(),
    ).toEqual(
      symbols
        // The size of the symbol includes the initial value of a flexible member.
        .map((symbol) => describe(symbol.name, symbol.value, symbol.sizeBytes))
        .sort(),
    );
  });

  test('agrees with gdb on the types', () => {
    const globals = ['exported', 'words', 'everything', 'flag', 'ratio', 'bytes', 'handlers'];
    const answers = gdb(samples.path(name), ...globals.map((variable) => `whatis ${variable}`));
    const variables = all();
    for (const [index, variable] of globals.entries()) {
      expect(`type = ${squeeze(find(variables, variable).typeText)}`).toBe(
        squeeze(answers[index] ?? ''),
      );
    }
  });
});

/** gdb writes no space between a type and the brackets of its abstract declarator's stars. */
const squeeze = (text: string): string => text.replaceAll(/\s*([*()[\],])\s*/g, '$1');

test('same-named statics of one function are numbered in order', () => {
  for (const name of C_SAMPLES) {
    const named = variablesOf(name, 'main.c').filter((v) => v.qualifiedName === 'twice_named::n');
    expect(named.map(({ ordinal, typeText, scopePath }) => [ordinal, typeText, scopePath])).toEqual(
      [
        [0, 'int', ['twice_named']],
        [1, 'long int', ['twice_named']],
      ],
    );
    expect(named.map((variable) => variable.function?.name)).toEqual([
      'twice_named',
      'twice_named',
    ]);
  }
});

test('a static of an inlined function is one variable', () => {
  for (const name of C_SAMPLES) {
    const variables = variablesOf(name, 'main.c');
    expect(variables.filter((v) => v.qualifiedName === 'innermost::n')).toHaveLength(1);
    expect(find(variables, 'innermost::n').location?.kind).toBe('static');
  }
});

test('variables of frames and declarations are left out', () => {
  const names = variablesOf('o0', 'other.c').map(({ name }) => name);
  for (const absent of ['p', 'x', 'exported', 'stdout']) expect(names).not.toContain(absent);
});

test('thread-locals are at an offset of the module’s block', () => {
  const symbols = nm(samples.path('o2'));
  for (const wanted of ['per_thread', 'per_thread_too']) {
    expect(find(variablesOf('o2', 'main.c'), wanted).location).toEqual({
      kind: 'tls',
      offset: symbols.find(({ name }) => name === wanted)?.value,
    });
  }
});

test('a variable optimised away is listed without a place', () => {
  const path = samples.build(
    'gone.c',
    'static int gone = 3; int main(void) { return gone; }',
    ...'gcc -O2 -g'.split(' '),
  );
  const [unit] = samples.open(path).units();
  expect(find(unit?.variables() ?? [], 'gone').location).toBeUndefined();
});

test('names are qualified and addresses right in C++', () => {
  for (const name of ['classes', 'classesO0', 'classesDwarf4'] as const) {
    const variables = variablesOf(name, 'classes.cc');
    const symbols = nm(samples.path(name));
    const located: Record<string, RegExp> = {
      'outer::(anonymous namespace)::hidden': /6hiddenE$/,
      'outer::Derived::shared': /7Derived6sharedE$/,
      'outer::Derived::method::n': /methodEiE1n$/,
      'outer::Derived::generic<int>::seen': /genericIiE.*4seen$/,
      'outer::Derived::generic<double>::seen': /genericIdE.*4seen$/,
      'outer::implicit::z': /implicitEiE1z$/,
      'outer::per_thread': /10per_threadE$/,
    };
    for (const [qualifiedName, pattern] of Object.entries(located)) {
      const variable = find(variables, qualifiedName);
      expect(placeOf(variable)).toBe(symbols.find((symbol) => pattern.test(symbol.name))?.value);
      expect(variable.typeText).toBe('int');
    }
    const overloads = variables.filter((v) => v.qualifiedName === 'outer::overloaded::z');
    expect(overloads.map(({ ordinal }) => ordinal)).toEqual([0, 0]);
    expect(new Set(overloads.map((variable) => variable.function?.linkageName)).size).toBe(2);
  }
});
