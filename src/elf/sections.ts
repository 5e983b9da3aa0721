/** The section header table. */
import { vaddr, type Vaddr } from '../core/address.js';
import { ByteReader } from '../core/byte-reader.js';
import { ELF64, SHN, SHT } from './constants.js';
import type { FileBytes } from './file-bytes.js';
import type { ElfHeader } from './header.js';
import { keptStrings } from './kept-strings.js';
import { malformed } from './malformed.js';
import { StringTable } from './string-table.js';

export interface Section {
  readonly index: number;
  readonly name: string;
  /** `sh_type`, one of SHT. */
  readonly type: number;
  /** The lower 32 bits of `sh_flags`, bits of SHF; the upper ones have no meaning yet. */
  readonly flags: number;
  /** 0 in object files and in sections that are not loaded. */
  readonly address: Vaddr;
  /** In bytes from the start of the file. */
  readonly offset: number;
  /** In the file as it stands: of a compressed section the compressed size. NOBITS sections have
   *  a size but no bytes. */
  readonly sizeBytes: number;
  /** `sh_link`: the index of another section; which one depends on the type. */
  readonly link: number;
  /** `sh_info`: depends on the type. */
  readonly info: number;
  readonly alignment: number;
  /** Of sections that hold a table; 0 otherwise. */
  readonly entrySizeBytes: number;
}

type UnnamedSection = Omit<Section, 'name'> & { readonly nameOffset: number };

function readEntry(reader: ByteReader, index: number): UnnamedSection {
  return {
    index,
    nameOffset: reader.u32(),
    type: reader.u32(),
    flags: Number(reader.u64() & 0xffffffffn),
    address: vaddr(reader.u64()),
    offset: reader.size64(),
    sizeBytes: reader.size64(),
    link: reader.u32(),
    info: reader.u32(),
    alignment: reader.size64(),
    entrySizeBytes: reader.size64(),
  };
}

function readNameTable(
  file: FileBytes,
  header: ElfHeader,
  entries: readonly UnnamedSection[],
  what: string,
): StringTable | undefined {
  if (header.sectionNamesIndex === SHN.UNDEF) return undefined;
  const section = entries[header.sectionNamesIndex];
  if (section?.type !== SHT.STRTAB) {
    throw malformed(what, `section ${header.sectionNamesIndex} does not hold the section names`);
  }
  return new StringTable(file.read(section.offset, section.sizeBytes), `${what} (section names)`);
}

/**
 * All sections, at their index; entry 0 is the null section. Whether the bytes of a section lie
 * within the file is checked when they are read: a file with one damaged section stays useful.
 * @throws HcrError `malformed-file` when the table or the names are damaged
 * @see gABI 4 "Sections"
 */
export function readSections(file: FileBytes, header: ElfHeader, what: string): readonly Section[] {
  const { offset, count } = header.sectionTable;
  const bytes = file.read(offset, count * ELF64.SHDR);
  const reader = new ByteReader(bytes, header.littleEndian, `${what} (section headers)`);
  const entries = Array.from({ length: count }, (_, index) => readEntry(reader, index));
  const names = readNameTable(file, header, entries, what);
  const nameOf = names ? keptStrings(names, what) : () => '';
  return entries.map(({ nameOffset, ...entry }) => ({ ...entry, name: nameOf(nameOffset) }));
}
