/** What a unit has from the file and the section that it is in. */
import type { DebugSection } from './debug-sections.js';
import type { Die } from './die.js';
import type { FileTables } from './file-tables.js';
import type { ReadBudget } from './read-budget.js';
import type { UnitContents } from './unit-contents.js';
import type { UnitKind } from './unit-header.js';

/** How the units of a file lead to others. */
export interface UnitLinks {
  /** The entry at this offset of `.debug_info`; `undefined` without that section.
   *  @throws HcrError `malformed-file` when there is none */
  dieAt(infoOffset: number): Die | undefined;
  /** The type with this signature; `undefined` when its unit is not in the file. */
  typeWithSignature(signature: bigint): Die | undefined;
  /** What all units together may import, in bytes. */
  importBudget(): ReadBudget;
  /** That of units which leave it to those that import them. */
  language(): number | undefined;
  /** The file that this one shares text and entries with. */
  supplement(): Supplement | undefined;
}

/** The other half of a file that `dwz` made smaller.
 *  @see DWARF 5, 7.3.6 */
export interface Supplement {
  text(offset: number): string | undefined;
  dieAt(infoOffset: number): Die | undefined;
  readonly sizeBytes: number;
}

/** What the units of a section share. */
export interface UnitSurroundings extends FileTables, UnitLinks {
  readonly info: DebugSection;
  readonly kind: UnitKind;
  readonly contents: UnitContents;
  /** Added to offsets, so that no two units of several sections and files have the same. */
  readonly base: number;
}

/** Where a unit's parts of the sections begin that it shares with others, in bytes. Only in
 *  packages are they not all 0. */
export interface Contributions {
  readonly info: number;
  readonly abbrev: number;
  readonly line: number;
  readonly locations: number;
  readonly strOffsets: number;
  readonly ranges: number;
}

export const NO_CONTRIBUTIONS: Contributions = {
  info: 0,
  abbrev: 0,
  line: 0,
  locations: 0,
  strOffsets: 0,
  ranges: 0,
};
