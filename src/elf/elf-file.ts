/**
 * An ELF file, read piece by piece as it is asked for. Opening reads the header and the two
 * header tables; each method then reads the one section or segment it needs.
 */
import { crc32 } from 'node:zlib';
import type { Vaddr } from '../core/address.js';
import { PT, SHF, SHT } from './constants.js';
import {
  type DynamicEntry,
  type DynamicInfo,
  type DynamicTable,
  interpretDynamic,
  readDynamicEntries,
  tagsOf,
} from './dynamic.js';
import { readDynamicStrings, readDynamicSymbols } from './dynamic-symbols.js';
import { type FileBytes, openFile } from './file-bytes.js';
import { type ElfHeader, readHeader } from './header.js';
import { LoadedBytes } from './loaded-bytes.js';
import { malformed } from './malformed.js';
import { buildIdOf, gnuPropertiesOf, type Note, readNotes } from './notes.js';
import { readRelocations, type Relocation } from './relocations.js';
import { readSectionBytes, readSectionRange } from './section-content.js';
import { readSections, type Section } from './sections.js';
import { offsetOfVaddr, readSegments, type Segment, vaddrOfOffset } from './segments.js';
import { StringTable } from './string-table.js';
import { SymbolTable } from './symbols.js';

/** Loaded notes are a few hundred bytes. Anything larger is not what we look for. */
const MAX_NOTE_BYTES = 0x10000;
const MAX_NOTE_PIECES = 64;
/** Some ten entries per library it needs, 16 bytes each. */
const MAX_DYNAMIC_BYTES = 0x100000;
const CHECKSUM_PIECE_BYTES = 0x400000;

/** Opens a file; dispose of the result to close it.
 *  @param what names it in error messages, for paths like `/proc/7/exe`
 *  @throws HcrError `malformed-file` when it cannot be opened or its headers are damaged */
export function openElf(
  path: string,
  what = path,
  companionsOf?: (self: ElfFile) => CompanionFiles,
): ElfFile {
  const file = openFile(path);
  try {
    return new ElfFile(file, what, companionsOf);
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

/** @param bytes borrowed for as long as the result is used
 *  @throws HcrError `malformed-file` when the headers are damaged */
export function readElf(bytes: FileBytes, what: string): ElfFile {
  return new ElfFile(bytes, what);
}

/** What was split off a file and is found beside it. Each is looked for when first asked for. */
export interface CompanionFiles extends Disposable {
  /** The file that symbols and debug information were moved to. */
  separate(): ElfFile | undefined;
  /** The file that several share for what their debug information has in common (of `dwz`). */
  supplementary(): SupplementaryFile | undefined;
  /** The package of all split debug information (`.dwp`). */
  package(): ElfFile | undefined;
  /** Files that a unit's split debug information may be in (`.dwo`), the likeliest first.
   *  @param name as the unit has it @param directory in which its compiler ran */
  splitFiles(name: string, directory: string | undefined): Iterable<ElfFile>;
}

export interface SupplementaryFile {
  /** As the file that needs it has it. */
  readonly name: string;
  /** `undefined` when it is not there, or of another build. */
  readonly file: ElfFile | undefined;
}

/** Each method that reads `@throws HcrError malformed-file` when what it reads is damaged. */
export class ElfFile implements Disposable {
  readonly header: ElfHeader;
  /** By index; entry 0 is the null section. Empty when section headers are stripped. */
  readonly sections: readonly Section[];
  readonly segments: readonly Segment[];
  /** Names the file in messages. */
  readonly what: string;
  /** `undefined` for a file that stands alone, as an object does. */
  readonly companions: CompanionFiles | undefined;
  private readonly file: FileBytes & Partial<Disposable>;
  private readonly loaded: LoadedBytes;
  private readonly sectionsByName = new Map<string, Section>();
  private symbolTable: SymbolTable | undefined;
  private dynamicSymbolTable: SymbolTable | undefined;
  private dynamicInfo: DynamicInfo | undefined;

  /** Takes the file over: disposing of this closes it, and its companions.
   *  @param companionsOf finds them; must not read the file yet */
  constructor(
    file: FileBytes & Partial<Disposable>,
    what: string,
    companionsOf?: (self: ElfFile) => CompanionFiles,
  ) {
    this.file = file;
    this.what = what;
    this.header = readHeader(file, what);
    this.sections = readSections(file, this.header, what);
    this.segments = readSegments(file, this.header, what);
    this.loaded = new LoadedBytes(file, this.segments, what);
    for (const section of this.sections) {
      if (!this.sectionsByName.has(section.name)) this.sectionsByName.set(section.name, section);
    }
    this.companions = companionsOf?.(this);
  }

  [Symbol.dispose](): void {
    this.companions?.[Symbol.dispose]();
    this.file[Symbol.dispose]?.();
  }

  get sizeBytes(): number {
    return this.file.sizeBytes;
  }

  /** The first section of this name; `.debug_info` also finds an old compressed `.zdebug_info`. */
  section(name: string): Section | undefined {
    return (
      this.sectionsByName.get(name) ??
      (name.startsWith('.debug') ? this.sectionsByName.get(`.z${name.slice(1)}`) : undefined)
    );
  }

  /** The whole section, inflated when it is compressed, empty for NOBITS. Read anew each time;
   *  the caller owns the bytes but must not write them. */
  sectionBytes(section: Section): Uint8Array {
    return readSectionBytes(this.file, section, this.header.littleEndian, this.what);
  }

  /** `lengthBytes` bytes from `offset` within the section, read alone unless it is compressed. */
  sectionRange(section: Section, offset: number, lengthBytes: number): Uint8Array {
    const range = { offset, lengthBytes };
    return readSectionRange(this.file, section, range, this.header.littleEndian, this.what);
  }

  /** `.symtab`; that of the separate debug file when it was stripped; without any symbol when there
   *  is none either. Read once. */
  symbols(): SymbolTable {
    const isStripped = !this.sections.some(({ type }) => type === SHT.SYMTAB);
    this.symbolTable ??=
      (isStripped ? this.companions?.separate()?.symbols() : undefined) ??
      this.readSymbolSection(SHT.SYMTAB);
    return this.symbolTable;
  }

  /** A checksum of the whole file, as `.gnu_debuglink` has it of the file that it names. */
  crc32(): number {
    let crc = 0;
    for (let at = 0; at < this.sizeBytes; at += CHECKSUM_PIECE_BYTES) {
      const lengthBytes = Math.min(CHECKSUM_PIECE_BYTES, this.sizeBytes - at);
      crc = crc32(this.file.read(at, lengthBytes), crc);
    }
    return crc;
  }

  /** `.dynsym` with its versions, found as the loader finds it. Read once. */
  dynamicSymbols(): SymbolTable {
    const tags = tagsOf(this.dynamic().entries);
    const { littleEndian } = this.header;
    // An executable that exports nothing has a hash table that counts nothing.
    this.dynamicSymbolTable ??= readDynamicSymbols(this.loaded, tags, littleEndian, this.what, () =>
      this.dynamicRelocations().reduce(
        (count, { symbolIndex }) => Math.max(count, symbolIndex + 1),
        0,
      ),
    );
    return this.dynamicSymbolTable;
  }

  /** Without any entry in files that are not dynamically linked. Read once. */
  dynamic(): DynamicInfo {
    if (!this.dynamicInfo) {
      const entries = this.readDynamic();
      const strings = readDynamicStrings(this.loaded, tagsOf(entries), this.what);
      this.dynamicInfo = interpretDynamic(entries, strings, this.what);
    }
    return this.dynamicInfo;
  }

  /** The relocations of DT_RELA, then those of DT_JMPREL; offsets are virtual addresses, symbols
   *  those of {@link dynamicSymbols}. DT_RELR, which only moves addresses, is left out. A static
   *  program relocates itself by the tables that it has in memory. */
  dynamicRelocations(): Relocation[] {
    const { relocationTable, pltRelocationTable, entries } = this.dynamic();
    if (entries.length === 0) return this.ownRelocations();
    const read = (table: DynamicTable | undefined): Relocation[] =>
      table
        ? readRelocations(
            this.loaded.readStored(table.address, table.sizeBytes),
            this.header.littleEndian,
            `${this.what} (dynamic relocations)`,
          )
        : [];
    return read(relocationTable).concat(read(pltRelocationTable));
  }

  private ownRelocations(): Relocation[] {
    return this.sections
      .filter(({ type, flags }) => type === SHT.RELA && (flags & SHF.ALLOC) !== 0)
      .flatMap((section) =>
        readRelocations(
          this.sectionBytes(section),
          this.header.littleEndian,
          `${this.what} (${section.name})`,
        ),
      );
  }

  /** In hexadecimal; `undefined` when the file was linked without one. */
  buildId(): string | undefined {
    return buildIdOf(this.notes());
  }

  /** By type; see the machine's psABI for those above GNU_PROPERTY_LOPROC. */
  gnuProperties(): ReadonlyMap<number, Uint8Array> {
    return gnuPropertiesOf(this.notes(), this.header.littleEndian, `${this.what} (GNU properties)`);
  }

  /** Bytes as a loader would place them, unrelocated, with zeros for `.bss`. All must be within
   *  one segment. */
  readAtVaddr(address: Vaddr, lengthBytes: number): Uint8Array {
    return this.loaded.read(address, lengthBytes);
  }

  /** Where the byte at a file offset is loaded; `undefined` when it is not. */
  vaddrOfOffset(offset: number): Vaddr | undefined {
    return vaddrOfOffset(this.segments, offset);
  }

  /** Where in the file the byte loaded at `address` is; `undefined` for zeros that no file holds. */
  offsetOfVaddr(address: Vaddr): number | undefined {
    return offsetOfVaddr(this.segments, address);
  }

  /** The section at `index`, for links between sections. */
  sectionAt(index: number): Section {
    const section = this.sections[index];
    if (!section) throw malformed(this.what, `there is no section ${index}`);
    return section;
  }

  private readSymbolSection(type: number): SymbolTable {
    const section = this.sections.find((s) => s.type === type);
    const extended =
      section && this.sections.find((s) => s.type === SHT.SYMTAB_SHNDX && s.link === section.index);
    const empty = new Uint8Array(0);
    const what = `${this.what} (${section?.name ?? 'no symbols'})`;
    return new SymbolTable({
      bytes: section ? this.sectionBytes(section) : empty,
      strings: new StringTable(
        section ? this.sectionBytes(this.sectionAt(section.link)) : empty,
        what,
      ),
      extendedIndices: extended && this.sectionBytes(extended),
      littleEndian: this.header.littleEndian,
      what,
    });
  }

  private readDynamic(): DynamicEntry[] {
    const segment = this.segments.find((s) => s.type === PT.DYNAMIC);
    if (!segment) return [];
    // In a file of debug information alone the segment is still there but its bytes are not.
    const isAbsent = this.sections.some(
      (s) => s.type === SHT.NOBITS && s.name === '.dynamic' && s.address === segment.address,
    );
    if (isAbsent) return [];
    const what = `${this.what} (dynamic section)`;
    if (segment.fileSizeBytes > MAX_DYNAMIC_BYTES) {
      throw malformed(what, `it has ${segment.fileSizeBytes} bytes`);
    }
    const bytes = this.file.read(segment.offset, segment.fileSizeBytes);
    return readDynamicEntries(bytes, this.header.littleEndian, what);
  }

  /** The notes of loaded sections or, without section headers, of segments. A file that is never
   *  loaded has others. */
  private notes(): Note[] {
    const all = this.sections.filter(({ type }) => type === SHT.NOTE);
    const loaded = all.filter(({ flags }) => (flags & SHF.ALLOC) !== 0);
    const inSections = this.segments.length === 0 ? all : loaded;
    const inSegments = this.segments
      .filter(({ type }) => type === PT.NOTE)
      .map((segment) => ({ ...segment, sizeBytes: segment.fileSizeBytes }));
    return (inSections.length > 0 ? inSections : inSegments)
      .filter(({ sizeBytes }) => sizeBytes <= MAX_NOTE_BYTES)
      .slice(0, MAX_NOTE_PIECES)
      .flatMap(({ offset, sizeBytes, alignment }) => {
        const bytes = this.file.read(offset, sizeBytes);
        return readNotes(bytes, alignment, this.header.littleEndian, `${this.what} (notes)`);
      });
  }
}
