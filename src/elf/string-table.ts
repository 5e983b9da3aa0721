/**
 * A string table: NUL-terminated strings end to end, of which the linker may have merged one into
 * the tail of another, so that a string can start anywhere.
 *
 * @see gABI 4 "String Table"
 */
import { malformed } from './malformed.js';

/**
 * In an honest table few strings are longer than this, and those hardly overlap. In a damaged one
 * every symbol may start inside one string as long as the file, so that reading all their names
 * would cost the file's size squared: longer strings are kept, and together bounded.
 */
const SHORT_BYTES = 1024;

/** Bytes of a string that its hash looks at, for the same reason. */
const HASHED_BYTES = 512;

/** A name prepared for comparing with many strings of a table. */
export interface WantedName {
  /** With its NUL. */
  readonly bytes: Uint8Array;
  readonly hash: number;
}

export class StringTable {
  /** Borrowed. A Buffer because searching and decoding in it is native. */
  private readonly bytes: Buffer;
  private readonly what: string;
  private readonly longStrings = new Map<number, string>();
  private longBytesLeft: number;

  constructor(bytes: Uint8Array, what: string) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.what = what;
    this.longBytesLeft = 4 * bytes.length;
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  /** @throws HcrError `malformed-file` outside the table, or when the string does not end in it */
  at(offset: number): string {
    // Offset 0 of an empty table is the empty string: a file without names needs no table.
    if (offset === 0 && this.bytes.length === 0) return '';
    if (offset >= this.bytes.length) {
      throw malformed(this.what, `a string starts at ${offset} of ${this.bytes.length} bytes`);
    }
    const limit = Math.min(this.bytes.length, offset + SHORT_BYTES);
    for (let end = offset; end < limit; end++) {
      if (this.bytes[end] === 0) return this.bytes.toString('utf8', offset, end);
    }
    return this.longAt(offset);
  }

  private longAt(offset: number): string {
    const known = this.longStrings.get(offset);
    if (known !== undefined) return known;
    const end = this.longBytesLeft > 0 ? this.bytes.indexOf(0, offset) : -1;
    if (end < 0) throw malformed(this.what, `the string at ${offset} does not end`);
    this.longBytesLeft -= end - offset;
    const text = this.bytes.toString('utf8', offset, end);
    this.longStrings.set(offset, text);
    return text;
  }

  /** Every offset at which `text` stands as a whole string, tails of longer strings included,
   *  in ascending order. */
  offsetsOf(text: string): number[] {
    const needle = Buffer.from(`${text}\0`);
    const offsets: number[] = [];
    let from = this.bytes.indexOf(needle);
    while (from >= 0) {
      offsets.push(from);
      from = this.bytes.indexOf(needle, from + 1);
    }
    return offsets;
  }

  /** A hash of the string at `offset`, equal to that of {@link wanted} for the same string.
   *  Offsets outside the table have one too. */
  hashAt(offset: number): number {
    return hashUpToNul(this.bytes, offset);
  }

  wanted(name: string): WantedName {
    const bytes = Buffer.from(`${name}\0`);
    return { bytes, hash: hashUpToNul(bytes, 0) };
  }

  /** Whether the string at `offset` is `wanted`; false outside the table. */
  matches(offset: number, wanted: WantedName): boolean {
    const end = offset + wanted.bytes.length;
    return (
      end <= this.bytes.length && this.bytes.compare(wanted.bytes, 0, undefined, offset, end) === 0
    );
  }
}

/** FNV-1a over the bytes of a string. */
function hashUpToNul(bytes: Uint8Array, start: number): number {
  const end = Math.min(bytes.length, start + HASHED_BYTES);
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === 0) break;
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}
