/**
 * Whether a library exports a name, by its hash table alone: some hundred bytes are read of a file
 * that may have millions, so that all libraries of a system can be asked.
 *
 * @see gABI 5 "Hash Table"; for DT_GNU_HASH, which no specification covers, glibc's dl-lookup.c
 */
import { offsetBy, vaddr, type Vaddr } from '../core/address.js';
import { ByteReader } from '../core/byte-reader.js';
import { DT, ELF64, SHN, STB } from './constants.js';
import { type DynamicTags, tagsOf } from './dynamic.js';
import type { ElfFile } from './elf-file.js';

/** A chain longer than this is damaged. */
const MAX_CHAIN = 1 << 16;
/** No name is longer; mangled ones come near. */
const MAX_NAME_BYTES = 1 << 14;

/** @throws HcrError `malformed-file` when a table is damaged */
export function exportsName(file: ElfFile, name: string): boolean {
  const tags = tagsOf(file.dynamic().entries);
  const wanted = new TextEncoder().encode(`${name}\0`);
  if (wanted.length > MAX_NAME_BYTES) return false;
  return new ExportedNames(file, tags).has(wanted);
}

class ExportedNames {
  private readonly file: ElfFile;
  private readonly tags: DynamicTags;

  constructor(file: ElfFile, tags: DynamicTags) {
    this.file = file;
    this.tags = tags;
  }

  has(name: Uint8Array): boolean {
    const gnuHash = this.tags.get(DT.GNU_HASH);
    if (gnuHash !== undefined) return this.inGnuHash(vaddr(gnuHash), name);
    const hash = this.tags.get(DT.HASH);
    return hash !== undefined && this.inHash(vaddr(hash), name);
  }

  private inGnuHash(table: Vaddr, name: Uint8Array): boolean {
    const header = this.read(table, 16);
    const [buckets, first, bloomWords, shift] = [
      header.u32(),
      header.u32(),
      header.u32(),
      header.u32(),
    ];
    if (buckets === 0 || bloomWords === 0) return false;
    const hash = gnuHashOf(name);
    const word = this.read(offsetBy(table, 16 + 8 * (Math.floor(hash / 64) % bloomWords)), 8).u64();
    const bits = (1n << BigInt(hash % 64)) | (1n << BigInt((hash >>> shift) % 64));
    if ((word & bits) !== bits) return false;
    const bucketsAt = offsetBy(table, 16 + 8 * bloomWords);
    const start = this.read(offsetBy(bucketsAt, 4 * (hash % buckets)), 4).u32();
    if (start < first) return false;
    const chainsAt = offsetBy(bucketsAt, 4 * buckets);
    for (let index = start; index < start + MAX_CHAIN; index++) {
      const entry = this.read(offsetBy(chainsAt, 4 * (index - first)), 4).u32();
      if ((entry | 1) >>> 0 === (hash | 1) >>> 0 && this.isDefinedAs(index, name)) return true;
      if ((entry & 1) === 1) return false;
    }
    return false;
  }

  private inHash(table: Vaddr, name: Uint8Array): boolean {
    const header = this.read(table, 8);
    const [buckets, chains] = [header.u32(), header.u32()];
    if (buckets === 0) return false;
    const word = (index: number): number => this.read(offsetBy(table, 8 + 4 * index), 4).u32();
    let index = word(sysvHashOf(name) % buckets);
    for (let steps = 0; index !== 0 && index < chains && steps < MAX_CHAIN; steps++) {
      if (this.isDefinedAs(index, name)) return true;
      index = word(buckets + index);
    }
    return false;
  }

  private isDefinedAs(index: number, name: Uint8Array): boolean {
    const table = this.tags.get(DT.SYMTAB);
    const strings = this.tags.get(DT.STRTAB);
    if (table === undefined || strings === undefined) return false;
    const entry = this.read(vaddr(table + index * ELF64.SYM), ELF64.SYM);
    const nameOffset = entry.u32();
    const binding = entry.u8() >> 4;
    entry.skip(1);
    if (entry.u16() === SHN.UNDEF || binding === STB.LOCAL) return false;
    if (nameOffset + name.length > (this.tags.get(DT.STRSZ) ?? 0)) return false;
    const found = this.file.readAtVaddr(vaddr(strings + nameOffset), name.length);
    return name.every((byte, i) => found[i] === byte);
  }

  private read(address: Vaddr, lengthBytes: number): ByteReader {
    const { header, what } = this.file;
    const bytes = this.file.readAtVaddr(address, lengthBytes);
    return new ByteReader(bytes, header.littleEndian, `${what} (hash table)`);
  }
}

/** @param name with its NUL, which does not count */
function gnuHashOf(name: Uint8Array): number {
  let hash = 5381;
  for (const byte of name.subarray(0, -1)) hash = (Math.imul(hash, 33) + byte) >>> 0;
  return hash;
}

/** @see gABI 5 "Hash Table", `elf_hash` */
function sysvHashOf(name: Uint8Array): number {
  let hash = 0;
  for (const byte of name.subarray(0, -1)) {
    hash = ((hash << 4) + byte) >>> 0;
    const high = hash & 0xf0000000;
    hash = ((hash ^ (high >>> 24)) & ~high) >>> 0;
  }
  return hash;
}
