import { describe, expect, test } from 'vitest';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { openObjectDebugInfo } from '../../src/dwarf/object-debug-info.js';
import { signatureOf } from '../../src/dwarf/signature.js';
import { EM } from '../../src/elf/constants.js';
import { openObjectFile } from '../../src/elf/object-file.js';
import { useSamples } from './samples.js';

const samples = useSamples();

const OBJECTS = ['object', 'objectDwarf4', 'objectCompressed', 'objectTypeUnits'] as const;

function open(path: string) {
  const object = openObjectFile(path, EM.X86_64);
  const debug = openObjectDebugInfo(object, x8664.relocations);
  return { object, debug: debug ?? expect.fail('no debug information') };
}

describe.each([...OBJECTS, 'objectClasses'] as const)('in %s', (name) => {
  test('every function is where its symbol is', () => {
    const { object, debug } = open(samples.path(name));
    const units = [...debug.info.units()];
    const entries = units.flatMap((unit) => unit.functions());
    const symbols = [...object.symbols].filter(
      (symbol) => symbol.type === 2 && symbol.home === 'section' && !symbol.name.includes('.cold'),
    );
    expect(symbols.length).toBeGreaterThan(5);
    for (const symbol of symbols) {
      const address = debug.addressOf({ sectionIndex: symbol.sectionIndex, offset: symbol.value });
      const entry = entries.find((candidate) => candidate.entry === address);
      // Complete and base destructors can be one function under two names.
      const name = symbol.name.replace(/\..*/, '').replace('D1Ev', 'D2Ev');
      expect([entry?.name, entry?.linkageName]).toContain(name);
    }
  });

  test('every variable is where a symbol of its name is', () => {
    const { object, debug } = open(samples.path(name));
    const variables = [...debug.info.units()].flatMap((unit) => unit.variables());
    const located = variables.filter(({ location }) => location !== undefined);
    expect(located.length).toBeGreaterThan(5);
    for (const { name, linkageName, location } of located) {
      const place = debug.sectionAt(
        location?.kind === 'tls' ? location.offset : (location?.vaddr ?? 0),
      );
      const symbols = object.symbolsIn(object.elf.sectionAt(place?.sectionIndex ?? 0));
      const at = symbols.filter((symbol) => symbol.value === place?.offset).map((s) => s.name);
      const isThere = at.some(
        (symbol) =>
          symbol === linkageName || symbol.replace(/\.\d+$/, '') === name || symbol.includes(name),
      );
      expect(isThere, `${name} among ${at.join()}`).toBe(true);
    }
  });
});

test.each(OBJECTS)('%s says of the source what the program says', (name) => {
  const [unit] = open(samples.path(name)).debug.info.units();
  const linked = samples.unit('o2', 'main.c');
  expect(unit?.name).toBe('main.c');
  const signatures = (functions = linked.functions()) =>
    new Map(
      functions
        .filter((f) => f.declFile?.endsWith('main.c'))
        .map((f) => [f.name, signatureOf(f).key]),
    );
  for (const [name, key] of signatures(unit?.functions())) {
    expect(signatures().get(name)).toBe(key);
  }
  const statics = (variables = linked.variables()) =>
    variables
      .filter((v) => v.location !== undefined)
      .map((v) => [v.qualifiedName, v.ordinal, v.typeText, v.sizeBytes].join())
      .sort();
  expect(statics(unit?.variables())).toEqual(statics());
});

test('lines and inlined copies are those of the source', () => {
  const { debug } = open(samples.path('object'));
  const [unit] = debug.info.units();
  const f = unit?.functions().find(({ name }) => name === 'nothing');
  expect(f?.entry && unit?.lineOf(f.entry)).toMatchObject({ line: f?.declLine });
  const copies = unit?.inlinedCopies().filter(({ caller }) => caller.name === 'main');
  expect(copies?.map(({ callee }) => callee.name)).toContain('innermost');
  expect(f?.entry && debug.info.unitForAddress(f.entry)).toBe(unit);
});

test('the ranges of a function stay within its sections', () => {
  const { object, debug } = open(samples.path('object'));
  const [unit] = debug.info.units();
  for (const entry of unit?.functions() ?? []) {
    for (const { start, end } of entry.ranges()) {
      const first = debug.sectionAt(start);
      expect(debug.sectionAt(end)?.sectionIndex).toBe(first?.sectionIndex);
      expect(first?.offset).toBe(0);
      expect(object.elf.sectionAt(first?.sectionIndex ?? 0).name).toContain(entry.name);
    }
  }
});

test('an object without debug information has none', () => {
  const path = samples.build('plain.c', 'int f(void) { return 1; }', 'gcc', '-c');
  const object = openObjectFile(path, EM.X86_64);
  expect(openObjectDebugInfo(object, x8664.relocations)).toBeUndefined();
});
