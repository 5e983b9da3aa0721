/**
 * The bytes of units and where their entries are, for the units used last.
 *
 * Listing every function of a large program goes through all units once; keeping each of them
 * would keep the whole of `.debug_info` and as much again. What is dropped is read again when it
 * is asked for.
 */
import { ByteReader } from '../core/byte-reader.js';
import type { AbbrevTable } from './abbrev.js';
import type { DebugSection } from './debug-sections.js';
import { type DieTree, indexDies } from './die-tree.js';
import type { UnitHeader } from './unit-header.js';

export interface UnitContent {
  readonly unitOffset: number;
  /** Over the whole unit, header included. */
  readonly reader: ByteReader;
  readonly tree: DieTree;
}

/** Enough for any unit but those of link-time optimisation, of which the last one stays. */
const KEPT_BYTES = 32 << 20;

export class UnitContents {
  private readonly info: DebugSection;
  /** In the order of last use, by the unit's offset. */
  private readonly kept = new Map<number, UnitContent>();
  private keptBytes = 0;
  private latest: UnitContent | undefined;

  constructor(info: DebugSection) {
    this.info = info;
  }

  /** @throws HcrError `malformed-file` when the unit's entries are damaged */
  of(header: UnitHeader, abbrevs: AbbrevTable): UnitContent {
    // Nearly always the same unit as last time.
    if (this.latest?.unitOffset === header.offset) return this.latest;
    const content = this.kept.get(header.offset) ?? this.read(header, abbrevs);
    this.kept.delete(header.offset);
    this.kept.set(header.offset, content);
    this.latest = content;
    this.dropOldest();
    return content;
  }

  private read(header: UnitHeader, abbrevs: AbbrevTable): UnitContent {
    const bytes = this.info.bytes(header.offset, header.sizeBytes);
    const { littleEndian, what } = this.info;
    const reader = new ByteReader(bytes, littleEndian, what, header.headerBytes);
    const tree = indexDies(reader, abbrevs, header.encoding);
    this.keptBytes += bytes.length;
    return { unitOffset: header.offset, reader, tree };
  }

  private dropOldest(): void {
    for (const [offset, content] of this.kept) {
      if (this.keptBytes <= KEPT_BYTES || content === this.latest) return;
      this.kept.delete(offset);
      this.keptBytes -= content.reader.bytes.length;
    }
  }
}
