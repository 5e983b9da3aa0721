/**
 * Finds the dynamic symbol table where a loader finds it: through the dynamic section and the
 * segments. Section headers are not needed, and may have been stripped.
 */
import { vaddr } from '../core/address.js';
import { DT, ELF64 } from './constants.js';
import type { DynamicTags } from './dynamic.js';
import { countDynamicSymbols } from './hash-tables.js';
import type { LoadedBytes } from './loaded-bytes.js';
import { StringTable } from './string-table.js';
import { SymbolTable } from './symbols.js';
import { SymbolVersions } from './versions.js';

/** The version tables say how many entries they have but not how many bytes; none comes near. */
const MAX_VERSION_BYTES = 0x100000;

/** @throws HcrError `malformed-file` when the table is not in the file */
export function readDynamicStrings(
  loaded: LoadedBytes,
  tags: DynamicTags,
  what: string,
): StringTable {
  const address = tags.get(DT.STRTAB);
  const named = `${what} (dynamic strings)`;
  if (address === undefined) return new StringTable(new Uint8Array(0), named);
  return new StringTable(loaded.readStored(vaddr(address), tags.get(DT.STRSZ) ?? 0), named);
}

/** @param countReferred how many symbols the relocations need at least
 *  @throws HcrError `malformed-file` when a table that the dynamic section names is damaged */
export function readDynamicSymbols(
  loaded: LoadedBytes,
  tags: DynamicTags,
  littleEndian: boolean,
  what: string,
  countReferred: () => number,
): SymbolTable {
  const address = tags.get(DT.SYMTAB);
  const hashed = address === undefined ? 0 : countDynamicSymbols(loaded, tags, littleEndian, what);
  const count = hashed > 1 || address === undefined ? hashed : Math.max(hashed, countReferred());
  const named = `${what} (dynamic symbols)`;
  const strings = readDynamicStrings(loaded, tags, what);
  return new SymbolTable({
    bytes:
      address === undefined || count === 0
        ? new Uint8Array(0)
        : loaded.readStored(vaddr(address), count * ELF64.SYM),
    strings,
    versions: readVersions(loaded, tags, { count, strings, littleEndian, what }),
    littleEndian,
    what: named,
  });
}

function readVersions(
  loaded: LoadedBytes,
  tags: DynamicTags,
  symbols: {
    readonly count: number;
    readonly strings: StringTable;
    readonly littleEndian: boolean;
    readonly what: string;
  },
): SymbolVersions | undefined {
  const { count, strings, littleEndian, what } = symbols;
  const indices = tags.get(DT.VERSYM);
  if (indices === undefined) return undefined;
  const chainAt = (tag: number): Uint8Array | undefined => {
    const address = tags.get(tag);
    if (address === undefined) return undefined;
    const start = vaddr(address);
    return loaded.readStored(start, Math.min(MAX_VERSION_BYTES, loaded.storedFrom(start)));
  };
  return new SymbolVersions({
    indices: loaded.readStored(vaddr(indices), count * 2),
    definitions: chainAt(DT.VERDEF),
    needs: chainAt(DT.VERNEED),
    strings,
    littleEndian,
    what,
  });
}
