import { describe, expect, test } from 'vitest';
import { DW_AT, DW_FORM, DW_LLE, DW_OP, DW_TAG } from '../../src/dwarf/constants.js';
import type { DebugInfo } from '../../src/dwarf/debug-info.js';
import type { Die } from '../../src/dwarf/die.js';
import { expressionAt } from '../../src/dwarf/location-lists.js';
import { hexText } from '../../src/dwarf/portable-expression.js';
import { type Bytes, debugInfoOf, u16, u32, u64 } from './built-unit.js';
import { expectMalformed } from './malformed.js';
import { workedMs } from '../support/worked-ms.js';

/** Of the unit. */
const BASE = 0x40_0000;

/** In `.debug_addr`. */
const ADDRESSES = [0x50_0000, 0x60_0000, 0x60_0010];

const ABBREVS = [
  ...[1, DW_TAG.compile_unit, 1, DW_AT.low_pc, DW_FORM.addr],
  ...[DW_AT.addr_base, DW_FORM.sec_offset],
  ...[DW_AT.loclists_base & 0xff, 1, DW_FORM.sec_offset, 0, 0],
  ...[2, DW_TAG.variable, 0, DW_AT.location, DW_FORM.sec_offset, 0, 0],
  ...[3, DW_TAG.variable, 0, DW_AT.location, DW_FORM.loclistx, 0, 0],
  ...[4, DW_TAG.variable, 0, DW_AT.location, DW_FORM.data4, 0, 0],
];

const HEADER = [...u32(0xfffff), ...u16(5), 8, 0, ...u32(2)];

function open(version: 4 | 5, list: Bytes | Uint8Array, variables: Bytes): DebugInfo {
  const offsets = [...u32(8), ...u32(8 + list.length)];
  const others: Record<string, Bytes | Uint8Array> =
    version === 5
      ? { '.debug_loclists': Uint8Array.from([...HEADER, ...offsets, ...list, DW_LLE.end_of_list]) }
      : { '.debug_loc': list };
  return debugInfoOf({
    version,
    abbrevs: ABBREVS,
    entries: [1, ...u64(BASE), ...u32(8), ...u32(HEADER.length), ...variables, 0],
    others: { ...others, '.debug_addr': [...u32(0), ...u32(0), ...ADDRESSES.flatMap(u64)] },
  });
}

const variablesIn = (info: DebugInfo): readonly Die[] =>
  [...info.units()].flatMap(({ dies }) => [...dies.root.children()]);

/** What holds at an address by a list; its offset in the section of version 5 is 20. */
function search(version: 4 | 5, list: Bytes, address: number): string | undefined {
  const offset = version === 5 ? HEADER.length + 8 : 0;
  const [variable] = variablesIn(open(version, list, [2, ...u32(offset)]));
  const found = variable && expressionAt(variable, DW_AT.location, address);
  return found && hexText(found);
}

const REG = (number: number): Bytes => [1, 0x50 + number];

describe('version 5', () => {
  const at = (address: number, ...list: readonly (number | Bytes)[]) =>
    search(5, [...list.flat(), DW_LLE.end_of_list], address);

  test('counts pairs of offsets from the unit', () => {
    const list = [DW_LLE.offset_pair, 4, 8, ...REG(5)];
    expect([3, 4, 7, 8].map((offset) => at(BASE + offset, list))).toEqual([
      undefined,
      '55',
      '55',
      undefined,
    ]);
  });

  test('or from the base that the list sets', () => {
    const pair = [DW_LLE.offset_pair, 0, 8, ...REG(5)];
    expect(at(0x70_0000, DW_LLE.base_address, u64(0x70_0000), pair)).toBe('55');
    expect(at(BASE, DW_LLE.base_address, u64(0x70_0000), pair)).toBeUndefined();
    expect(at(0x60_0000, DW_LLE.base_addressx, 1, pair)).toBe('55');
  });

  test('reads addresses as they are and by number', () => {
    const startEnd = [DW_LLE.start_end, ...u64(0x1000), ...u64(0x1010), ...REG(1)];
    const startLength = [DW_LLE.start_length, ...u64(0x2000), 0x10, ...REG(2)];
    const startxEndx = [DW_LLE.startx_endx, 1, 2, ...REG(3)];
    const startxLength = [DW_LLE.startx_length, 0, 0x10, ...REG(4)];
    const all = [startEnd, startLength, startxEndx, startxLength];
    const addresses = [0x100f, 0x200f, 0x60_000f, 0x50_000f];
    expect(addresses.map((address) => at(address, ...all))).toEqual(['51', '52', '53', '54']);
    expect(addresses.map((address) => at(address + 1, ...all))).toEqual(
      addresses.map(() => undefined),
    );
  });

  test('takes the default only where nothing else holds', () => {
    const list = [DW_LLE.default_location, ...REG(0), DW_LLE.offset_pair, 4, 8, ...REG(5)];
    expect([3, 4, 8].map((offset) => at(BASE + offset, list))).toEqual(['50', '55', '50']);
  });

  test('passes over pairs of views', () => {
    const views = [DW_LLE.GNU_view_pair, 0, 0x81, 0x01];
    expect(at(BASE, views, DW_LLE.offset_pair, 0, 8, REG(5))).toBe('55');
  });

  test('takes the first state of an address', () => {
    const first = [DW_LLE.offset_pair, 0, 0, ...REG(5)];
    const second = [DW_LLE.offset_pair, 0, 8, 2, DW_OP.lit0, DW_OP.stack_value];
    expect(at(BASE, first, second)).toBe('55');
    expect(at(BASE + 1, first, second)).toBe('309f');
  });

  test('leaves out discarded code', () => {
    const gone = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    const inGone = [DW_LLE.base_address, ...gone, DW_LLE.offset_pair, 0, 8, ...REG(5)];
    expect(at(BASE, inGone)).toBeUndefined();
    expect(at(BASE, DW_LLE.start_end, gone, gone, REG(5))).toBeUndefined();
  });

  test('finds lists by number', () => {
    const list = [DW_LLE.offset_pair, 0, 8, ...REG(5)];
    const [first, second] = variablesIn(open(5, [...list, DW_LLE.end_of_list], [3, 0, 3, 1]));
    expect(first && expressionAt(first, DW_AT.location, BASE)).toEqual(Uint8Array.of(0x55));
    expect(second && expressionAt(second, DW_AT.location, BASE)).toBeUndefined();
  });

  test('does not take a number for an offset', () => {
    const [variable] = variablesIn(open(5, [], [4, ...u32(0)]));
    expect(variable && expressionAt(variable, DW_AT.location, BASE)).toBeUndefined();
  });
});

describe('version 4', () => {
  const entry = (start: number, end: number, expression: Bytes): Bytes => [
    ...u64(start),
    ...u64(end),
    ...u16(expression.length),
    ...expression,
  ];
  const END = [...u64(0), ...u64(0)];
  const GREATEST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
  const at = (address: number, ...list: readonly Bytes[]) =>
    search(4, [...list.flat(), ...END], address);

  test('counts from the unit, or from the base that the list sets', () => {
    const list = [
      entry(0, 8, [0x55]),
      [...GREATEST, ...u64(0x70_0000)],
      entry(0, 8, [0x56]),
      [...GREATEST, ...u64(0)],
      entry(0x80_0000, 0x80_0001, [0x57]),
    ];
    const addresses = [BASE, BASE + 8, 0x70_0007, 0x70_0008, 0x80_0000];
    expect(addresses.map((address) => at(address, ...list))).toEqual([
      '55',
      undefined,
      '56',
      undefined,
      '57',
    ]);
  });

  test('reads on after a mark of discarded code', () => {
    const mark = [0xfe, ...GREATEST.slice(1)];
    const discarded = [...mark, ...mark, ...u16(2), 0x30, 0x9f];
    expect(at(BASE, discarded, entry(0, 8, [0x55]))).toBe('55');
  });

  test('takes the first state of an address', () => {
    expect(at(BASE + 8, entry(0, 8, [1]), entry(8, 8, [0x55]), entry(8, 9, [0x30]))).toBe('55');
  });
});

describe('damaged lists', () => {
  test.each([
    ['of an unknown entry', 5, [0x0a]],
    ['that end within an entry', 5, [DW_LLE.start_end, 1, 2]],
    ['whose expression is longer than they are', 5, [DW_LLE.offset_pair, 1, 2, 0x7f, 0x55]],
    ['whose address has no place in the table', 5, [DW_LLE.base_addressx, 0x60]],
    ['without end', 4, [...u64(4), ...u64(5), ...u16(1), 0x55]],
  ] as const)('%s are refused', (_, version, list) => {
    expectMalformed(() => search(version, list, BASE));
    // And again: a failure isn't remembered as an answer.
    expectMalformed(() => search(version, list, BASE));
  });

  test('outside the section, and without a table, are refused', () => {
    const [outside, far] = variablesIn(open(5, [], [2, ...u32(0xfffff), 3, 0x7f]));
    expectMalformed(() => outside && expressionAt(outside, DW_AT.location, BASE));
    expectMalformed(() => far && expressionAt(far, DW_AT.location, BASE));
    const [noTable] = variablesIn(open(4, [], [3, 0]));
    expectMalformed(() => noTable && expressionAt(noTable, DW_AT.location, BASE), 'table');
  });

  test('many references into one long list are not all followed', () => {
    const pair = [DW_LLE.offset_pair, 1, 2, 0];
    const list = new Uint8Array(1_000_000);
    for (let at = 0; at < list.length; at += pair.length) list.set(pair, at);
    const start = HEADER.length + 8;
    const variables = Array.from({ length: 20_000 }, (_, n) => [2, ...u32(start + 4 * n)]).flat();
    const startMs = workedMs();
    let refused = 0;
    for (const variable of variablesIn(open(5, list, variables))) {
      try {
        expressionAt(variable, DW_AT.location, BASE);
      } catch {
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(19_000);
    expect(workedMs() - startMs).toBeLessThan(10_000);
  });

  test('asking again for what is known costs nothing, whatever the address', () => {
    const list = [DW_LLE.offset_pair, 0, ...[0xff, 0xff, 0x7f], ...REG(5)];
    const [variable] = variablesIn(open(5, list, [2, ...u32(HEADER.length + 8)]));
    let found = 0;
    for (let times = 0; times < 50_000; times++) {
      if (!variable) break;
      if (expressionAt(variable, DW_AT.location, BASE + times)?.[0] === 0x55) found += 1;
    }
    expect(found).toBe(50_000);
  });
});
