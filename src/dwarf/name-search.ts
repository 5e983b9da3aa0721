/**
 * Which units of a file use a name, without reading their entries: the name is looked up among the
 * strings, and its offset among the bytes of `.debug_info`. That may find a unit too many, for the
 * same bytes can mean something else; it overlooks none.
 *
 * The searches run in native code, and go through a hundred megabytes in a fraction of a second.
 * @see DWARF 5, 7.5.5 (string) and 7.26 (string offsets)
 */
import type { DebugSection, DebugSections } from './debug-sections.js';
import type { UnitDies } from './unit-dies.js';
import type { UnitHeader } from './unit-header.js';
import type { UnitSection } from './unit-section.js';

/** The first version with strings by number. */
const FIRST_INDEXED = 5;

/** Read at a time, when no unit is larger. */
const WINDOW_BYTES = 8 << 20;

/** A shorter name may stand among the entries themselves, where its offset would take as much. */
const SHORTEST_STORED = 4;

/** @param units those of one section
 *  @param sections of the file that the section is in
 *  @throws HcrError `malformed-file` */
export function findUnitsNaming(
  names: readonly string[],
  units: UnitSection,
  sections: DebugSections,
): readonly UnitDies[] {
  const { info } = units;
  const strings = sections.section('.debug_str');
  const texts = names.map((name) => Buffer.from(`${name}\0`));
  const offsets = strings === undefined ? [] : offsetsOf(texts, wholeOf(strings));
  const inline = texts.filter((text) => text.length <= SHORTEST_STORED);
  const patterns = [...offsets.flatMap((offset) => encoded(offset, info)), ...inline];
  const found = new Set<UnitHeader>();
  for (const window of windowsOf(units.headers())) {
    const start = window[0]?.offset ?? 0;
    const end = (window.at(-1)?.offset ?? 0) + (window.at(-1)?.sizeBytes ?? 0);
    const bytes = bufferOf(info.bytes(start, end - start));
    for (const pattern of patterns) {
      let at = bytes.indexOf(pattern);
      while (at >= 0) {
        const header = window.findLast(({ offset }) => offset - start <= at);
        if (header !== undefined) found.add(header);
        const next = header === undefined ? at + 1 : header.offset - start + header.sizeBytes;
        at = bytes.indexOf(pattern, Math.max(next, at + 1));
      }
    }
  }
  for (const header of indexedUnits(offsets, units, sections)) found.add(header);
  return [...found].filter(({ unitType }) => unitType !== 0).map((header) => units.enter(header));
}

/** Units that name their strings by number. */
function indexedUnits(
  offsets: readonly number[],
  units: UnitSection,
  sections: DebugSections,
): UnitHeader[] {
  const table = sections.section('.debug_str_offsets');
  if (table === undefined || offsets.length === 0) return [];
  const bytes = wholeOf(table);
  const places = offsets.flatMap((offset) =>
    encoded(offset, table).flatMap((pattern) => placesOf(pattern, bytes)),
  );
  if (places.length === 0) return [];
  const bases = units
    .headers()
    .filter(({ encoding }) => encoding.version >= FIRST_INDEXED)
    .map((header) => ({ header, base: units.enter(header).strOffsetsBase }));
  const starts = [...new Set(bases.map(({ base }) => base))].sort((a, b) => a - b);
  const wanted = new Set(places.map((place) => starts.findLast((start) => start <= place)));
  return bases.filter(({ base }) => wanted.has(base)).map(({ header }) => header);
}

/** Where each text is in a section of strings; linkers let one string be the end of another. */
function offsetsOf(texts: readonly Buffer[], strings: Buffer): number[] {
  return texts.flatMap((text) => placesOf(text, strings));
}

function placesOf(pattern: Buffer, bytes: Buffer): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(pattern); at >= 0; at = bytes.indexOf(pattern, at + 1)) {
    places.push(at);
  }
  return places;
}

/** Of an offset of 8 bytes the lower four are enough to find it by. */
function encoded(offset: number, section: DebugSection): Buffer[] {
  const bytes = Buffer.alloc(4);
  if (offset >= 2 ** 32) return [];
  if (section.littleEndian) bytes.writeUInt32LE(offset);
  else bytes.writeUInt32BE(offset);
  return [bytes];
}

function* windowsOf(headers: readonly UnitHeader[]): IterableIterator<UnitHeader[]> {
  let window: UnitHeader[] = [];
  let sizeBytes = 0;
  for (const header of headers) {
    if (sizeBytes > 0 && sizeBytes + header.sizeBytes > WINDOW_BYTES) {
      yield window;
      window = [];
      sizeBytes = 0;
    }
    window.push(header);
    sizeBytes += header.sizeBytes;
  }
  if (window.length > 0) yield window;
}

function wholeOf(section: DebugSection): Buffer {
  return bufferOf(section.bytes(0, section.sizeBytes));
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
