import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { EM, SHF, SHT } from '../../src/elf/constants.js';
import { bytesInMemory } from '../../src/elf/file-bytes.js';
import { type ObjectFile, openObjectFile, readObjectFile } from '../../src/elf/object-file.js';
import type { Section } from '../../src/elf/sections.js';
import { expectMalformed } from './failing.js';
import { readelf } from './readelf.js';
import { type SampleName, useSamples } from './samples.js';

const samples = useSamples();

function sectionOf(object: ObjectFile, name: string): Section {
  const section = object.elf.section(name);
  if (!section) throw new Error(`the sample lacks ${name}`);
  return section;
}

/** A damaged copy of a sample: `patch` gets a view on it and finds section headers by name. */
function damaged(
  name: SampleName,
  patch: (view: DataView, headerOf: (section: string) => number) => void,
): () => ObjectFile {
  const bytes = samples.bytes(name);
  const object = readObjectFile(bytesInMemory(bytes), EM.X86_64, name);
  const { offset } = object.elf.header.sectionTable;
  patch(new DataView(bytes.buffer), (section) => offset + 64 * sectionOf(object, section).index);
  return () => readObjectFile(bytesInMemory(bytes), EM.X86_64, name);
}

describe('agrees with readelf on the relocations of', () => {
  test.each(['object', 'cxxObject', 'compressedObject'] as const)('%s', (name) => {
    const path = samples.path(name);
    const object = openObjectFile(path, EM.X86_64);
    const lines = readelf(path, '-r');
    const listed = new Map<string, unknown[]>();
    let current: unknown[] = [];
    for (const line of lines) {
      const heading = /^Relocation section '\.rela(.*)' at/.exec(line);
      if (heading) listed.set(heading[1] ?? '', (current = []));
      const row =
        /^([0-9a-f]{16}) {2}([0-9a-f]{8})([0-9a-f]{8}) R_\S+\s+(?:[0-9a-f]{16} \S+ ([+-]) )?([0-9a-f]+)$/.exec(
          line,
        );
      if (!row) continue;
      current.push({
        offset: Number(`0x${row[1] ?? ''}`),
        type: Number(`0x${row[3] ?? ''}`),
        symbolIndex: Number(`0x${row[2] ?? ''}`),
        addend: (row[4] === '-' ? -1 : 1) * Number(`0x${row[5] ?? ''}`),
      });
    }
    const related = object.sections.filter((section) => object.relocationsOf(section).length > 0);
    expect(related.map((section) => section.name).sort()).toEqual([...listed.keys()].sort());
    for (const section of related) {
      const byOffset = listed
        .get(section.name)
        ?.toSorted((a, b) => (a as { offset: number }).offset - (b as { offset: number }).offset);
      expect(object.relocationsOf(section), section.name).toEqual(byOffset);
    }
  });
});

test('each function has a section of its own, with its symbol', () => {
  const object = openObjectFile(samples.path('object'), EM.X86_64);
  const names = object.functionSections.map((section) =>
    object.symbolsIn(section).map((symbol) => symbol.name),
  );
  expect(names).toEqual([[], ['twice'], ['f1'], ['main']]);
  expect(object.symbolsIn(sectionOf(object, '.data.counter')).map(({ name }) => name)).toEqual([
    'counter',
  ]);
  expect(object.symbols.findByName('from_helper')).toMatchObject([
    { isDefined: false, home: 'undefined' },
  ]);
  const twice = object.symbols.findByName('twice');
  expect(twice.map((symbol) => object.symbols.fileOf(symbol))).toEqual(['main.c']);
});

test('groups are those that readelf lists', () => {
  const object = openObjectFile(samples.path('cxxObject'), EM.X86_64);
  const listed: { isComdat: boolean; signature: string; members: string[] }[] = [];
  for (const line of readelf(samples.path('cxxObject'), '-g')) {
    const heading = /^(COMDAT )?group section.*\[(.*)\] contains/.exec(line);
    if (heading)
      listed.push({ isComdat: heading[1] !== undefined, signature: heading[2] ?? '', members: [] });
    const member = /^ {3}\[\s*\d+\]\s+(\S+)/.exec(line);
    if (member) listed.at(-1)?.members.push(member[1] ?? '');
  }
  expect(listed.length).toBeGreaterThan(3);
  expect(
    object.groups.map(({ members, ...group }) => ({
      ...group,
      members: members.map(({ name }) => name),
    })),
  ).toEqual(listed);
  for (const group of object.groups) {
    for (const member of group.members) expect(object.groupOf(member)).toBe(group);
  }
  expect(object.groupOf(sectionOf(object, '.text'))).toBeUndefined();
});

test('a common symbol gets a section of its own, as in a linker', () => {
  const path = samples.build('common.c', 'int shared_by_all;\n', 'gcc -c -fcommon -o $out $in');
  const object = openObjectFile(path, EM.X86_64);
  expect(object.symbols.findByName('shared_by_all')).toMatchObject([
    { home: 'common', isDefined: true },
  ]);
  const [symbol] = object.symbols.findByName('shared_by_all');
  const placed = object.symbolAt(symbol?.index ?? 0);
  expect(placed).toMatchObject({ name: 'shared_by_all', home: 'section', value: 0, sizeBytes: 4 });
  const section = object.sections[placed.sectionIndex];
  expect(section).toMatchObject({ type: SHT.NOBITS, sizeBytes: 4, alignment: 4 });
  expect(object.sections.flatMap((each) => object.symbolsIn(each))).toEqual([placed]);
});

describe('refuses', () => {
  test('what is no object, or one of another machine', () => {
    expectMalformed(
      () => openObjectFile(samples.path('pie'), EM.X86_64),
      'not a relocatable object',
    );
    expectMalformed(
      () => openObjectFile(samples.path('object'), EM.AARCH64),
      'machine 62, not for 183',
    );
  });

  test('relocations without addends', () => {
    const object = damaged('object', (view, headerOf) => {
      view.setUint32(headerOf('.rela.text.main') + 4, SHT.REL, true);
    })();
    expectMalformed(() => object.relocationsOf(sectionOf(object, '.text.main')), 'without addend');
    expect(object.relocationsOf(sectionOf(object, '.text.f1'))).not.toEqual([]);
  });

  test('a relocation outside its section, or of a symbol that does not exist', () => {
    const relocationAt = (view: DataView, headerOf: (name: string) => number): number =>
      Number(view.getBigUint64(headerOf('.rela.text.main') + 24, true));
    const outside = damaged('object', (view, headerOf) => {
      view.setBigUint64(relocationAt(view, headerOf), 1n << 40n, true);
    })();
    expectMalformed(() => outside.relocationsOf(sectionOf(outside, '.text.main')), 'one is at');
    const unknown = damaged('object', (view, headerOf) => {
      view.setUint32(relocationAt(view, headerOf) + 12, 0xffffff, true);
    })();
    expectMalformed(
      () => unknown.relocationsOf(sectionOf(unknown, '.text.main')),
      'against symbol',
    );
  });

  test('a table that is cut in the middle of an entry', () => {
    const object = damaged('object', (view, headerOf) => {
      view.setBigUint64(headerOf('.rela.text.main') + 32, 25n, true);
    })();
    expectMalformed(
      () => object.relocationsOf(sectionOf(object, '.text.main')),
      'no table of Elf64_Rela',
    );
  });

  test('a group with a member that does not exist', () => {
    const read = damaged('cxxObject', (view, headerOf) => {
      view.setUint32(Number(view.getBigUint64(headerOf('.group') + 24, true)) + 4, 0xffffff, true);
    });
    expectMalformed(read, 'no section');
  });
});

test('bytes of a section are those that objcopy extracts', () => {
  const object = openObjectFile(samples.path('object'), EM.X86_64);
  for (const section of object.functionSections) {
    if (section.sizeBytes === 0) continue;
    expect(section.flags & SHF.EXECINSTR).not.toBe(0);
    const out = samples.scratch('function.bin');
    execFileSync('objcopy', ['-O', 'binary', '-j', section.name, samples.path('object'), out]);
    const file = bytesInMemory(samples.readScratch('function.bin'));
    expect([...object.bytesOf(section)]).toEqual([...file.read(0, file.sizeBytes)]);
  }
});
