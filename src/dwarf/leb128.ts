/**
 * Little-endian base 128 numbers: seven bits a byte, the high bit says that another follows.
 *
 * A number may be padded with bytes that add nothing (linkers that relax code rewrite them in
 * place), so the length alone does not bound the value; both are limited here.
 * @see DWARF 5, 7.6
 */
import type { ByteReader } from '../core/byte-reader.js';

/** Ten bytes hold 64 bits; the rest is room for padding. */
const MAX_BYTES = 16;

/** An unsigned number up to 2^53.
 *  @throws HcrError `malformed-file` when it is greater, too long, or runs off the end */
export function readUleb128(reader: ByteReader): number {
  const first = reader.u8();
  if (first < 0x80) return first;
  let value = first & 0x7f;
  let scale = 0x80;
  for (let length = 1; length < MAX_BYTES; length++) {
    const byte = reader.u8();
    value += (byte & 0x7f) * scale;
    if (value > Number.MAX_SAFE_INTEGER) reader.fail('LEB128 number above 2^53');
    if (byte < 0x80) return value;
    scale *= 0x80;
  }
  return reader.fail('LEB128 number without end');
}

/** An unsigned number of up to 64 bits; a bigint only when it is above 2^53.
 *  @throws HcrError `malformed-file` when it is too long or runs off the end */
export function readWideUleb128(reader: ByteReader): number | bigint {
  return narrow(BigInt.asUintN(64, readGroups(reader).value));
}

/** A signed number of up to 64 bits; a bigint only when it does not fit a double exactly.
 *  @throws HcrError `malformed-file` when it is too long or runs off the end */
export function readWideSleb128(reader: ByteReader): number | bigint {
  const first = reader.u8();
  if (first < 0x80) return first < 0x40 ? first : first - 0x80;
  reader.offset -= 1;
  const { value, bits } = readGroups(reader);
  return narrow(BigInt.asIntN(64, BigInt.asIntN(bits, value)));
}

/** A signed number between -2^53 and 2^53.
 *  @throws HcrError `malformed-file` when it is outside, too long, or runs off the end */
export function readSleb128(reader: ByteReader): number {
  const value = readWideSleb128(reader);
  return typeof value === 'number' ? value : reader.fail('signed LEB128 number beyond 2^53');
}

/** Passes over a number of either kind.
 *  @throws HcrError `malformed-file` when it is too long or runs off the end */
export function skipLeb128(reader: ByteReader): void {
  for (let length = 0; length < MAX_BYTES; length++) {
    if (reader.u8() < 0x80) return;
  }
  reader.fail('LEB128 number without end');
}

function readGroups(reader: ByteReader): { readonly value: bigint; readonly bits: number } {
  let value = 0n;
  let bits = 0;
  for (let length = 0; length < MAX_BYTES; length++) {
    const byte = reader.u8();
    value |= BigInt(byte & 0x7f) << BigInt(bits);
    bits += 7;
    if (byte < 0x80) return { value, bits };
  }
  return reader.fail('LEB128 number without end');
}

function narrow(value: bigint): number | bigint {
  const n = Number(value);
  return Number.isSafeInteger(n) ? n : value;
}
