import { describe, expect, test } from 'vitest';
import { addr2line } from './oracles.js';
import { useSamples } from './samples.js';

const samples = useSamples();

const pair = (callee: string, caller: string) => `${callee} in ${caller.replace(/\..*/, '')}`;

describe.each(['o2', 'os', 'dwarf4', 'dwarf64Version4', 'sections', 'lto'] as const)(
  'in %s',
  (name) => {
    test('each copy is in the function that addr2line says', () => {
      const units = [...samples.debugInfo(name).units()];
      const addresses = units.flatMap((unit) =>
        unit.ranges.flatMap(({ start, end }) =>
          Array.from({ length: end - start }, (_, index) => start + index),
        ),
      );
      const listed = new Set<string>();
      for (const chain of addr2line(samples.path(name), addresses)) {
        const caller = chain.at(-1)?.function ?? '';
        for (const { function: callee } of chain.slice(0, -1)) listed.add(pair(callee, caller));
      }
      const found = units
        .flatMap((unit) => unit.inlinedCopies())
        .map(({ callee, caller }) =>
          pair(callee.linkageName ?? callee.name, caller.linkageName ?? caller.name),
        );
      expect(listed.size).toBeGreaterThan(2);
      for (const expected of listed) expect(found).toContain(expected);
    });
  },
);

test('a copy within a copy counts for the function whose code it is in', () => {
  const copies = samples.unit('o2', 'main.c').inlinedCopies();
  const callees = copies.filter(({ caller }) => caller.name === 'main').map((c) => c.callee.name);
  expect(callees).toContain('middle');
  expect(callees).toContain('innermost');
});

test('says on which line the call was', () => {
  const copies = samples.unit('o2', 'main.c').inlinedCopies();
  const inMiddle = copies.find(({ callee }) => callee.name === 'innermost');
  expect(inMiddle?.callLine).toBe(10);
  expect(inMiddle?.callee.declLine).toBe(9);
});

test('copies of members, local functions and lambdas are in the function that calls them', () => {
  const copies = samples.unit('classes', 'classes.cc').inlinedCopies();
  const inUse = copies.filter(({ caller }) => caller.name === 'use');
  const callees = inUse.map(({ callee }) => callee.qualifiedName);
  expect(callees).toContain('outer::Derived::generic<int>');
  expect(callees).toContain('use::Local::inside');
  expect(callees.some((name) => name.endsWith('::operator()'))).toBe(true);
});

test('without optimisation there are none', () => {
  expect(samples.unit('o0', 'main.c').inlinedCopies()).toEqual([]);
});
