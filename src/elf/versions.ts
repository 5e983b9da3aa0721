/**
 * Versions of dynamic symbols. `.gnu.version` gives each symbol an index; `.gnu.version_d` names
 * the versions this file defines, `.gnu.version_r` those it needs from others.
 *
 * @see LSB Core "Symbol Versioning"
 */
import { ByteReader } from '../core/byte-reader.js';
import { VER_FLG_BASE, VER_NDX, VERSYM } from './constants.js';
import { keptStrings } from './kept-strings.js';
import type { StringTable } from './string-table.js';

export interface SymbolVersion {
  readonly name: string;
  /** Only references that ask for this very version bind to it (`name@VERSION`). */
  readonly isHidden: boolean;
}

export interface VersionSource {
  /** `.gnu.version`, borrowed. */
  readonly indices: Uint8Array;
  /** `.gnu.version_d`, borrowed. */
  readonly definitions: Uint8Array | undefined;
  /** `.gnu.version_r`, borrowed. */
  readonly needs: Uint8Array | undefined;
  readonly strings: StringTable;
  readonly littleEndian: boolean;
  readonly what: string;
}

/** Size of Elf64_Verdef less its tail, of Elf64_Verneed and of Elf64_Vernaux: the closest that
 *  entries of the two chains can stand. */
const ENTRY_BYTES = 16;

/** Refuses a chain that has more entries than its bytes have room for: its links overlap. */
function entryCounter(reader: ByteReader): () => void {
  let left = Math.ceil(reader.bytes.length / ENTRY_BYTES);
  return () => {
    if (left-- <= 0) reader.fail('version entries overlap');
  };
}

/** Version names by their index, as they are found. */
interface Names {
  readonly byIndex: Map<number, string>;
  readonly stringAt: (offset: number) => string;
}

function readDefinitions(source: VersionSource, names: Names): void {
  if (!source.definitions) return;
  const reader = new ByteReader(
    source.definitions,
    source.littleEndian,
    `${source.what} (.gnu.version_d)`,
  );
  const count = entryCounter(reader);
  for (let at = 0, next = 1; next !== 0 && !reader.seek(at).atEnd; at += next) {
    count();
    reader.skip(2); // vd_version
    const flags = reader.u16();
    const index = reader.u16();
    const auxiliaries = reader.u16();
    reader.skip(4); // vd_hash
    const firstAuxiliary = reader.u32();
    next = reader.u32();
    // The base entry names the file itself. Of the others the first auxiliary is the name, those
    // behind it the versions it inherits from.
    if ((flags & VER_FLG_BASE) !== 0 || auxiliaries === 0) continue;
    names.byIndex.set(
      index & VERSYM.VERSION,
      names.stringAt(reader.seek(at + firstAuxiliary).u32()),
    );
  }
}

function readNeeds(source: VersionSource, names: Names): void {
  if (!source.needs) return;
  const reader = new ByteReader(
    source.needs,
    source.littleEndian,
    `${source.what} (.gnu.version_r)`,
  );
  const count = entryCounter(reader);
  for (let at = 0, next = 1; next !== 0 && !reader.seek(at).atEnd; at += next) {
    count();
    reader.skip(2); // vn_version
    const auxiliaries = reader.u16();
    reader.skip(4); // vn_file
    let auxiliary = at + reader.u32();
    next = reader.u32();
    for (let i = 0; i < auxiliaries; i++) {
      count();
      reader.seek(auxiliary).skip(6); // vna_hash, vna_flags
      const index = reader.u16();
      names.byIndex.set(index & VERSYM.VERSION, names.stringAt(reader.u32()));
      const distance = reader.u32();
      if (distance === 0) break;
      auxiliary += distance;
    }
  }
}

export class SymbolVersions {
  private readonly indices: DataView;
  private readonly littleEndian: boolean;
  private readonly names: ReadonlyMap<number, string>;

  /** @throws HcrError `malformed-file` when the definitions or needs are damaged */
  constructor(source: VersionSource) {
    const { buffer, byteOffset, byteLength } = source.indices;
    this.indices = new DataView(buffer, byteOffset, byteLength);
    this.littleEndian = source.littleEndian;
    const byIndex = new Map<number, string>();
    const names = { byIndex, stringAt: keptStrings(source.strings, source.what) };
    readDefinitions(source, names);
    readNeeds(source, names);
    this.names = byIndex;
  }

  /** The version of the symbol at this index of the dynamic table; `undefined` without one. */
  at(symbolIndex: number): SymbolVersion | undefined {
    if ((symbolIndex + 1) * 2 > this.indices.byteLength) return undefined;
    const raw = this.indices.getUint16(symbolIndex * 2, this.littleEndian);
    const index = raw & VERSYM.VERSION;
    if (index === VER_NDX.LOCAL || index === VER_NDX.GLOBAL) return undefined;
    const name = this.names.get(index);
    return name === undefined ? undefined : { name, isHidden: (raw & VERSYM.HIDDEN) !== 0 };
  }
}
