/**
 * The header of a line table: the directories and files that a unit's numbers stand for, and how
 * its line program is to be read.
 *
 * Before version 5 the compilation directory and the unit's own file were left out and numbers
 * began at 1; here they are put back at 0, so that every version is numbered alike.
 * @see DWARF 5, 6.2.4; DWARF 4, 6.2.4
 */
import type { ByteReader } from '../core/byte-reader.js';
import { DW_AT, DW_LNCT } from './constants.js';
import { type DebugSection, type DebugSections, readerOver } from './debug-sections.js';
import type { Die, DieOwner } from './die.js';
import { type Encoding, readForm, readOffset } from './form.js';
import { readUleb128 } from './leb128.js';
import { ReadBudget } from './read-budget.js';
import { readInitialLength } from './unit-header.js';

export interface LineFile {
  /** As the compiler was given it: absolute, or relative to its directory. */
  readonly name: string;
  readonly directoryIndex: number;
}

export interface LineHeader {
  readonly version: number;
  /** Number 0 is the compilation directory. Others may be relative to it. */
  readonly directories: readonly string[];
  readonly files: readonly LineFile[];
  /** Where the line program is in `.debug_line`. */
  readonly programOffset: number;
  readonly programBytes: number;
  readonly minimumInstructionBytes: number;
  readonly maximumOperations: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** How many LEB128 operands each standard opcode has; that of opcode 1 is first. */
  readonly operandCounts: Uint8Array;
}

/** The unit that a line table belongs to. */
export interface LineOwner extends DieOwner {
  readonly root: Die;
}

/** Enough for everything up to and including the header's own length, in the 64-bit format. */
const PREFIX_BYTES = 24;

/** All line tables of a file, each header read once. */
export class LineHeaders {
  private readonly sections: DebugSections;
  /** By offset and by what the unit adds to it. */
  private readonly headers = new Map<string, LineHeader>();
  private budget: ReadBudget | undefined;

  constructor(sections: DebugSections) {
    this.sections = sections;
  }

  /** `undefined` when the file has no line tables, or this one is of a version hcr can't read.
   *  @throws HcrError `malformed-file` */
  at(offset: number, unit: LineOwner): LineHeader | undefined {
    // A type unit shares the table of the unit it was part of, but may not say where that was.
    const { root } = unit;
    const key = `${offset} ${root.text(DW_AT.comp_dir) ?? ''}\0${root.text(DW_AT.name) ?? ''}`;
    const known = this.headers.get(key);
    if (known !== undefined) return known;
    const section = this.sections.section('.debug_line');
    if (section === undefined) return undefined;
    this.budget ??= new ReadBudget(section.what, section.sizeBytes);
    const header = readLineHeader(section, offset, unit, this.budget);
    if (header !== undefined) this.headers.set(key, header);
    return header;
  }
}

/** The path of a file by its number in the unit: absolute when the compilation directory is.
 *  Not normalised. `undefined` when there is no such file. */
export function pathOfFile(header: LineHeader, index: number): string | undefined {
  const file = header.files[index];
  if (file === undefined) return undefined;
  const directory = header.directories[file.directoryIndex];
  const inDirectory = joinPath(directory, file.name);
  return file.directoryIndex === 0 ? inDirectory : joinPath(header.directories[0], inDirectory);
}

function joinPath(directory: string | undefined, name: string): string {
  if (name.startsWith('/') || directory === undefined || directory === '') return name;
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}

function readLineHeader(
  section: DebugSection,
  offset: number,
  unit: LineOwner,
  budget: ReadBudget,
): LineHeader | undefined {
  const available = Math.max(0, section.sizeBytes - offset);
  const prefix = readerOver(section, offset, Math.min(PREFIX_BYTES, available));
  const { sizeBytes, offsetBytes } = readInitialLength(prefix);
  if (sizeBytes > available) prefix.fail(`a table of ${sizeBytes} bytes where ${available} are`);
  const version = prefix.u16();
  if (version < 2 || version > 5) return undefined;
  const addressBytes = version >= 5 ? prefix.u8() : unit.header.encoding.addressBytes;
  if (version >= 5) prefix.skip(1); // segment selector size
  const encoding: Encoding = { version, addressBytes, offsetBytes };
  const headerBytes = readOffset(prefix, encoding);
  const programStart = prefix.offset + headerBytes;
  if (programStart > sizeBytes) prefix.fail('a line table header longer than its table');
  budget.spend(programStart);

  const reader = readerOver(section, offset, programStart).seek(prefix.offset);
  const minimumInstructionBytes = reader.u8();
  const maximumOperations = version >= 4 ? reader.u8() : 1;
  reader.skip(1); // default_is_stmt
  const lineBase = reader.i8();
  const lineRange = reader.u8();
  const opcodeBase = reader.u8();
  if (opcodeBase === 0) reader.fail('a line table whose opcodes start at 0');
  const operandCounts = reader.take(opcodeBase - 1);
  const names =
    version >= 5 ? readEntryTables(reader, encoding, unit) : readOldTables(reader, unit);
  return {
    version,
    ...names,
    programOffset: offset + programStart,
    programBytes: sizeBytes - programStart,
    minimumInstructionBytes,
    maximumOperations: Math.max(1, maximumOperations),
    lineBase,
    lineRange,
    opcodeBase,
    operandCounts,
  };
}

type Names = Pick<LineHeader, 'directories' | 'files'>;

function readOldTables(reader: ByteReader, unit: LineOwner): Names {
  const directories = [unit.root.text(DW_AT.comp_dir) ?? ''];
  for (let name = reader.cstring(); name !== ''; name = reader.cstring()) directories.push(name);
  const files: LineFile[] = [{ name: unit.root.text(DW_AT.name) ?? '', directoryIndex: 0 }];
  for (let name = reader.cstring(); name !== ''; name = reader.cstring()) {
    files.push({ name, directoryIndex: readUleb128(reader) });
    readUleb128(reader); // modification time
    readUleb128(reader); // length
  }
  return { directories, files };
}

function readEntryTables(reader: ByteReader, encoding: Encoding, unit: LineOwner): Names {
  const directories = readEntryTable(reader, encoding, unit).map((entry) => entry.name);
  return { directories, files: readEntryTable(reader, encoding, unit) };
}

/** @see DWARF 5, 6.2.4.1 */
function readEntryTable(reader: ByteReader, encoding: Encoding, unit: LineOwner): LineFile[] {
  const formats: { readonly content: number; readonly form: number }[] = [];
  for (let left = reader.u8(); left > 0; left--) {
    formats.push({ content: readUleb128(reader), form: readUleb128(reader) });
  }
  const count = readUleb128(reader);
  const entries: LineFile[] = [];
  for (let index = 0; index < count; index++) {
    const start = reader.offset;
    let name = '';
    let directoryIndex = 0;
    for (const { content, form } of formats) {
      const value = readForm(reader, form, encoding, 0);
      if (content === DW_LNCT.path) name = unit.textOf(value) ?? '';
      if (content === DW_LNCT.directory_index && value.kind === 'constant') {
        directoryIndex = Number(value.value);
      }
    }
    if (reader.offset === start) reader.fail(`${count} entries of no bytes`);
    entries.push({ name, directoryIndex });
  }
  return entries;
}
