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
  /** The whole unit, header included; borrowed. */
  readonly bytes: Uint8Array;
  readonly tree: DieTree;
}

/** Enough for any unit but those of link-time optimisation, of which the last one stays. */
const KEPT_BYTES = 32 << 20;

export class UnitContents {
  private readonly info: DebugSection;
  /** In the order of last use, by the unit's offset. */
  private readonly kept = new Map<number, UnitContent>();
  private keptBytes = 0;

  constructor(info: DebugSection) {
    this.info = info;
  }

  /** @throws HcrError `malformed-file` when the unit's entries are damaged */
  of(header: UnitHeader, abbrevs: AbbrevTable): UnitContent {
    const found = this.kept.get(header.offset);
    if (found !== undefined) {
      this.kept.delete(header.offset);
      this.kept.set(header.offset, found);
      return found;
    }
    const bytes = this.info.bytes(header.offset, header.sizeBytes);
    const reader = new ByteReader(
      bytes,
      this.info.littleEndian,
      this.info.what,
      header.headerBytes,
    );
    const content = { bytes, tree: indexDies(reader, abbrevs, header.encoding) };
    this.kept.set(header.offset, content);
    this.keptBytes += bytes.length;
    this.dropOldest(header.offset);
    return content;
  }

  private dropOldest(except: number): void {
    for (const [offset, content] of this.kept) {
      if (this.keptBytes <= KEPT_BYTES) return;
      if (offset === except) continue;
      this.kept.delete(offset);
      this.keptBytes -= content.bytes.length;
    }
  }
}
