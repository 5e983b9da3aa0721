import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/core/byte-reader.js';
import { isHcrError } from '../../src/core/failure.js';

const WIDTHS = { u8: 1, i8: 1, u16: 2, i16: 2, u32: 4, i32: 4, u64: 8, i64: 8 } as const;
type Width = keyof typeof WIDTHS;
const NAMES = Object.keys(WIDTHS) as Width[];

/** The same number as Node's Buffer reads it. */
function readWithBuffer(bytes: Uint8Array, name: Width, littleEndian: boolean): number | bigint {
  const buffer = Buffer.from(bytes);
  const end = littleEndian ? 'LE' : 'BE';
  switch (name) {
    case 'u8':
      return buffer.readUInt8();
    case 'i8':
      return buffer.readInt8();
    case 'u16':
      return buffer[`readUInt16${end}`]();
    case 'i16':
      return buffer[`readInt16${end}`]();
    case 'u32':
      return buffer[`readUInt32${end}`]();
    case 'i32':
      return buffer[`readInt32${end}`]();
    case 'u64':
      return buffer[`readBigUInt64${end}`]();
    case 'i64':
      return buffer[`readBigInt64${end}`]();
  }
}

/** Bytes that are part of a larger buffer, whose rest must never be seen. */
function within(content: readonly number[]): Uint8Array {
  const around = new Uint8Array(content.length + 32).fill(0xee);
  around.set(content, 16);
  return around.subarray(16, 16 + content.length);
}

function refuses(read: () => unknown): boolean {
  try {
    read();
  } catch (error) {
    return isHcrError(error, 'malformed-file');
  }
  return false;
}

const bytes = fc.array(fc.nat(255), { maxLength: 24 });

describe('ByteReader', () => {
  it('reads each width in both byte orders as Node does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(255), { minLength: 8, maxLength: 8 }),
        fc.constantFrom(...NAMES),
        fc.boolean(),
        (content, name, littleEndian) => {
          const reader = new ByteReader(within(content), littleEndian, 'bytes');
          expect(reader[name]()).toBe(readWithBuffer(Uint8Array.from(content), name, littleEndian));
          expect(reader.offset).toBe(WIDTHS[name]);
        },
      ),
    );
  });

  it('fails at the end instead of reading a neighbour, and stays where it was', () => {
    fc.assert(
      fc.property(bytes, fc.constantFrom(...NAMES), fc.nat(24), (content, name, at) => {
        const reader = new ByteReader(within(content), true, 'bytes');
        fc.pre(at <= content.length && at + WIDTHS[name] > content.length);
        reader.seek(at);
        expect(refuses(() => reader[name]())).toBe(true);
        expect(reader.offset).toBe(at);
      }),
    );
  });

  it('never seeks or skips out of its bytes', () => {
    fc.assert(
      fc.property(bytes, fc.oneof(fc.double(), fc.integer()), (content, to) => {
        const reader = new ByteReader(within(content), true, 'bytes');
        const inside = Number.isInteger(to) && to >= 0 && to <= content.length;
        expect(refuses(() => reader.seek(to))).toBe(!inside);
        expect(reader.offset).toBeLessThanOrEqual(content.length);
      }),
    );
    const reader = new ByteReader(within([1, 2]), true, 'bytes');
    for (const length of [-1, 3, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(refuses(() => reader.skip(length))).toBe(true);
      expect(refuses(() => reader.take(length))).toBe(true);
      expect(refuses(() => reader.sub(length))).toBe(true);
    }
  });

  it('gives views, not copies, and sub-readers that end where they should', () => {
    const whole = within([1, 2, 3, 4, 5]);
    const reader = new ByteReader(whole, true, 'bytes');
    const sub = reader.sub(3);
    expect(sub.take(3)).toEqual(Uint8Array.of(1, 2, 3));
    expect(refuses(() => sub.u8())).toBe(true);
    expect(sub.atEnd).toBe(true);
    expect(reader.remaining).toBe(2);
    const view = reader.take(2);
    whole[3] = 99;
    expect(view).toEqual(Uint8Array.of(99, 5));
    expect(reader.atEnd).toBe(true);
  });

  it('reads strings up to their NUL and refuses one without', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!text.includes('\0'));
        const content = [...Buffer.from(`${text}\0x`)];
        const reader = new ByteReader(within(content), true, 'bytes');
        // As every decoder of UTF-8 does, it drops a byte order mark.
        expect(reader.cstring()).toBe(text.replace(/^\ufeff/, ''));
        expect(reader.remaining).toBe(1);
        expect(refuses(() => reader.cstring())).toBe(true);
      }),
    );
  });

  it('takes 64-bit sizes up to 2^53 and no further', () => {
    const sized = (value: bigint): ByteReader => {
      const content = new Uint8Array(8);
      new DataView(content.buffer).setBigUint64(0, value, true);
      return new ByteReader(content, true, 'bytes');
    };
    expect(sized(2n ** 53n - 1n).size64()).toBe(Number.MAX_SAFE_INTEGER);
    expect(refuses(() => sized(2n ** 53n).size64())).toBe(true);
    expect(refuses(() => sized(2n ** 64n - 1n).size64())).toBe(true);
  });

  it('names the bytes and the offset in its message', () => {
    const reader = new ByteReader(within([1, 2, 3]), true, 'libfoo.so (.symtab)', 2);
    expect(() => reader.u32()).toThrow(/libfoo\.so \(\.symtab\).*0x2/);
  });
});
