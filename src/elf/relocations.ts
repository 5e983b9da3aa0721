/** Relocation entries with addends. What their types mean is the machine's: see `src/arch`. */
import { ByteReader } from '../core/byte-reader.js';
import { ELF64 } from './constants.js';

export interface Relocation {
  /** In object files bytes from the start of the section; in linked files a virtual address. */
  readonly offset: number;
  readonly type: number;
  /** Into the symbol table that goes with the relocations; 0 for none. */
  readonly symbolIndex: number;
  readonly addend: number;
}

/**
 * @param bytes a table of Elf64_Rela, borrowed
 * @throws HcrError `malformed-file` when it is not a whole number of entries, or an offset or
 *   addend is beyond 2^53
 * @see gABI 4 "Relocation"
 */
export function readRelocations(
  bytes: Uint8Array,
  littleEndian: boolean,
  what: string,
): Relocation[] {
  const reader = new ByteReader(bytes, littleEndian, what);
  if (bytes.length % ELF64.RELA !== 0)
    reader.fail(`${bytes.length} bytes are no table of Elf64_Rela`);
  const relocations: Relocation[] = [];
  while (!reader.atEnd) {
    const offset = reader.size64();
    // r_info is one 64-bit number, so its halves change places with the byte order.
    const first = reader.u32();
    const second = reader.u32();
    const addend = Number(reader.i64());
    if (!Number.isSafeInteger(addend)) reader.fail(`addend ${addend} is too large`);
    relocations.push({
      offset,
      type: littleEndian ? first : second,
      symbolIndex: littleEndian ? second : first,
      addend,
    });
  }
  return relocations;
}
