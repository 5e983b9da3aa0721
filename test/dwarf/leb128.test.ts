import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from '../../src/core/byte-reader.js';
import {
  readSleb128,
  readUleb128,
  readWideSleb128,
  readWideUleb128,
  skipLeb128,
} from '../../src/dwarf/leb128.js';
import { expectMalformed } from './malformed.js';

const reader = (...bytes: number[]) => new ByteReader(Uint8Array.from(bytes), true, 'number');

/** As the specification's appendix C encodes. */
function encode(value: bigint, signed: boolean): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; ) {
    const group = Number(rest & 0x7fn);
    rest >>= 7n;
    const isLast = signed
      ? (rest === 0n && group < 0x40) || (rest === -1n && group >= 0x40)
      : rest === 0n;
    bytes.push(isLast ? group : group + 0x80);
    if (isLast) return bytes;
  }
}

const exact = (value: bigint): number | bigint =>
  Number.isSafeInteger(Number(value)) ? Number(value) : value;

test('reads the examples of the specification', () => {
  expect(readUleb128(reader(2))).toBe(2);
  expect(readUleb128(reader(0x80, 1))).toBe(128);
  expect(readUleb128(reader(0xb9, 0x64))).toBe(12857);
  expect(readSleb128(reader(0x7e))).toBe(-2);
  expect(readSleb128(reader(0xff, 0))).toBe(127);
  expect(readSleb128(reader(0x80, 0x7f))).toBe(-128);
});

test('reads every unsigned number of 64 bits', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      const bytes = encode(value, false);
      expect(readWideUleb128(reader(...bytes))).toBe(exact(value));
      if (value <= Number.MAX_SAFE_INTEGER)
        expect(readUleb128(reader(...bytes))).toBe(Number(value));
    }),
  );
});

test('reads every signed number of 64 bits', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      expect(readWideSleb128(reader(...encode(value, true)))).toBe(exact(value));
    }),
  );
});

test('stops after the number', () => {
  for (const read of [readUleb128, readSleb128, readWideUleb128, readWideSleb128, skipLeb128]) {
    const bytes = reader(0x81, 0x82, 3, 4);
    read(bytes);
    expect(bytes.offset).toBe(3);
  }
});

test('allows padding that adds nothing', () => {
  expect(readUleb128(reader(0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0))).toBe(
    5,
  );
  expect(readSleb128(reader(0xfe, 0xff, 0xff, 0xff, 0x7f))).toBe(-2);
});

test('refuses numbers above 2^53 where a number is wanted', () => {
  expectMalformed(() => readUleb128(reader(...encode(2n ** 53n, false))), '2^53');
  expectMalformed(() => readSleb128(reader(...encode(-(2n ** 60n), true))), '2^53');
});

test('refuses numbers without end', () => {
  const endless = Array.from({ length: 100 }, () => 0x80);
  for (const read of [readUleb128, readSleb128, readWideUleb128, readWideSleb128, skipLeb128]) {
    expectMalformed(() => read(reader(...endless)), 'without end');
    expectMalformed(() => read(reader(0x80)), 'needs 1 bytes');
    expectMalformed(() => read(reader()), 'needs 1 bytes');
  }
});
