/** What the root entry of a unit says that its other entries need. @see DWARF 5, 3.1.1 */
import { DW_AT } from './constants.js';
import type { Die } from './die.js';
import type { Encoding } from './form.js';
import type { Contributions } from './unit-surroundings.js';

export interface RootValues {
  readonly language: number | undefined;
  /** Where the unit's part of each section of indexed values starts. */
  readonly strOffsetsBase: number;
  readonly addrBase: number;
  readonly rnglistsBase: number;
  readonly loclistsBase: number;
  /** Where a split unit of version 4 has its part of `.debug_ranges`, in the program. */
  readonly rangesBase: number;
}

/** Where the first entry of a version 5 table is, when the unit doesn't say: after its header.
 *  Split units never say. */
const STR_OFFSETS_HEADER_BYTES = { 4: 8, 8: 16 } as const;
const LISTS_HEADER_BYTES = { 4: 12, 8: 20 } as const;

/** @throws HcrError `malformed-file` */
export function readRootValues(
  root: Die,
  { version, offsetBytes }: Encoding,
  contributions: Contributions,
): RootValues {
  return {
    language: root.constant(DW_AT.language),
    strOffsetsBase:
      root.sectionOffset(DW_AT.str_offsets_base) ??
      contributions.strOffsets + (version < 5 ? 0 : STR_OFFSETS_HEADER_BYTES[offsetBytes]),
    addrBase: root.sectionOffset(DW_AT.addr_base) ?? root.sectionOffset(DW_AT.GNU_addr_base) ?? 0,
    rnglistsBase:
      root.sectionOffset(DW_AT.rnglists_base) ??
      contributions.ranges + LISTS_HEADER_BYTES[offsetBytes],
    loclistsBase:
      root.sectionOffset(DW_AT.loclists_base) ??
      contributions.locations + LISTS_HEADER_BYTES[offsetBytes],
    rangesBase: root.sectionOffset(DW_AT.GNU_ranges_base) ?? 0,
  };
}
