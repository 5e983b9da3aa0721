/**
 * Abbreviations: the shapes that the entries of a unit can have. Each entry in `.debug_info`
 * begins with the code of one.
 *
 * A table is parsed only as far as it has been asked for. To look at the root entry of a thousand
 * units takes the first abbreviation of each table, not the other hundred.
 * @see DWARF 5, 7.5.3
 */
import { ByteReader } from '../core/byte-reader.js';
import { DW_FORM } from './constants.js';
import type { DebugSection } from './debug-sections.js';
import { readUleb128, readWideSleb128 } from './leb128.js';
import { ReadBudget } from './read-budget.js';

export interface AttributeSpec {
  readonly name: number;
  readonly form: number;
  /** The value itself, for `DW_FORM_implicit_const`. */
  readonly implicitConst: number | bigint;
}

export interface Abbrev {
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly attributes: readonly AttributeSpec[];
}

/** All tables of a file. */
export class AbbrevTables {
  private readonly tables = new Map<number, AbbrevTable>();
  private readonly section: DebugSection;
  private readonly budget: ReadBudget;
  private bytesOnce: Uint8Array | undefined;

  constructor(section: DebugSection) {
    this.section = section;
    this.budget = new ReadBudget(section.what, section.sizeBytes);
  }

  /** @param offset where the table starts in `.debug_abbrev`
   *  @throws HcrError `malformed-file` when that is outside the section */
  at(offset: number): AbbrevTable {
    let table = this.tables.get(offset);
    if (table === undefined) {
      const { littleEndian, what } = this.section;
      const reader = new ByteReader(this.bytes(), littleEndian, what).seek(offset);
      table = new AbbrevTable(reader, this.budget);
      this.tables.set(offset, table);
    }
    return table;
  }

  /** All tables together are small: a few kilobytes for each unit. */
  private bytes(): Uint8Array {
    this.bytesOnce ??= this.section.bytes(0, this.section.sizeBytes);
    return this.bytesOnce;
  }
}

export class AbbrevTable {
  private readonly byCode = new Map<number, Abbrev>();
  private readonly reader: ByteReader;
  private readonly budget: ReadBudget;
  private complete = false;

  /** @param reader stands at the table's first byte; the table owns it. */
  constructor(reader: ByteReader, budget: ReadBudget) {
    this.reader = reader;
    this.budget = budget;
  }

  /** `undefined` when the table has no such code.
   *  @throws HcrError `malformed-file` when the table is damaged */
  find(code: number): Abbrev | undefined {
    let found = this.byCode.get(code);
    while (found === undefined && !this.complete) {
      if (this.parseNext() === code) found = this.byCode.get(code);
    }
    return found;
  }

  private parseNext(): number {
    // Stays so when what follows is damaged, so that nothing is read from its middle.
    this.complete = true;
    if (this.reader.atEnd) return 0;
    const start = this.reader.offset;
    const code = readUleb128(this.reader);
    if (code === 0) return 0;
    const tag = readUleb128(this.reader);
    const hasChildren = this.reader.u8() !== 0;
    const attributes = readAttributeSpecs(this.reader);
    this.budget.spend(this.reader.offset - start);
    // Of two with one code the first counts, as in gdb and binutils.
    if (!this.byCode.has(code)) this.byCode.set(code, { tag, hasChildren, attributes });
    this.complete = false;
    return code;
  }
}

function readAttributeSpecs(reader: ByteReader): readonly AttributeSpec[] {
  const specs: AttributeSpec[] = [];
  for (;;) {
    const name = readUleb128(reader);
    const form = readUleb128(reader);
    if (name === 0 && form === 0) return specs;
    const implicitConst = form === DW_FORM.implicit_const ? readWideSleb128(reader) : 0;
    specs.push({ name, form, implicitConst });
  }
}
