/**
 * Text that attributes refer to by offset. Names repeat, so each is decoded once; the sections
 * are large, so they are read in pieces, as far as they are used.
 * @see DWARF 5, 7.5.5 (string) and 7.26 (string offsets)
 */
import { type DebugSection, type DebugSections, parseAt, readerOver } from './debug-sections.js';
import type { Encoding, TextSection } from './form.js';
import { readOffset } from './form.js';
import { ReadBudget } from './read-budget.js';

const PIECE_BYTES = 1 << 16;

export class StringTables {
  private readonly sections: DebugSections;
  private readonly tables = new Map<TextSection, StringTable>();

  constructor(sections: DebugSections) {
    this.sections = sections;
  }

  /** `undefined` when the file has no such section.
   *  @throws HcrError `malformed-file` when the offset is outside it */
  text(name: TextSection, offset: number): string | undefined {
    let table = this.tables.get(name);
    if (table === undefined) {
      const section = this.sections.section(name);
      if (section === undefined) return undefined;
      table = new StringTable(section);
      this.tables.set(name, table);
    }
    return table.text(offset);
  }

  /** The text with this number in a unit's part of `.debug_str_offsets`, which starts at `base`.
   *  @throws HcrError `malformed-file` when either offset is outside its section */
  indexed(index: number, base: number, encoding: Encoding): string | undefined {
    const offsets = this.sections.section('.debug_str_offsets');
    if (offsets === undefined) return undefined;
    const at = base + index * encoding.offsetBytes;
    const reader = readerOver(offsets, at, encoding.offsetBytes);
    return this.text('.debug_str', readOffset(reader, encoding));
  }
}

class StringTable {
  private readonly section: DebugSection;
  private readonly budget: ReadBudget;
  private readonly decoded = new Map<number, string>();
  private readonly pieces = new Map<number, Uint8Array>();

  constructor(section: DebugSection) {
    this.section = section;
    this.budget = new ReadBudget(section.what, section.sizeBytes);
  }

  text(offset: number): string {
    let text = this.decoded.get(offset);
    if (text === undefined) {
      text = this.decode(offset);
      this.budget.spend(text.length);
      this.decoded.set(offset, text);
    }
    return text;
  }

  private decode(offset: number): string {
    const start = Math.floor(offset / PIECE_BYTES) * PIECE_BYTES;
    const piece = this.piece(start);
    const end = piece.indexOf(0, offset - start);
    if (end >= 0) return utf8.decode(piece.subarray(offset - start, end));
    return parseAt(this.section, offset, PIECE_BYTES, (reader) => reader.cstring());
  }

  private piece(start: number): Uint8Array {
    let piece = this.pieces.get(start);
    if (piece === undefined) {
      const lengthBytes = Math.min(PIECE_BYTES, this.section.sizeBytes - start);
      piece = this.section.bytes(start, lengthBytes);
      this.pieces.set(start, piece);
    }
    return piece;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: false });
