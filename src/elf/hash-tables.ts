/**
 * How many dynamic symbols there are. Without section headers nothing says so; the hash tables
 * imply it.
 *
 * @see gABI 5 "Hash Table"; for DT_GNU_HASH, which no specification covers, glibc's dl-lookup.c
 */
import { offsetBy, vaddr, type Vaddr } from '../core/address.js';
import { ByteReader } from '../core/byte-reader.js';
import { DT } from './constants.js';
import type { DynamicTags } from './dynamic.js';
import type { LoadedBytes } from './loaded-bytes.js';

const CHUNK_BYTES = 0x1000;

/** `nchain` of the classic table is the number of symbols. */
function countInHash(
  loaded: LoadedBytes,
  table: Vaddr,
  littleEndian: boolean,
  what: string,
): number {
  return new ByteReader(loaded.readStored(table, 8), littleEndian, what).seek(4).u32();
}

/** The last symbol of the chain which starts at `first`: the one whose hash has its lowest bit set. */
function endOfChain(
  loaded: LoadedBytes,
  chains: Vaddr,
  first: number,
  littleEndian: boolean,
  what: string,
): number {
  for (let position = first; ; ) {
    const at = offsetBy(chains, position * 4);
    const wholeWords = Math.min(CHUNK_BYTES, Math.floor(loaded.storedFrom(at) / 4) * 4);
    const reader = new ByteReader(
      loaded.readStored(at, Math.max(4, wholeWords)),
      littleEndian,
      what,
    );
    for (; !reader.atEnd; position++) if ((reader.u32() & 1) === 1) return position;
  }
}

function countInGnuHash(
  loaded: LoadedBytes,
  table: Vaddr,
  littleEndian: boolean,
  what: string,
): number {
  const header = new ByteReader(loaded.readStored(table, 16), littleEndian, what);
  const bucketCount = header.u32();
  const firstHashed = header.u32();
  const bloomWords = header.u32();
  const buckets = offsetBy(table, 16 + bloomWords * 8);
  const reader = new ByteReader(loaded.readStored(buckets, bucketCount * 4), littleEndian, what);
  let last = 0;
  while (!reader.atEnd) last = Math.max(last, reader.u32());
  if (last < firstHashed) return firstHashed;
  const chains = offsetBy(buckets, bucketCount * 4);
  return firstHashed + endOfChain(loaded, chains, last - firstHashed, littleEndian, what) + 1;
}

/**
 * The number of dynamic symbols, the null symbol included; 0 when there is no hash table.
 * @throws HcrError `malformed-file` when the table is damaged
 */
export function countDynamicSymbols(
  loaded: LoadedBytes,
  tags: DynamicTags,
  littleEndian: boolean,
  what: string,
): number {
  const hash = tags.get(DT.HASH);
  if (hash !== undefined)
    return countInHash(loaded, vaddr(hash), littleEndian, `${what} (DT_HASH)`);
  const gnuHash = tags.get(DT.GNU_HASH);
  if (gnuHash === undefined) return 0;
  return countInGnuHash(loaded, vaddr(gnuHash), littleEndian, `${what} (DT_GNU_HASH)`);
}
