import { describe, expect, test } from 'vitest';
import { vaddr } from '../../src/core/address.js';
import { addr2line, readelf, rows } from './oracles.js';
import { useSamples } from './samples.js';

const samples = useSamples();

describe.each(['o0', 'o2', 'dwarf4', 'dwarf3', 'compressed', 'sections', 'classes'] as const)(
  'in %s',
  (name) => {
    test('every address has the line that addr2line says', () => {
      for (const unit of samples.debugInfo(name).units()) {
        const addresses = unit.ranges.flatMap(({ start, end }) =>
          Array.from({ length: end - start }, (_, index) => start + index),
        );
        const chains = addr2line(samples.path(name), addresses);
        const lines = addresses.map((address) => unit.lineOf(vaddr(address))?.line);
        expect(lines).toEqual(chains.map((chain) => chain[0]?.line));
      }
    });
  },
);

test.each(['o0', 'o2', 'dwarf4', 'dwarf64', 'dwarf64Version4'] as const)(
  'in %s files are those of readelf’s decoded table',
  (name) => {
    const decoded = rows(
      readelf(samples.path(name), '--debug-dump=decodedline'),
      /^(\S+)\s+(\d+|-)\s+(0x[0-9a-f]+|0)\b/,
    );
    // A row at the end of a sequence is of no instruction.
    const ends = new Set(
      decoded.filter(([, line]) => line === '-').map(([, , address]) => address),
    );
    const listed = decoded.filter(([, , address]) => !ends.has(address));
    expect(listed.length).toBeGreaterThan(20);
    const info = samples.debugInfo(name);
    const last = new Map(
      listed.map(([file, line, address]) => [Number(address), `${file}:${line}`]),
    );
    for (const [address, expected] of last) {
      const found = info.unitForAddress(vaddr(address))?.lineOf(vaddr(address));
      expect(`${found?.file.replace(/.*\//, '')}:${found?.line}`).toBe(expected);
    }
  },
);

test('directories and files are numbered alike in every version', () => {
  for (const name of ['o2', 'dwarf4', 'dwarf3', 'dwarf64'] as const) {
    const unit = samples.unit(name, 'other.c');
    expect(unit.includeDirectories()[0]).toBe(samples.folder);
    expect(unit.files()[0]).toBe(`${samples.folder}/other.c`);
    expect(unit.files()).toContain(`${samples.folder}/shapes.h`);
    expect(unit.compDir).toBe(samples.folder);
  }
});

test('an address outside the unit has no line', () => {
  expect(samples.unit('o2', 'main.c').lineOf(vaddr(1))).toBeUndefined();
  expect(samples.unit('o2', 'main.c').lineOf(vaddr(2 ** 47))).toBeUndefined();
});
