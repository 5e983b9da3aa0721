/**
 * A relocatable object file: what a compiler makes and a linker takes. Small compared with
 * programs, so its bytes are in memory and its tables are decoded whole.
 */
import { vaddr } from '../core/address.js';
import { ByteReader } from '../core/byte-reader.js';
import { ET, GRP_COMDAT, SHF, SHT, STT } from './constants.js';
import { ElfFile } from './elf-file.js';
import { bytesInMemory, openFile, type FileBytes } from './file-bytes.js';
import { malformed } from './malformed.js';
import { readRelocations, type Relocation } from './relocations.js';
import type { Section } from './sections.js';
import type { ElfSymbol, SymbolTable } from './symbols.js';

/** Sections that are kept or dropped together. */
export interface SectionGroup {
  /** Groups of the same signature in different objects are copies of each other. */
  readonly signature: string;
  /** True when one copy stands for all (GRP_COMDAT): inline functions, templates, vtables. */
  readonly isComdat: boolean;
  readonly members: readonly Section[];
}

/**
 * Reads an object file into memory.
 * @param machine the `e_machine` it must have
 * @throws HcrError `malformed-file` when it is damaged or no object file of this machine
 */
export function openObjectFile(path: string, machine: number, what = path): ObjectFile {
  using file = openFile(path);
  return readObjectFile(bytesInMemory(file.read(0, file.sizeBytes), what), machine, what);
}

/** As {@link openObjectFile}, of bytes that are borrowed for as long as the result is used. */
export function readObjectFile(bytes: FileBytes, machine: number, what: string): ObjectFile {
  return new ObjectFile(new ElfFile(bytes, what), machine);
}

/** Each method that reads `@throws HcrError malformed-file` when what it reads is damaged. */
export class ObjectFile {
  readonly elf: ElfFile;
  readonly symbols: SymbolTable;
  /** SHT_GROUP sections, in order. */
  readonly groups: readonly SectionGroup[];
  /** By index; entry 0 is the null section. Behind those of the file comes one for each common
   *  symbol, as a linker makes room for it. */
  readonly sections: readonly Section[];
  private readonly commons: ReadonlyMap<number, ElfSymbol>;
  private readonly relocationSections: ReadonlyMap<number, readonly Section[]>;
  private readonly relocations = new Map<number, readonly Relocation[]>();
  private symbolsBySection: ReadonlyMap<number, readonly ElfSymbol[]> | undefined;

  constructor(elf: ElfFile, machine: number) {
    const { type, machine: actual } = elf.header;
    if (type !== ET.REL) throw malformed(elf.what, 'it is not a relocatable object file');
    if (actual !== machine) {
      throw malformed(elf.what, `it is for machine ${actual}, not for ${machine}`);
    }
    this.elf = elf;
    this.symbols = elf.symbols();
    const commons = [...this.symbols].filter(({ home }) => home === 'common');
    this.sections = [
      ...elf.sections,
      ...commons.map((symbol, i) => sectionForCommon(symbol, elf.sections.length + i)),
    ];
    this.commons = new Map(
      commons.map((symbol, i) => [symbol.index, inSection(symbol, elf.sections.length + i)]),
    );
    this.relocationSections = relocationSectionsByTarget(elf);
    this.groups = elf.sections
      .filter((section) => section.type === SHT.GROUP)
      .map((section) => readGroup(elf, this.symbols, section));
  }

  /** Names the file in messages. */
  get what(): string {
    return this.elf.what;
  }

  /** A symbol that a relocation names; a common one as defined in the section made for it. */
  symbolAt(index: number): ElfSymbol {
    return this.commons.get(index) ?? this.symbols.at(index);
  }

  /** The section that a symbol is defined in. */
  sectionOf({ home, sectionIndex }: ElfSymbol): Section | undefined {
    return home === 'section' ? this.sections[sectionIndex] : undefined;
  }

  /** The sections that hold code, in order. With `-ffunction-sections` one per function. */
  get functionSections(): readonly Section[] {
    return this.sections.filter(
      ({ flags }) => (flags & SHF.ALLOC) !== 0 && (flags & SHF.EXECINSTR) !== 0,
    );
  }

  /** Unrelocated, inflated when compressed, empty for NOBITS. Must not be written. */
  bytesOf(section: Section): Uint8Array {
    return this.elf.sectionBytes(section);
  }

  /** The relocations of a section, by ascending offset; those at one offset as they stand.
   *  Every offset lies within the section and every symbol in the table. */
  relocationsOf(section: Section): readonly Relocation[] {
    const known = this.relocations.get(section.index);
    if (known) return known;
    const read = this.readRelocationsOf(section);
    this.relocations.set(section.index, read);
    return read;
  }

  /** The symbols defined in a section, in table order, without the section's own symbol. */
  symbolsIn(section: Section): readonly ElfSymbol[] {
    this.symbolsBySection ??= groupBySection([...this.symbols, ...this.commons.values()]);
    return this.symbolsBySection.get(section.index) ?? [];
  }

  /** The group that a section belongs to. */
  groupOf(section: Section): SectionGroup | undefined {
    if ((section.flags & SHF.GROUP) === 0) return undefined;
    return this.groups.find((group) => group.members.includes(section));
  }

  private readRelocationsOf(section: Section): readonly Relocation[] {
    const what = `${this.what} (relocations of ${section.name})`;
    const all = (this.relocationSections.get(section.index) ?? []).flatMap((table) => {
      if (table.type === SHT.REL)
        throw malformed(what, 'relocations without addend are unsupported');
      return readRelocations(this.bytesOf(table), this.elf.header.littleEndian, what);
    });
    // Offsets count in the inflated bytes.
    const sizeBytes = all.length === 0 ? 0 : this.bytesOf(section).length;
    for (const { offset, symbolIndex } of all) {
      if (offset >= sizeBytes) throw malformed(what, `one is at ${offset} of ${sizeBytes} bytes`);
      // Symbol 0 needs no table: it stands for no symbol.
      if (symbolIndex !== 0 && symbolIndex >= this.symbols.count) {
        throw malformed(what, `one is against symbol ${symbolIndex} of ${this.symbols.count}`);
      }
    }
    return all.sort((a, b) => a.offset - b.offset);
  }
}

/** @see gABI 4 "Symbol Table", SHN_COMMON: the value is the alignment */
function sectionForCommon({ value, sizeBytes, name }: ElfSymbol, index: number): Section {
  return {
    index,
    name: `COMMON.${name}`,
    type: SHT.NOBITS,
    flags: SHF.ALLOC | SHF.WRITE,
    address: vaddr(0),
    offset: 0,
    sizeBytes,
    link: 0,
    info: 0,
    alignment: Math.max(1, value),
    entrySizeBytes: 0,
  };
}

function inSection(symbol: ElfSymbol, sectionIndex: number): ElfSymbol {
  return { ...symbol, home: 'section', sectionIndex, value: 0, type: STT.OBJECT };
}

function relocationSectionsByTarget(elf: ElfFile): ReadonlyMap<number, readonly Section[]> {
  const byTarget = new Map<number, Section[]>();
  for (const section of elf.sections) {
    if (section.type !== SHT.RELA && section.type !== SHT.REL) continue;
    const tables = byTarget.get(section.info);
    if (tables) tables.push(section);
    else byTarget.set(section.info, [section]);
  }
  return byTarget;
}

/** @see gABI 4 "Section Groups" */
function readGroup(elf: ElfFile, symbols: SymbolTable, section: Section): SectionGroup {
  const bytes = elf.sectionBytes(section);
  const reader = new ByteReader(bytes, elf.header.littleEndian, `${elf.what} (${section.name})`);
  const flags = reader.u32();
  const members: Section[] = [];
  while (reader.remaining >= 4) members.push(elf.sectionAt(reader.u32()));
  const symbol = symbols.at(section.info);
  // A group may be named by the section symbol of a section, which has the section's name.
  const signature =
    symbol.type === STT.SECTION ? elf.sectionAt(symbol.sectionIndex).name : symbol.name;
  return { signature, isComdat: (flags & GRP_COMDAT) !== 0, members };
}

function groupBySection(symbols: Iterable<ElfSymbol>): ReadonlyMap<number, readonly ElfSymbol[]> {
  const bySection = new Map<number, ElfSymbol[]>();
  for (const symbol of symbols) {
    if (symbol.home !== 'section' || symbol.type === STT.SECTION) continue;
    const known = bySection.get(symbol.sectionIndex);
    if (known) known.push(symbol);
    else bySection.set(symbol.sectionIndex, [symbol]);
  }
  return bySection;
}
