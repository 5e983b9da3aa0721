import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { vaddr } from '../../src/core/address.js';
import { openDebugInfo } from '../../src/dwarf/debug-info.js';
import { openElf, readElf } from '../../src/elf/elf-file.js';
import { type FileBytes, openFile } from '../../src/elf/file-bytes.js';
import { nm, readelf, rows } from './oracles.js';
import { useSamples } from './samples.js';

const samples = useSamples();

const C_SAMPLES = ['o0', 'o2', 'dwarf4', 'dwarf3', 'dwarf64', 'compressed', 'lto'] as const;

const without = (path: string, section: string): string => {
  const out = `${path}-without${section}`;
  execFileSync('objcopy', ['--remove-section', section, path, out]);
  return out;
};

test('a program without debug information has none', () => {
  expect(openDebugInfo(openElf(samples.path('none')))).toBeUndefined();
});

test('debug information in a file that is not there is refused with its name', () => {
  const info = samples.debugInfo('split');
  expect([...info.units()]).toEqual([]);
  expect(info.absent().map(({ code, message }) => [code, message])).toEqual([
    ['debug-file-missing', expect.stringMatching(/main\.dwo, which is not there\.$/)],
    ['debug-file-missing', expect.stringMatching(/other\.dwo, which is not there\.$/)],
  ]);
  const main = nm(samples.path('split')).find(({ name }) => name === 'main');
  expect(() => info.unitForAddress(vaddr(main?.value ?? 0))).toThrow(/main\.dwo, which is not/);
});

describe.each(C_SAMPLES)('in %s', (name) => {
  test('units are those of readelf', () => {
    const lines = readelf(samples.path(name), '--debug-dump=info', '--dwarf-depth=1');
    const offsets = rows(lines, /Compilation Unit @ offset (0x[0-9a-f]+|0):/).map(Number);
    const versions = rows(lines, /^ {3}Version: +(\d)/).map(Number);
    const producers = rows(lines, /DW_AT_producer +: .*?(?:\): )?(GNU .*)$/).flat();
    const units = [...samples.debugInfo(name).units()];
    expect(units.map(({ offset }) => offset)).toEqual(offsets);
    expect(units.map(({ version }) => version)).toEqual(versions);
    expect(units.map(({ producer }) => producer)).toEqual(producers);
  });

  test.each(['.debug_aranges', '.no_such_section'])(
    'every function leads to its unit without %s',
    (section) => {
      const path = without(samples.path(name), section);
      const info = samples.open(path);
      const wanted = new Set(['main', 'by_value', 'from_other', 'same_name', 'nothing']);
      const symbols = nm(path).filter((symbol) => wanted.has(symbol.name));
      expect(symbols.length).toBeGreaterThan(2);
      for (const symbol of symbols) {
        for (const address of [symbol.value, symbol.value + symbol.sizeBytes - 1]) {
          const unit = info.unitForAddress(vaddr(address));
          const names = unit?.functions().flatMap((f) => (f.entry === undefined ? [] : [f.name]));
          expect(names).toContain(symbol.name);
        }
      }
    },
  );

  test('code that no unit describes leads to none', () => {
    const start = nm(samples.path(name)).find((symbol) => symbol.name === '_start');
    expect(samples.debugInfo(name).unitForAddress(vaddr(start?.value ?? 0))).toBeUndefined();
  });
});

test('units know their source, directory and code', () => {
  const unit = samples.unit('o2', 'other.c');
  expect(unit).toMatchObject({
    name: 'other.c',
    compDir: samples.folder,
    version: 5,
    language: 29,
  });
  const wanted = nm(samples.path('o2')).find(({ name }) => name === 'from_other')?.value ?? 0;
  expect(unit.ranges.some(({ start, end }) => wanted >= start && wanted < end)).toBe(true);
});

test('to find one function among many units reads only its own', () => {
  const path = samples.path('o2');
  using file = openFile(path);
  const reads: { readonly offset: number; readonly lengthBytes: number }[] = [];
  const counting: FileBytes = {
    sizeBytes: file.sizeBytes,
    read: (offset, lengthBytes) => {
      reads.push({ offset, lengthBytes });
      return file.read(offset, lengthBytes);
    },
  };
  const elf = readElf(counting, path);
  const info = openDebugInfo(elf);
  const address = nm(path).find(({ name }) => name === 'from_other')?.value ?? 0;
  const unit = info?.unitForAddress(vaddr(address));
  expect(unit?.functions().some(({ entry }) => entry === address)).toBe(true);
  const section = elf.section('.debug_info') ?? expect.fail('no section');
  const end = section.offset + section.sizeBytes;
  const readBytes = reads
    .filter(({ offset }) => offset >= section.offset && offset < end)
    .reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  const ownBytes = unit?.dies.header.sizeBytes ?? 0;
  expect(readBytes).toBeLessThan(ownBytes + 2000);
  expect(ownBytes).toBeLessThan(section.sizeBytes / 2);
});
