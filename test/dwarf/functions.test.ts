import { describe, expect, test } from 'vitest';
import type { FunctionEntry } from '../../src/dwarf/functions.js';
import { addr2line, nm } from './oracles.js';
import { type SampleName, useSamples } from './samples.js';

const samples = useSamples();

const EVERY_KIND = [
  'o0',
  'o2',
  'os',
  'dwarf4',
  'dwarf4O0',
  'dwarf3',
  'dwarf64',
  'dwarf64Version4',
  'compressed',
  'fixed',
  'sections',
  'typeUnits',
  'lto',
] as const;

/** What is compiled from our sources, without what the C library adds. */
const OURS = new Set(
  `main twice_named variadic by_value unused_parameter nothing partly_cold from_other same_name
   innermost middle from_header rarely`.split(/\s+/),
);

const functionsOf = (name: SampleName) =>
  [...samples.debugInfo(name).units()].flatMap((unit) => unit.functions());

const outline = ({ entry, external, isInlined, isDeclaration, declLine }: FunctionEntry) => ({
  entry,
  external,
  isInlined,
  isDeclaration,
  declLine,
});

const sourceName = (symbol: string): string => symbol.replace(/\..*/, '');

describe.each(EVERY_KIND)('in %s', (name) => {
  test('every function symbol is the entry of a function of its name', () => {
    const entries = functionsOf(name).filter((entry) => entry.entry !== undefined);
    const symbols = nm(samples.path(name)).filter(
      (symbol) =>
        /t/i.test(symbol.type) &&
        OURS.has(sourceName(symbol.name)) &&
        !symbol.name.includes('.cold'),
    );
    expect(symbols.length).toBeGreaterThan(5);
    const found = entries.map((entry) => `${entry.name} ${String(entry.entry)}`).sort();
    expect(found).toEqual(symbols.map(({ name, value }) => `${sourceName(name)} ${value}`).sort());
  });

  test('the ranges of a function are those of its symbols, cold part included', () => {
    const symbols = nm(samples.path(name));
    for (const entry of functionsOf(name)) {
      if (entry.entry === undefined) continue;
      const hot = symbols.find((symbol) => symbol.value === entry.entry);
      const cold = symbols.find((symbol) => symbol.name === `${entry.name}.cold`);
      const parts = [hot, cold].flatMap((symbol) =>
        symbol ? [`${symbol.value} ${symbol.value + symbol.sizeBytes}`] : [],
      );
      expect(entry.ranges().map(({ start, end }) => `${start} ${end}`)).toEqual(parts);
    }
  });

  test('declarations agree with addr2line', () => {
    const entries = functionsOf(name).filter((entry) => entry.entry !== undefined);
    // Its file names are wrong where the first file of a table is not the unit's own.
    const chains = addr2line(
      samples.path(name),
      entries.map((entry) => entry.entry ?? 0),
    );
    for (const [index, entry] of entries.entries()) {
      const frame = chains[index]?.at(-1);
      expect(entry.name).toBe(sourceName(frame?.function ?? ''));
      // The entry's first instruction is of the declaration, in this style of writing.
      if (name === 'o0' || name === 'dwarf4O0') expect(entry.declLine).toBe(frame?.line);
    }
  });
});

test.each(EVERY_KIND)('in %s the file of a declaration is where it is', (name) => {
  const files = new Map(functionsOf(name).map((entry) => [entry.name, entry.declFile]));
  expect(files.get('main')).toBe(`${samples.folder}/main.c`);
  expect(files.get('same_name')).toBe(`${samples.folder}/other.c`);
  expect(files.get('from_header')).toBe(`${samples.folder}/shapes.h`);
});

test('a program optimised for speed has cold parts to find', () => {
  const partlyCold = samples.function('o2', 'main.c', 'partly_cold');
  expect(partlyCold.ranges()).toHaveLength(2);
  expect(partlyCold.entry).toBe(partlyCold.ranges()[0]?.start);
});

test('a function whose every call was inlined is listed without code', () => {
  const named = samples
    .unit('o2', 'main.c')
    .functions()
    .filter((f) => f.name === 'innermost');
  expect(named).toHaveLength(1);
  expect(named.map(outline)).toMatchObject([
    { entry: undefined, isInlined: true, isDeclaration: false },
  ]);
  expect(named[0]?.ranges()).toEqual([]);
});

test('an out-of-line copy takes its name from the abstract instance and is listed once', () => {
  const named = samples
    .unit('os', 'main.c')
    .functions()
    .filter((f) => f.name === 'variadic');
  expect(named).toHaveLength(1);
  expect(named.map(outline)).toMatchObject([{ declLine: 17, external: true }]);
  expect(named[0]?.declaration().offset).toBeGreaterThan(0);
});

test('what is only declared is told from what has code', () => {
  const named = samples
    .unit('o0', 'main.c')
    .functions()
    .filter((f) => f.name === 'from_other');
  expect(named.map(outline)).toMatchObject([
    { isDeclaration: true, entry: undefined, external: true },
  ]);
});

test('a static function is not external', () => {
  expect(samples.function('o2', 'other.c', 'same_name').external).toBe(false);
  expect(samples.function('o2', 'other.c', 'from_other').external).toBe(true);
});

test('an address inside a function leads to it', () => {
  const unit = samples.unit('o2', 'main.c');
  const main = samples.function('o2', 'main.c', 'main');
  expect(unit.functionAt(main.ranges()[0]?.start ?? main.entry ?? expect.fail())?.name).toBe(
    'main',
  );
});

test.each(['o2', 'dwarf4'] as const)('of %s any number of questions are answered', (name) => {
  // Lists of ranges are read from the file once, however often they are asked for.
  const unit = samples.unit(name, 'main.c');
  const partlyCold = samples.function(name, 'main.c', 'partly_cold');
  const wanted = partlyCold.ranges();
  expect(wanted.length).toBeGreaterThan(1);
  for (let times = 0; times < 20_000; times++) {
    if (partlyCold.ranges().length !== wanted.length) expect.fail('other ranges');
    const address = wanted[times % wanted.length]?.start ?? expect.fail('no range');
    if (unit.functionAt(address)?.entry !== partlyCold.entry) expect.fail('another function');
  }
});

test('code that the linker discarded has no entry', () => {
  const path = samples.build(
    'discarded.c',
    'int unused_here(void) { return 1; } int main(void) { return 0; }',
    ...'gcc -g -ffunction-sections -Wl,--gc-sections'.split(' '),
  );
  expect(nm(path).some(({ name }) => name === 'unused_here')).toBe(false);
  const functions = [...samples.open(path).units()].flatMap((unit) => unit.functions());
  const unused = functions.filter(({ name }) => name === 'unused_here');
  expect(unused.map(outline)).toMatchObject([{ entry: undefined, isDeclaration: false }]);
});

describe.each(['classes', 'classesO0', 'classesDwarf4'] as const)('in C++, %s', (name) => {
  test('every member and overload is found under its linkage name', () => {
    const symbols = nm(samples.path(name)).filter(({ type }) => /[tTwW]/.test(type));
    const entries = samples.unit(name, 'classes.cc').functions();
    for (const wanted of ['overloadedEi', 'overloadedElNS_5SmallE', '7Derived6methodEi']) {
      const symbol = symbols.find((candidate) => candidate.name.endsWith(wanted));
      expect(symbol).toBeDefined();
      const entry = entries.find((candidate) => candidate.entry === symbol?.value);
      expect(entry?.linkageName).toBe(symbol?.name);
    }
  });

  test('names are qualified by what encloses the declaration', () => {
    const names = samples
      .unit(name, 'classes.cc')
      .functions()
      .map((f) => f.qualifiedName);
    expect(names).toContain('outer::Derived::method');
    expect(names).toContain('outer::Derived::generic<int>');
    expect(names).toContain('outer::implicit');
    expect(names).toContain('use');
    expect(names.some((text) => /^use(\(.*\))?::Local::inside$/.test(text))).toBe(true);
  });
});
