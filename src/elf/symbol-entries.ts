/**
 * A symbol table as columns over its raw bytes. A large program has half a million symbols of
 * which a handful matter: questions are answered from the columns, and only the answer is decoded.
 *
 * @see gABI 4 "Symbol Table"
 */
import { ELF64, SHN } from './constants.js';
import { malformed } from './malformed.js';

export interface SymbolEntriesSource {
  /** A table of Elf64_Sym, borrowed. */
  readonly bytes: Uint8Array;
  /** SHT_SYMTAB_SHNDX, borrowed: section indices that do not fit 16 bits. */
  readonly extendedIndices?: Uint8Array | undefined;
  readonly littleEndian: boolean;
  readonly what: string;
}

export class SymbolEntries {
  readonly count: number;
  private readonly view: DataView;
  private readonly extended: DataView | undefined;
  private readonly littleEndian: boolean;
  private readonly what: string;

  /** @throws HcrError `malformed-file` when the bytes are no whole number of entries */
  constructor({ bytes, extendedIndices, littleEndian, what }: SymbolEntriesSource) {
    if (bytes.length % ELF64.SYM !== 0) {
      throw malformed(what, `${bytes.length} bytes are no table of Elf64_Sym`);
    }
    this.count = bytes.length / ELF64.SYM;
    this.view = viewOf(bytes);
    this.extended = extendedIndices && viewOf(extendedIndices);
    this.littleEndian = littleEndian;
    this.what = what;
  }

  /** `st_name`, into the string table. */
  nameOffset(index: number): number {
    return this.view.getUint32(index * ELF64.SYM, this.littleEndian);
  }
  type(index: number): number {
    return this.view.getUint8(index * ELF64.SYM + 4) & 0xf;
  }
  binding(index: number): number {
    return this.view.getUint8(index * ELF64.SYM + 4) >> 4;
  }
  visibility(index: number): number {
    return this.view.getUint8(index * ELF64.SYM + 5) & 0x3;
  }
  /** `st_shndx` as it stands: see {@link sectionIndex}. */
  rawSectionIndex(index: number): number {
    return this.view.getUint16(index * ELF64.SYM + 6, this.littleEndian);
  }
  value(index: number): number {
    return this.u64(index * ELF64.SYM + 8);
  }
  sizeBytes(index: number): number {
    return this.u64(index * ELF64.SYM + 16);
  }

  /** @throws HcrError `malformed-file` when the index is to be found in a table that lacks it */
  sectionIndex(index: number): number {
    const raw = this.rawSectionIndex(index);
    if (raw !== SHN.XINDEX) return raw;
    if (!this.extended || (index + 1) * 4 > this.extended.byteLength) {
      throw malformed(this.what, `symbol ${index} has no extended section index`);
    }
    return this.extended.getUint32(index * 4, this.littleEndian);
  }

  /** Above 2^53, where no user-space address is, the lowest bits are lost; absolute symbols may
   *  have such values and must not make the whole table unreadable. */
  private u64(offset: number): number {
    const low = this.view.getUint32(this.littleEndian ? offset : offset + 4, this.littleEndian);
    const high = this.view.getUint32(this.littleEndian ? offset + 4 : offset, this.littleEndian);
    return high * 0x100000000 + low;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
