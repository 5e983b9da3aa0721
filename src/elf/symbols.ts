/** Symbols, and the tables that find them by name, by address and by source file. */
import type { Vaddr } from '../core/address.js';
import { AddressIndex } from './address-index.js';
import { SHN, STB, STT } from './constants.js';
import { keptStrings } from './kept-strings.js';
import { type LocalRange, LocalRanges } from './local-groups.js';
import { malformed } from './malformed.js';
import { NameIndex } from './name-index.js';
import { nearNames } from './near-names.js';
import type { StringTable } from './string-table.js';
import { SymbolEntries, type SymbolEntriesSource } from './symbol-entries.js';
import type { SymbolVersions } from './versions.js';

/** Where a symbol is defined. Only for `section` does its section index name a section. */
export type SymbolHome = 'undefined' | 'section' | 'absolute' | 'common' | 'reserved';

export interface ElfSymbol {
  /** Its place in the table it comes from; relocations name symbols by it. */
  readonly index: number;
  /** Empty for most section symbols. */
  readonly name: string;
  /** In linked files a virtual address; in object files an offset into the section, or the
   *  alignment of a common symbol. Of a thread-local symbol an offset into PT_TLS. */
  readonly value: number;
  readonly sizeBytes: number;
  /** One of STT. */
  readonly type: number;
  /** One of STB. */
  readonly binding: number;
  /** One of STV. */
  readonly visibility: number;
  /** With extended indices resolved; see {@link home} before using it. */
  readonly sectionIndex: number;
  readonly home: SymbolHome;
  /** True unless the home is `undefined`. */
  readonly isDefined: boolean;
  /** `GLIBC_2.14`; only in dynamic tables of files with versions. */
  readonly version: string | undefined;
  /** True when a reference that asks for no version binds to this symbol: it is defined, and
   *  without a version or the default one (`memcpy@@GLIBC_2.14`, not `memcpy@GLIBC_2.2.5`). */
  readonly isDefaultVersion: boolean;
}

/** The local symbols of one translation unit. */
export interface LocalGroup {
  /** Basename of its source. */
  readonly file: string;
  readonly symbols: readonly ElfSymbol[];
}

export interface SymbolTableSource extends SymbolEntriesSource {
  readonly strings: StringTable;
  readonly versions?: SymbolVersions | undefined;
}

function homeOf(entries: SymbolEntries, index: number): SymbolHome {
  const raw = entries.rawSectionIndex(index);
  if (raw === SHN.UNDEF) return 'undefined';
  if (raw < SHN.LORESERVE || raw === SHN.XINDEX) return 'section';
  if (raw === SHN.ABS) return 'absolute';
  return raw === SHN.COMMON ? 'common' : 'reserved';
}

export class SymbolTable implements Iterable<ElfSymbol> {
  /** Entries, the null symbol at index 0 included. */
  readonly count: number;
  private readonly entries: SymbolEntries;
  private readonly strings: StringTable;
  private readonly versions: SymbolVersions | undefined;
  private readonly what: string;
  private readonly names: NameIndex;
  private addresses: AddressIndex | undefined;
  private locals: LocalRanges | undefined;

  /** @throws HcrError `malformed-file` when the bytes are no whole number of entries */
  constructor(source: SymbolTableSource) {
    this.entries = new SymbolEntries(source);
    this.count = this.entries.count;
    this.strings = source.strings;
    this.versions = source.versions;
    this.what = source.what;
    this.names = new NameIndex(this.entries, this.strings);
  }

  /** @throws HcrError `malformed-file` outside the table, or when the entry is damaged */
  at(index: number): ElfSymbol {
    const { entries } = this;
    if (!Number.isInteger(index) || index < 0 || index >= this.count) {
      throw malformed(this.what, `there is no symbol ${index} among ${this.count}`);
    }
    const home = homeOf(entries, index);
    const isDefined = home !== 'undefined';
    const version = this.versions?.at(index);
    return {
      index,
      name: this.nameAt(index),
      value: entries.value(index),
      sizeBytes: entries.sizeBytes(index),
      type: entries.type(index),
      binding: entries.binding(index),
      visibility: entries.visibility(index),
      sectionIndex: entries.sectionIndex(index),
      home,
      isDefined,
      version: version?.name,
      isDefaultVersion: isDefined && version?.isHidden !== true,
    };
  }

  /** All but the null symbol. Decodes each: to find one, ask for it. */
  *[Symbol.iterator](): Generator<ElfSymbol> {
    for (let i = 1; i < this.count; i++) yield this.at(i);
  }

  /** Every symbol of this name, defined or not, in the order of the table. */
  findByName(name: string): ElfSymbol[] {
    return this.names.find(name).map((index) => this.at(index));
  }

  /** The symbols whose `[value, value + size)` contains the address, the one that starts nearest
   *  first. For linked files; thread-local and absolute symbols have no address. */
  findAddress(address: Vaddr): ElfSymbol[] {
    this.addresses ??= new AddressIndex(this.entries);
    return this.addresses.find(address).map((index) => this.at(index));
  }

  /** Basename of the source that a local symbol of this table comes from. `undefined` for others,
   *  and where the linker or the assembler did not say. */
  fileOf(symbol: ElfSymbol): string | undefined {
    if (symbol.binding !== STB.LOCAL) return undefined;
    return this.localRanges().at(symbol.index)?.file || undefined;
  }

  /** The local symbols of every translation unit whose source has this basename: one group each.
   *  Directories in `name` are ignored, for the table has none. */
  localsOfFile(name: string): LocalGroup[] {
    return this.localRanges()
      .ofFile(name)
      .map((range) => ({ file: range.file, symbols: this.symbolsInRange(range) }));
  }

  /** At most `limit` names of functions that resemble `name`, the nearest first. */
  nearNames(name: string, limit: number): string[] {
    return nearNames(this.functionNames(), name, limit);
  }

  private nameAt(index: number): string {
    return this.strings.at(this.entries.nameOffset(index));
  }

  private *functionNames(): Generator<string> {
    for (let i = 1; i < this.count; i++) {
      const type = this.entries.type(i);
      const isFunction = type === STT.FUNC || type === STT.GNU_IFUNC;
      if (isFunction && this.entries.rawSectionIndex(i) !== SHN.UNDEF) yield this.nameAt(i);
    }
  }

  private localRanges(): LocalRanges {
    if (!this.locals) {
      const stringAt = keptStrings(this.strings, this.what);
      this.locals = new LocalRanges(this.entries, (i) => stringAt(this.entries.nameOffset(i)));
    }
    return this.locals;
  }

  private symbolsInRange({ start, end }: LocalRange): ElfSymbol[] {
    return Array.from({ length: end - start }, (_, i) => this.at(start + i));
  }
}
