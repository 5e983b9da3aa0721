/**
 * The bytes of a section. Debug sections may be compressed, in one of two ways: with SHF_COMPRESSED
 * and a header of their own, or, before 2015, under a name that starts with `.zdebug`.
 *
 * @see gABI 4 "Section Compression"
 */
import { inflateSync } from 'node:zlib';
import { ByteReader } from '../core/byte-reader.js';
import { isHcrError } from '../core/failure.js';
import { ELF64, ELFCOMPRESS, SHF, SHT } from './constants.js';
import { MAX_READ_BYTES, type FileBytes } from './file-bytes.js';
import { malformed } from './malformed.js';
import type { Section } from './sections.js';
import { inflateZstd } from './zstd.js';

/** Deflate codes at most 258 bytes in 2 bits: a header that promises more lies. */
const MAX_DEFLATE_RATIO = 1032;
/** `ZLIB` and the inflated size in 8 bytes, big-endian whatever the file is. */
const GNU_HEADER_BYTES = 12;

export function isCompressed(section: Section): boolean {
  return (section.flags & SHF.COMPRESSED) !== 0 || isGnuCompressed(section);
}

function isGnuCompressed(section: Section): boolean {
  return section.name.startsWith('.zdebug');
}

type Inflate = (deflated: Uint8Array, sizeBytes: number, what: string) => Uint8Array;

function inflate(
  deflated: Uint8Array,
  sizeBytes: number,
  what: string,
  method: Inflate,
): Uint8Array {
  if (sizeBytes === 0) return new Uint8Array(0);
  const promise = `inflated to ${sizeBytes} bytes`;
  if (sizeBytes > MAX_READ_BYTES) throw malformed(what, `cannot be ${promise}`);
  try {
    return method(deflated, sizeBytes, what);
  } catch (cause) {
    if (isHcrError(cause)) throw cause;
    throw malformed(what, `cannot be ${promise}`, { cause });
  }
}

function inflateZlib(deflated: Uint8Array, sizeBytes: number, what: string): Uint8Array {
  if (sizeBytes > deflated.length * MAX_DEFLATE_RATIO) {
    throw malformed(what, `${deflated.length} bytes cannot be inflated to ${sizeBytes}`);
  }
  const inflated = inflateSync(deflated, {
    maxOutputLength: sizeBytes,
    chunkSize: Math.max(64, Math.min(sizeBytes, 0x100000)),
  });
  if (inflated.length !== sizeBytes) {
    throw malformed(what, `inflates to ${inflated.length} bytes, not to ${sizeBytes}`);
  }
  // Not a Buffer, whose `slice` would view where Uint8Array's copies.
  return new Uint8Array(inflated.buffer, inflated.byteOffset, inflated.length);
}

function inflateGnu(bytes: Uint8Array, what: string): Uint8Array {
  const reader = new ByteReader(bytes, false, what);
  if (reader.u32() !== 0x5a4c4942) reader.fail('no ZLIB header'); // "ZLIB"
  return inflate(bytes.subarray(GNU_HEADER_BYTES), reader.size64(), what, inflateZlib);
}

const METHODS: ReadonlyMap<number, Inflate> = new Map([
  [ELFCOMPRESS.ZLIB, inflateZlib],
  [ELFCOMPRESS.ZSTD, inflateZstd],
]);

function inflateStandard(bytes: Uint8Array, littleEndian: boolean, what: string): Uint8Array {
  const reader = new ByteReader(bytes, littleEndian, what);
  const type = reader.u32();
  const sizeBytes = reader.skip(4).size64();
  reader.skip(8); // ch_addralign
  const method = METHODS.get(type);
  if (method === undefined) throw malformed(what, `is compressed in an unknown way (${type})`);
  return inflate(bytes.subarray(ELF64.CHDR), sizeBytes, what, method);
}

/**
 * The whole section, inflated when it is compressed; empty for NOBITS.
 * @throws HcrError `malformed-file` when it lies outside the file or cannot be inflated
 */
export function readSectionBytes(
  file: FileBytes,
  section: Section,
  littleEndian: boolean,
  what: string,
): Uint8Array {
  if (section.type === SHT.NOBITS || section.type === SHT.NULL) return new Uint8Array(0);
  const bytes = file.read(section.offset, section.sizeBytes);
  const named = `${what} (section ${section.name})`;
  if ((section.flags & SHF.COMPRESSED) !== 0) return inflateStandard(bytes, littleEndian, named);
  return isGnuCompressed(section) ? inflateGnu(bytes, named) : bytes;
}

/**
 * Part of a section, without reading the rest. A compressed one has to be inflated whole each
 * time: take {@link readSectionBytes} there.
 * @throws HcrError `malformed-file` outside the section, or as {@link readSectionBytes} does
 */
export function readSectionRange(
  file: FileBytes,
  section: Section,
  range: { readonly offset: number; readonly lengthBytes: number },
  littleEndian: boolean,
  what: string,
): Uint8Array {
  const { offset, lengthBytes } = range;
  const inPlace = !isCompressed(section);
  const bytes = inPlace ? undefined : readSectionBytes(file, section, littleEndian, what);
  const sizeBytes = bytes?.length ?? (section.type === SHT.NOBITS ? 0 : section.sizeBytes);
  if (!(offset >= 0 && lengthBytes >= 0 && offset + lengthBytes <= sizeBytes)) {
    throw malformed(
      `${what} (section ${section.name})`,
      `needs ${lengthBytes} bytes at ${offset} but has ${sizeBytes}`,
    );
  }
  return (
    bytes?.subarray(offset, offset + lengthBytes) ?? file.read(section.offset + offset, lengthBytes)
  );
}
