/**
 * Notes: small records that tools leave for each other, such as the build id.
 *
 * @see gABI 5 "Note Section"; Linux Extensions to gABI for NT_GNU_PROPERTY_TYPE_0
 */
import { alignUp } from '../core/address.js';
import { ByteReader } from '../core/byte-reader.js';
import { ELF64, NT_GNU_BUILD_ID, NT_GNU_PROPERTY_TYPE_0 } from './constants.js';

export interface Note {
  /** Who defines the type: `GNU`, `stapsdt`. */
  readonly owner: string;
  readonly type: number;
  /** A view on the bytes the notes were read from. */
  readonly description: Uint8Array;
}

/**
 * @param bytes one note section or segment, borrowed
 * @param alignment of that section or segment: 8 makes the notes 8-aligned, all else 4
 * @throws HcrError `malformed-file` when a note goes past the end
 */
export function readNotes(
  bytes: Uint8Array,
  alignment: number,
  littleEndian: boolean,
  what: string,
): Note[] {
  const align = alignment === 8 ? 8 : 4;
  const reader = new ByteReader(bytes, littleEndian, what);
  const notes: Note[] = [];
  while (reader.remaining >= ELF64.NHDR) {
    const ownerBytes = reader.u32();
    const descriptionBytes = reader.u32();
    const type = reader.u32();
    const owner = Buffer.from(reader.take(ownerBytes)).toString('latin1').replace(/\0+$/, '');
    reader.seek(Math.min(bytes.length, alignUp(reader.offset, align)));
    const description = reader.take(descriptionBytes);
    reader.seek(Math.min(bytes.length, alignUp(reader.offset, align)));
    notes.push({ owner, type, description });
  }
  return notes;
}

/** The build id in hexadecimal, as debuggers name files by it. */
export function buildIdOf(notes: Iterable<Note>): string | undefined {
  for (const note of notes) {
    if (note.owner === 'GNU' && note.type === NT_GNU_BUILD_ID && note.description.length > 0) {
      return Buffer.from(note.description).toString('hex');
    }
  }
  return undefined;
}

/**
 * The GNU properties by their type; what they mean is partly the machine's.
 * @throws HcrError `malformed-file` when a property goes past the end of its note
 */
export function gnuPropertiesOf(
  notes: Iterable<Note>,
  littleEndian: boolean,
  what: string,
): ReadonlyMap<number, Uint8Array> {
  const properties = new Map<number, Uint8Array>();
  for (const note of notes) {
    if (note.owner !== 'GNU' || note.type !== NT_GNU_PROPERTY_TYPE_0) continue;
    const reader = new ByteReader(note.description, littleEndian, what);
    while (reader.remaining >= 8) {
      const type = reader.u32();
      properties.set(type, reader.take(reader.u32()));
      reader.seek(Math.min(note.description.length, alignUp(reader.offset, 8)));
    }
  }
  return properties;
}
