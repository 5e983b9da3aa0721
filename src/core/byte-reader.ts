/**
 * Reads numbers and strings from bytes nobody vouches for. Every access is checked: reading past
 * the end is an `HcrError` `malformed-file`, never `undefined` and never a neighbour's bytes.
 */
import { HcrError } from './failure.js';

const utf8 = new TextDecoder('utf-8', { fatal: false });

export class ByteReader {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  /** Where the next read starts, in bytes from the start of {@link bytes}. */
  offset: number;
  private readonly view: DataView;
  private readonly what: string;

  /** @param bytes borrowed, never written. @param what names the bytes in error messages. */
  constructor(bytes: Uint8Array, littleEndian: boolean, what: string, offset = 0) {
    this.bytes = bytes;
    this.littleEndian = littleEndian;
    this.what = what;
    this.offset = offset;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  get atEnd(): boolean {
    return this.offset >= this.bytes.length;
  }

  /** @throws HcrError `malformed-file`, naming these bytes and the offset. */
  fail(detail: string): never {
    throw new HcrError({
      code: 'malformed-file',
      what: this.what,
      detail: `${detail} at offset 0x${this.offset.toString(16)}`,
    });
  }

  private advance(lengthBytes: number): number {
    const at = this.offset;
    if (!(lengthBytes >= 0) || at < 0 || at + lengthBytes > this.bytes.length) {
      this.fail(`needs ${lengthBytes} bytes, has ${Math.max(0, this.bytes.length - at)}`);
    }
    this.offset = at + lengthBytes;
    return at;
  }

  seek(offset: number): this {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > this.bytes.length) {
      this.fail(`seeks to ${offset} of ${this.bytes.length}`);
    }
    this.offset = offset;
    return this;
  }

  skip(lengthBytes: number): this {
    this.advance(lengthBytes);
    return this;
  }

  u8(): number {
    return this.view.getUint8(this.advance(1));
  }
  i8(): number {
    return this.view.getInt8(this.advance(1));
  }
  u16(): number {
    return this.view.getUint16(this.advance(2), this.littleEndian);
  }
  i16(): number {
    return this.view.getInt16(this.advance(2), this.littleEndian);
  }
  u32(): number {
    return this.view.getUint32(this.advance(4), this.littleEndian);
  }
  i32(): number {
    return this.view.getInt32(this.advance(4), this.littleEndian);
  }
  /** 64 bits of which every one counts. */
  u64(): bigint {
    return this.view.getBigUint64(this.advance(8), this.littleEndian);
  }
  i64(): bigint {
    return this.view.getBigInt64(this.advance(8), this.littleEndian);
  }

  /** A 64-bit offset, size or address as a number; fails above 2^53. */
  size64(): number {
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      this.fail(`0x${value.toString(16)} is too large`);
    }
    return Number(value);
  }

  /** A view on the next bytes, not a copy. */
  take(lengthBytes: number): Uint8Array {
    const at = this.advance(lengthBytes);
    return this.bytes.subarray(at, at + lengthBytes);
  }

  /** A reader over the next bytes, which this one skips. */
  sub(lengthBytes: number): ByteReader {
    return new ByteReader(this.take(lengthBytes), this.littleEndian, this.what);
  }

  /** A NUL-terminated string; the NUL is consumed. */
  cstring(): string {
    const end = this.bytes.indexOf(0, this.offset);
    if (end < 0) this.fail('string without end');
    const text = utf8.decode(this.bytes.subarray(this.offset, end));
    this.offset = end + 1;
    return text;
  }
}
