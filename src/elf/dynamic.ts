/**
 * The dynamic section: what the loader needs to know. It is read from the file, where addresses
 * are still virtual addresses (the loader relocates some of them in memory).
 *
 * @see gABI 5 "Dynamic Section"
 */
import { vaddr, type Vaddr } from '../core/address.js';
import { ByteReader } from '../core/byte-reader.js';
import { DF, DF_1, DT } from './constants.js';
import { keptStrings } from './kept-strings.js';
import type { StringTable } from './string-table.js';

/** Values of the dynamic section by tag; of a tag that stands more than once, the first. */
export type DynamicTags = ReadonlyMap<number, number>;

export interface DynamicEntry {
  /** One of DT. */
  readonly tag: number;
  /** A number, an address or an offset into the string table. Above 2^53 the lowest bits are lost. */
  readonly value: number;
}

/** Bytes at a virtual address, half-open. */
export interface DynamicTable {
  readonly address: Vaddr;
  readonly sizeBytes: number;
}

export interface DynamicInfo {
  /** As they stand, up to DT_NULL; empty in files that are not dynamically linked. */
  readonly entries: readonly DynamicEntry[];
  /** Names of the libraries it asks for, in order. */
  readonly needed: readonly string[];
  readonly soname: string | undefined;
  /** DT_RUNPATH, or DT_RPATH where there is none. */
  readonly runpath: string | undefined;
  /** DT_FLAGS, bits of DF. */
  readonly flags: number;
  /** DT_FLAGS_1, bits of DF_1. */
  readonly flags1: number;
  /** True when all imports are bound at start (`-z now`). */
  readonly bindsNow: boolean;
  /** True when the linker marked it as a position-independent executable (since binutils 2.26). */
  readonly isPie: boolean;
  /** DT_RELA, the relocations done at start. */
  readonly relocationTable: DynamicTable | undefined;
  /** DT_JMPREL, those of the procedure linkage table. */
  readonly pltRelocationTable: DynamicTable | undefined;
}

/**
 * @param bytes a table of Elf64_Dyn, borrowed
 * @returns the entries before DT_NULL
 */
export function readDynamicEntries(
  bytes: Uint8Array,
  littleEndian: boolean,
  what: string,
): DynamicEntry[] {
  const reader = new ByteReader(bytes, littleEndian, what);
  const entries: DynamicEntry[] = [];
  while (reader.remaining >= 16) {
    const tag = Number(reader.u64());
    const value = Number(reader.u64());
    if (tag === DT.NULL) break;
    entries.push({ tag, value });
  }
  return entries;
}

export function tagsOf(entries: readonly DynamicEntry[]): DynamicTags {
  const tags = new Map<number, number>();
  for (const { tag, value } of entries) if (!tags.has(tag)) tags.set(tag, value);
  return tags;
}

function tableOf(tags: DynamicTags, addressTag: number, sizeTag: number): DynamicTable | undefined {
  const address = tags.get(addressTag);
  const sizeBytes = tags.get(sizeTag) ?? 0;
  return address === undefined || sizeBytes === 0
    ? undefined
    : { address: vaddr(address), sizeBytes };
}

/**
 * @param strings the table at DT_STRTAB
 * @throws HcrError `malformed-file` when a name is outside the string table or a table has no address
 */
export function interpretDynamic(
  entries: readonly DynamicEntry[],
  strings: StringTable,
  what: string,
): DynamicInfo {
  const tags = tagsOf(entries);
  const stringAt = keptStrings(strings, what);
  const stringOf = (offset: number | undefined): string | undefined =>
    offset === undefined ? undefined : stringAt(offset);
  // Flags fit 32 bits; whatever a damaged file has above them is cut.
  const flags = (tags.get(DT.FLAGS) ?? 0) >>> 0;
  const flags1 = (tags.get(DT.FLAGS_1) ?? 0) >>> 0;
  return {
    entries,
    needed: entries.filter(({ tag }) => tag === DT.NEEDED).map(({ value }) => stringAt(value)),
    soname: stringOf(tags.get(DT.SONAME)),
    runpath: stringOf(tags.get(DT.RUNPATH) ?? tags.get(DT.RPATH)),
    flags,
    flags1,
    bindsNow: tags.has(DT.BIND_NOW) || (flags & DF.BIND_NOW) !== 0 || (flags1 & DF_1.NOW) !== 0,
    isPie: (flags1 & DF_1.PIE) !== 0,
    relocationTable: tableOf(tags, DT.RELA, DT.RELASZ),
    pltRelocationTable: tableOf(tags, DT.JMPREL, DT.PLTRELSZ),
  };
}
