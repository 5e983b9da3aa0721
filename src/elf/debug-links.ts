/**
 * Where a file says that its debug information is, when it is not in the file itself.
 *
 * @see gdb manual, "Debugging Information in Separate Files"; DWARF 5, 7.3.6 for `.debug_sup`
 */
import { ByteReader } from '../core/byte-reader.js';
import type { ElfFile } from './elf-file.js';

/** What `.gnu_debuglink` says. */
export interface DebugLink {
  /** A file name without directories. */
  readonly name: string;
  readonly crc: number;
}

/** What `.gnu_debugaltlink` or `.debug_sup` says. */
export interface SupplementaryLink {
  /** A path, perhaps relative to the folder of the file that has the link. */
  readonly path: string;
  /** In hexadecimal: its build id or, of DWARF 5, the checksum in its own `.debug_sup`. */
  readonly id: string;
}

/** A path and a checksum. */
const MAX_LINK_BYTES = 0x2000;

/** `undefined` without one, and for a name that would lead out of the folder.
 *  @throws HcrError `malformed-file` */
export function readDebugLink(file: ElfFile): DebugLink | undefined {
  const reader = readerOf(file, '.gnu_debuglink');
  if (reader === undefined) return undefined;
  const name = reader.cstring();
  reader.seek(Math.ceil(reader.offset / 4) * 4);
  const crc = reader.u32();
  const isPlain = name !== '' && name !== '.' && name !== '..' && !name.includes('/');
  return isPlain ? { name, crc } : undefined;
}

/** `undefined` without one.
 *  @throws HcrError `malformed-file` */
export function readSupplementaryLink(file: ElfFile): SupplementaryLink | undefined {
  const gnu = readerOf(file, '.gnu_debugaltlink');
  if (gnu !== undefined) {
    const path = gnu.cstring();
    return { path, id: hex(gnu.take(gnu.remaining)) };
  }
  const standard = readSupplement(file);
  return standard?.isSupplementary === false ? standard : undefined;
}

/** What identifies a file to those that share it; see {@link SupplementaryLink.id}.
 *  @throws HcrError `malformed-file` */
export function supplementaryId(file: ElfFile): string | undefined {
  const standard = readSupplement(file);
  return standard?.isSupplementary === true ? standard.id : file.buildId();
}

function readSupplement(
  file: ElfFile,
): (SupplementaryLink & { readonly isSupplementary: boolean }) | undefined {
  const reader = readerOf(file, '.debug_sup');
  if (reader === undefined) return undefined;
  reader.skip(2); // version
  const isSupplementary = reader.u8() !== 0;
  const path = reader.cstring();
  // The length of the checksum is a LEB128 number: no checksum needs more than its first byte.
  const lengthBytes = reader.u8();
  return { isSupplementary, path, id: hex(reader.take(lengthBytes)) };
}

function readerOf(file: ElfFile, name: string): ByteReader | undefined {
  const section = file.section(name);
  if (section === undefined) return undefined;
  const lengthBytes = Math.min(section.sizeBytes, MAX_LINK_BYTES);
  const what = `${file.what} (section ${name})`;
  return new ByteReader(file.sectionRange(section, 0, lengthBytes), file.header.littleEndian, what);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
