/**
 * Finds symbols by name. The first few questions are answered by searching the string table's
 * bytes, which costs milliseconds in the largest tables; whoever asks more often gets a hash table
 * over all names, which costs a hundred once.
 */
import type { StringTable } from './string-table.js';
import type { SymbolEntries } from './symbol-entries.js';

const SEARCHES_BEFORE_HASHING = 8;

export class NameIndex {
  private readonly entries: SymbolEntries;
  private readonly strings: StringTable;
  private searches = 0;
  private hashed: HashedNames | undefined;

  constructor(entries: SymbolEntries, strings: StringTable) {
    this.entries = entries;
    this.strings = strings;
  }

  /** Indices of the symbols of this name, ascending; none for the empty name. */
  find(name: string): number[] {
    if (name === '') return [];
    if (!this.hashed && this.searches++ < SEARCHES_BEFORE_HASHING) return this.search(name);
    this.hashed ??= new HashedNames(this.entries, this.strings);
    return this.hashed.find(name);
  }

  private search(name: string): number[] {
    const offsets = new Set(this.strings.offsetsOf(name));
    const found: number[] = [];
    if (offsets.size === 0) return found;
    for (let i = 0; i < this.entries.count; i++) {
      if (offsets.has(this.entries.nameOffset(i))) found.push(i);
    }
    return found;
  }
}

/** A hash table with chains: `heads` by hash, `next` by symbol. -1 ends a chain. */
class HashedNames {
  private readonly entries: SymbolEntries;
  private readonly strings: StringTable;
  private readonly heads: Int32Array;
  private readonly next: Int32Array;

  constructor(entries: SymbolEntries, strings: StringTable) {
    this.entries = entries;
    this.strings = strings;
    this.heads = new Int32Array(2 ** Math.ceil(Math.log2(entries.count + 1))).fill(-1);
    this.next = new Int32Array(entries.count);
    // From the end, so that chains run in ascending order.
    for (let i = entries.count - 1; i >= 0; i--) {
      const slot = this.slotOf(strings.hashAt(entries.nameOffset(i)));
      this.next[i] = this.heads[slot] ?? -1;
      this.heads[slot] = i;
    }
  }

  find(name: string): number[] {
    const wanted = this.strings.wanted(name);
    const found: number[] = [];
    for (let i = this.heads[this.slotOf(wanted.hash)] ?? -1; i >= 0; i = this.next[i] ?? -1) {
      if (this.strings.matches(this.entries.nameOffset(i), wanted)) found.push(i);
    }
    return found;
  }

  private slotOf(hash: number): number {
    return hash & (this.heads.length - 1);
  }
}
