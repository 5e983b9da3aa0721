/** The ELF header: what kind of file this is and where its two tables are. */
import { vaddr, type Vaddr } from '../core/address.js';
import { ByteReader } from '../core/byte-reader.js';
import {
  EI,
  ELF64,
  ELFCLASS64,
  ELFDATA2LSB,
  ELFDATA2MSB,
  EV_CURRENT,
  PN_XNUM,
  SHN,
} from './constants.js';
import type { FileBytes } from './file-bytes.js';
import { malformed } from './malformed.js';

/** A table of entries of equal size that lies wholly within the file. */
export interface FileTable {
  /** In bytes from the start of the file. */
  readonly offset: number;
  readonly count: number;
}

export interface ElfHeader {
  readonly class: 64;
  readonly littleEndian: boolean;
  /** EI_OSABI. */
  readonly osAbi: number;
  /** `e_type`, one of ET. */
  readonly type: number;
  /** `e_machine`, one of EM. */
  readonly machine: number;
  /** `e_flags`, the machine's own. */
  readonly flags: number;
  readonly entry: Vaddr;
  readonly segmentTable: FileTable;
  readonly sectionTable: FileTable;
  /** Index of the section that holds the section names; SHN_UNDEF when there is none. */
  readonly sectionNamesIndex: number;
}

const MAGIC = [0x7f, 0x45, 0x4c, 0x46] as const;

/** Reads the byte order, after making sure that these bytes are of a 64-bit ELF file. */
function readIdent(ident: Uint8Array, what: string): { littleEndian: boolean; osAbi: number } {
  if (MAGIC.some((byte, i) => ident[i] !== byte)) throw malformed(what, 'it is not an ELF file');
  if (ident[EI.CLASS] !== ELFCLASS64) throw malformed(what, 'it is not a 64-bit ELF file');
  if (ident[EI.VERSION] !== EV_CURRENT) throw malformed(what, 'its ELF version is unknown');
  const order = ident[EI.DATA];
  if (order !== ELFDATA2LSB && order !== ELFDATA2MSB) {
    throw malformed(what, 'its byte order is neither little nor big endian');
  }
  return { littleEndian: order === ELFDATA2LSB, osAbi: ident[EI.OSABI] ?? 0 };
}

/** Checks that the entries of a table have the size ELF64 gives them and lie within the file. */
function checkTable(
  file: FileBytes,
  what: string,
  name: string,
  table: FileTable,
  sizes: EntrySizes,
): FileTable {
  if (table.count === 0) return { offset: 0, count: 0 };
  if (sizes.actual !== sizes.expected) {
    throw malformed(
      what,
      `entries of its ${name} table are ${sizes.actual} bytes, not ${sizes.expected}`,
    );
  }
  if (table.offset + table.count * sizes.expected > file.sizeBytes) {
    throw malformed(
      what,
      `its ${name} table (${table.count} entries) goes past the end of the file`,
    );
  }
  return table;
}

interface EntrySizes {
  readonly actual: number;
  readonly expected: number;
}

/**
 * Reads the header and, where a count does not fit it, section 0, which then holds the count.
 * @throws HcrError `malformed-file` for anything but a 64-bit ELF file with tables inside the file
 * @see gABI 4 "ELF Header": e_shnum, e_shstrndx, e_phnum
 */
export function readHeader(file: FileBytes, what: string): ElfHeader {
  const bytes = file.read(0, Math.min(ELF64.EHDR, file.sizeBytes));
  const { littleEndian, osAbi } = readIdent(bytes, what);
  const reader = new ByteReader(bytes, littleEndian, what, EI.NIDENT);
  const type = reader.u16();
  const machine = reader.u16();
  reader.skip(4); // e_version, which EI_VERSION has already given
  const entry = vaddr(reader.u64());
  const segmentTableOffset = reader.size64();
  const sectionTableOffset = reader.size64();
  const flags = reader.u32();
  reader.skip(2); // e_ehsize
  const segmentEntryBytes = reader.u16();
  let segmentCount = reader.u16();
  const sectionEntryBytes = reader.u16();
  let sectionCount = reader.u16();
  let sectionNamesIndex = reader.u16();

  if (sectionTableOffset === 0) {
    sectionCount = 0;
    sectionNamesIndex = SHN.UNDEF;
  } else if (sectionCount === 0 || sectionNamesIndex === SHN.XINDEX || segmentCount === PN_XNUM) {
    const first = new ByteReader(file.read(sectionTableOffset, ELF64.SHDR), littleEndian, what);
    const sizeOfFirst = first.seek(32).size64();
    const linkOfFirst = first.u32();
    const infoOfFirst = first.u32();
    if (sectionCount === 0) sectionCount = sizeOfFirst;
    if (sectionNamesIndex === SHN.XINDEX) sectionNamesIndex = linkOfFirst;
    if (segmentCount === PN_XNUM) segmentCount = infoOfFirst;
  }

  return {
    class: 64,
    littleEndian,
    osAbi,
    type,
    machine,
    flags,
    entry,
    segmentTable: checkTable(
      file,
      what,
      'program header',
      { offset: segmentTableOffset, count: segmentCount },
      { actual: segmentEntryBytes, expected: ELF64.PHDR },
    ),
    sectionTable: checkTable(
      file,
      what,
      'section header',
      { offset: sectionTableOffset, count: sectionCount },
      { actual: sectionEntryBytes, expected: ELF64.SHDR },
    ),
    sectionNamesIndex,
  };
}
