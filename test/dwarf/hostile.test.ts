/** Files made to exhaust whoever reads them. Each is small and takes no more than its size. */
import { describe, expect, test } from 'vitest';
import { vaddr } from '../../src/core/address.js';
import { DW_AT, DW_FORM, DW_TAG } from '../../src/dwarf/constants.js';
import { type DebugInfo, debugInfoIn } from '../../src/dwarf/debug-info.js';
import { type DebugSection, sectionFromBytes } from '../../src/dwarf/debug-sections.js';
import { signatureOf } from '../../src/dwarf/signature.js';
import { typeText } from '../../src/dwarf/type-text.js';
import { sizeOfType, typeOf, withoutAliases } from '../../src/dwarf/types.js';
import { expectMalformed } from './malformed.js';

type Bytes = readonly number[];

const u16 = (n: number): Bytes => [n & 0xff, n >> 8];
const u32 = (n: number): Bytes => [...u16(n & 0xffff), ...u16(Math.floor(n / 0x1_0000))];
const text = (t: string): Bytes => [...Buffer.from(t), 0];

function abbrev(
  code: number,
  tag: number,
  hasChildren: boolean,
  ...specs: [number, number][]
): Bytes {
  return [code, tag, Number(hasChildren), ...specs.flat(), 0, 0];
}

/** Size of a version 4 unit header, so where the first entry is. */
const ROOT = 11;

function open(parts: {
  readonly abbrevs: readonly Bytes[];
  readonly entries: Bytes;
  readonly others?: Readonly<Record<string, Bytes>>;
}): DebugInfo {
  const body = [...u16(4), ...u32(0), 8, ...parts.entries];
  const contents: Record<string, Bytes> = {
    '.debug_info': [...u32(body.length), ...body],
    '.debug_abbrev': [...parts.abbrevs.flat(), 0],
    ...parts.others,
  };
  const sections = new Map<string, DebugSection>(
    Object.entries(contents).map(([name, bytes]) => [
      name,
      sectionFromBytes(name, Uint8Array.from(bytes), true),
    ]),
  );
  const info = debugInfoIn({ what: 'test', littleEndian: true, section: (n) => sections.get(n) });
  return info ?? expect.fail('no .debug_info');
}

const firstUnit = (info: DebugInfo) => [...info.units()][0] ?? expect.fail('no unit');

const UNIT = abbrev(1, DW_TAG.compile_unit, true);

describe('chains that lead back to themselves', () => {
  test('of abstract origins end in a failure', () => {
    const info = open({
      abbrevs: [UNIT, abbrev(2, DW_TAG.subprogram, false, [DW_AT.abstract_origin, DW_FORM.ref4])],
      entries: [1, 2, ...u32(ROOT + 6), 2, ...u32(ROOT + 1), 0],
    });
    expectMalformed(() => firstUnit(info).functions(), 'no end');
  });

  test('of specifications end in a failure', () => {
    const info = open({
      abbrevs: [UNIT, abbrev(2, DW_TAG.variable, false, [DW_AT.specification, DW_FORM.ref4])],
      entries: [1, 2, ...u32(ROOT + 1), 0],
    });
    expectMalformed(() => firstUnit(info).variables(), 'no end');
  });

  test.each([
    ['typedefs', DW_TAG.typedef],
    ['qualifiers', DW_TAG.const_type],
    ['pointers', DW_TAG.pointer_type],
    ['arrays', DW_TAG.array_type],
    ['functions', DW_TAG.subroutine_type],
  ])('of %s are cut off', (_, tag) => {
    const info = open({
      abbrevs: [
        UNIT,
        abbrev(2, tag, false, [DW_AT.type, DW_FORM.ref4]),
        abbrev(
          3,
          DW_TAG.subprogram,
          false,
          [DW_AT.type, DW_FORM.ref4],
          [DW_AT.name, DW_FORM.string],
        ),
      ],
      entries: [1, 2, ...u32(ROOT + 1), 3, ...u32(ROOT + 1), ...text('f'), 0],
    });
    const [entry] = firstUnit(info).functions();
    const type = entry && typeOf(entry.die());
    expect(typeText(type).length).toBeLessThan(20_000);
    expect(sizeOfType(type) ?? 8).toBe(8);
    expect(withoutAliases(type)?.offset ?? ROOT + 1).toBe(ROOT + 1);
    expect(entry && signatureOf(entry).key.length).toBeLessThan(2_000);
  });

  test('of scopes end in a failure', () => {
    // A function inside a structure whose declaration is inside that function.
    const info = open({
      abbrevs: [
        UNIT,
        abbrev(2, DW_TAG.structure_type, true, [DW_AT.specification, DW_FORM.ref4]),
        abbrev(3, DW_TAG.subprogram, true),
        abbrev(4, DW_TAG.structure_type, false, [DW_AT.name, DW_FORM.string]),
      ],
      entries: [1, 2, ...u32(ROOT + 7), 3, 4, ...text('s'), 0, 0, 0],
    });
    expectMalformed(() => firstUnit(info).functions(), 'nested deeper');
  });
});

test('nesting without end is refused', () => {
  const info = open({
    abbrevs: [UNIT, abbrev(2, DW_TAG.lexical_block, true)],
    entries: [1, ...Array.from({ length: 100_000 }, () => 2)],
  });
  expectMalformed(() => firstUnit(info).functions(), 'nested deeper');
});

test('many entries that share one long range list are refused early', () => {
  const list = Array.from({ length: 4000 }, () => [...u32(16), ...u32(0), ...u32(32), ...u32(0)]);
  const count = 20_000;
  const info = open({
    abbrevs: [UNIT, abbrev(2, DW_TAG.subprogram, false, [DW_AT.ranges, DW_FORM.sec_offset])],
    entries: [
      1,
      ...Array.from({ length: count }, (_, i) => [2, ...u32((i % 1000) * 16)]).flat(),
      0,
    ],
    others: { '.debug_ranges': [...list.flat(), ...Array.from({ length: 16 }, () => 0)] },
  });
  expectMalformed(() => firstUnit(info).functions(), 'overlapping');
});

test('many names inside one long name are refused early', () => {
  const count = 20_000;
  const info = open({
    abbrevs: [UNIT, abbrev(2, DW_TAG.subprogram, false, [DW_AT.name, DW_FORM.strp])],
    entries: [1, ...Array.from({ length: count }, (_, i) => [2, ...u32(i)]).flat(), 0],
    others: { '.debug_str': [...Array.from({ length: 200_000 }, () => 0x61), 0] },
  });
  expectMalformed(() => firstUnit(info).functions(), 'overlapping');
});

test('a file list of many entries of no bytes is refused', () => {
  const body = [...u16(5), 8, 0];
  const header = [1, 1, 1, 0xfb, 14, 1, 0, ...[0xff, 0xff, 0xff, 0xff, 0x0f]];
  const table = [...body, ...u32(header.length), ...header];
  const info = open({
    abbrevs: [abbrev(1, DW_TAG.compile_unit, false, [DW_AT.stmt_list, DW_FORM.sec_offset])],
    entries: [1, ...u32(0)],
    others: { '.debug_line': [...u32(table.length), ...table] },
  });
  expectMalformed(() => firstUnit(info).files(), 'entries of no bytes');
});

test('a line table without a line range is read', () => {
  const header = [1, 1, 1, 0, 0, 1, ...text('').slice(0, 1), 0];
  const program = [0xff, 0xff, 0, 1, 1];
  const table = [...u16(4), ...u32(header.length), ...header, ...program];
  const info = open({
    abbrevs: [abbrev(1, DW_TAG.compile_unit, false, [DW_AT.stmt_list, DW_FORM.sec_offset])],
    entries: [1, ...u32(0)],
    others: { '.debug_line': [...u32(table.length), ...table] },
  });
  expect(firstUnit(info).lineOf(vaddr(16))).toBeUndefined();
});

test('references out of the unit, out of the section and between entries are refused', () => {
  const reference = (form: number, offset: number) =>
    open({
      abbrevs: [UNIT, abbrev(2, DW_TAG.subprogram, false, [DW_AT.abstract_origin, form])],
      entries: [1, 2, ...u32(offset), 0],
    });
  for (const offset of [0, 3, ROOT + 2, 1000, 0xffff_ffff]) {
    for (const form of [DW_FORM.ref4, DW_FORM.ref_addr]) {
      expectMalformed(() => firstUnit(reference(form, offset)).functions());
    }
  }
});

test('an unknown form or abbreviation is refused', () => {
  const unknownForm = open({
    abbrevs: [UNIT, abbrev(2, DW_TAG.subprogram, false, [DW_AT.name, 0x7e])],
    entries: [1, 2, 0, 0],
  });
  expectMalformed(() => firstUnit(unknownForm).functions(), 'unknown form 0x7e');
  const unknownCode = open({ abbrevs: [UNIT], entries: [1, 9, 0] });
  expectMalformed(() => firstUnit(unknownCode).functions(), 'unknown abbreviation 9');
});

test('a unit longer than its section and a reserved length are refused', () => {
  const headerOnly = (length: number) =>
    debugInfoIn({
      what: 'test',
      littleEndian: true,
      section: (name) =>
        name === '.debug_info'
          ? sectionFromBytes(name, Uint8Array.from([...u32(length), 4, 0, 0, 0, 0, 0, 8]), true)
          : undefined,
    });
  expectMalformed(() => [...(headerOnly(0x1000)?.units() ?? [])], 'where 11 are left');
  expectMalformed(() => [...(headerOnly(0xffff_fff3)?.units() ?? [])], 'reserved length');
});

test('a unit of a version not known is passed over', () => {
  const bytes = Uint8Array.from([...u32(7), ...u16(9), 0, 0, 0, 0, 0]);
  const info = debugInfoIn({
    what: 'test',
    littleEndian: true,
    section: (name) => (name === '.debug_info' ? sectionFromBytes(name, bytes, true) : undefined),
  });
  expect([...(info?.units() ?? [])]).toEqual([]);
  expect(info?.unitForAddress(vaddr(0x1000))).toBeUndefined();
});
