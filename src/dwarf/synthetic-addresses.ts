/**
 * Addresses for the sections of an object file, which has none yet. Each section that will be
 * loaded gets a range of its own, thread-local ones too, so that whatever the debug information
 * says of an address or an offset can be traced back to a place in a section.
 */
import { alignUp, type Vaddr, vaddr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { SHF } from '../elf/constants.js';
import type { Section } from '../elf/sections.js';

export interface SectionPlace {
  readonly sectionIndex: number;
  readonly offset: number;
}

/** Clear of 0 and 1, which mean discarded code. */
const FIRST_ADDRESS = 0x10000;

/** Between sections, so that the end of one is not the start of the next. */
const GAP_BYTES = 16;

/** Offsets of thread-locals are written in 4 bytes. */
const LAST_ADDRESS = 0x7fff_ffff;

export class SyntheticAddresses {
  private readonly sections: readonly Section[];
  private readonly bases: ReadonlyMap<number, number>;
  /** Where each of {@link sections} starts, ascending. */
  private readonly starts: readonly number[];

  /** @throws HcrError `malformed-file` when they do not fit below 2 GiB */
  constructor(what: string, sections: readonly Section[]) {
    this.sections = sections.filter(({ flags }) => (flags & SHF.ALLOC) !== 0);
    const bases = new Map<number, number>();
    let next = FIRST_ADDRESS;
    for (const { index, sizeBytes, alignment } of this.sections) {
      const base = alignUp(next, alignment);
      bases.set(index, base);
      next = base + sizeBytes + GAP_BYTES;
      if (!(next <= LAST_ADDRESS)) {
        throw new HcrError({ code: 'malformed-file', what, detail: 'its sections are too large' });
      }
    }
    this.bases = bases;
    this.starts = [...bases.values()];
  }

  /** Where a section starts; `undefined` for one that will not be loaded. */
  baseOf(sectionIndex: number): Vaddr | undefined {
    const base = this.bases.get(sectionIndex);
    return base === undefined ? undefined : vaddr(base);
  }

  /** The section that an address is in, its end included: code may end there. */
  sectionAt(address: number): SectionPlace | undefined {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.starts[middle] ?? 0) <= address) low = middle + 1;
      else high = middle;
    }
    const section = this.sections[low - 1];
    const offset = address - (this.starts[low - 1] ?? 0);
    return section !== undefined && offset <= section.sizeBytes
      ? { sectionIndex: section.index, offset }
      : undefined;
  }
}
