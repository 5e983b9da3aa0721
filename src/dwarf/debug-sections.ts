/**
 * Where the DWARF readers get their bytes. An executable hands out ranges of its file, so that
 * one unit of a large `.debug_info` can be read without the rest; a compressed section comes
 * whole; a relocatable object's sections have had their relocations applied.
 */
import { ByteReader } from '../core/byte-reader.js';
import { HcrError, isHcrError } from '../core/failure.js';

export interface DebugSection {
  /** `libfoo.so .debug_str`, for error messages. */
  readonly what: string;
  readonly sizeBytes: number;
  readonly littleEndian: boolean;
  /** The bytes of a range that lies inside the section; borrowed, possibly a fresh copy.
   *  @throws HcrError `malformed-file` when the range leaves the section */
  bytes(offset: number, lengthBytes: number): Uint8Array;
}

export interface DebugSections {
  /** The file they belong to, for error messages. */
  readonly what: string;
  readonly littleEndian: boolean;
  /** `undefined` when the file has no such section. The same name gives the same object. */
  section(name: string): DebugSection | undefined;
  /** Where the program's thread-local variables are initialised, half-open. */
  readonly threadLocals?: { readonly start: number; readonly end: number } | undefined;
}

/** A section whose bytes are in memory. */
export function sectionFromBytes(
  what: string,
  bytes: Uint8Array,
  littleEndian: boolean,
): DebugSection {
  return {
    what,
    sizeBytes: bytes.length,
    littleEndian,
    bytes: (offset, lengthBytes) => {
      checkRange(what, bytes.length, offset, lengthBytes);
      return bytes.subarray(offset, offset + lengthBytes);
    },
  };
}

/** One after the other, as a linker joins sections of one name; a single one is not copied. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const [first, ...others] = parts;
  if (first !== undefined && others.length === 0) return first;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @throws HcrError `malformed-file` when the range leaves the section */
export function checkRange(
  what: string,
  sizeBytes: number,
  offset: number,
  lengthBytes: number,
): void {
  if (!(offset >= 0 && lengthBytes >= 0 && offset + lengthBytes <= sizeBytes)) {
    throw new HcrError({
      code: 'malformed-file',
      what,
      detail: `${lengthBytes} bytes at offset ${offset} of ${sizeBytes}`,
    });
  }
}

/** A reader over one range of a section. Its offsets count from the start of the range.
 *  @throws HcrError `malformed-file` when the range leaves the section */
export function readerOver(section: DebugSection, offset: number, lengthBytes: number): ByteReader {
  return new ByteReader(section.bytes(offset, lengthBytes), section.littleEndian, section.what);
}

/** How much more is read when a window was too small. */
const GROWTH = 16;

/**
 * Parses something of unknown length that starts at `offset`. `parse` is first given a window of
 * `guessBytes`; when it runs off the end of that it is called again with a larger one, so it must
 * not change anything outside itself.
 * @param limitBytes what it may take at most; without it the rest of the section
 * @throws HcrError `malformed-file` when it fails with all of that too
 */
export function parseAt<T>(
  section: DebugSection,
  offset: number,
  guessBytes: number,
  parse: (reader: ByteReader) => T,
  limitBytes = section.sizeBytes - offset,
): T {
  checkRange(section.what, section.sizeBytes, offset, limitBytes);
  for (let windowBytes = guessBytes; windowBytes < limitBytes; windowBytes *= GROWTH) {
    try {
      return parse(readerOver(section, offset, windowBytes));
    } catch (error) {
      if (!isHcrError(error, 'malformed-file')) throw error;
    }
  }
  return parse(readerOver(section, offset, limitBytes));
}
