/**
 * The index of a package of split units (`.dwp`): by the signature of a unit, where its parts of
 * the package's sections are.
 * @see DWARF 5, 7.3.5; https://gcc.gnu.org/wiki/DebugFissionDWP for version 2, of GNU
 */
import { DW_SECT, DW_SECT_V2 } from './constants.js';
import { type DebugSection, readerOver } from './debug-sections.js';
import type { Contributions } from './unit-surroundings.js';
import type { UnitKind } from './unit-header.js';

/** Where a unit's own bytes are. */
export interface PackagedUnit extends Contributions {
  readonly signature: bigint;
  /** Which section {@link Contributions.info} counts in. */
  readonly kind: UnitKind;
}

const HEADER_BYTES = 16;
const SIGNATURE_BYTES = 8;
const NUMBER_BYTES = 4;
/** There are eight kinds of sections. */
const MAX_COLUMNS = 16;

/** All units that an index lists, by signature. Of two with one signature the first counts.
 *  @throws HcrError `malformed-file` */
export function readPackageIndex(section: DebugSection): ReadonlyMap<bigint, PackagedUnit> {
  const units = new Map<bigint, PackagedUnit>();
  const reader = readerOver(section, 0, section.sizeBytes);
  // Version 5 made it 2 bytes and 2 of padding, version 2 had 4.
  const word = reader.u32();
  const version = word === 2 ? 2 : section.littleEndian ? word & 0xffff : word >>> 16;
  if (version !== 2 && version !== 5) return units;
  const columns = reader.u32();
  const rows = reader.u32();
  const slots = reader.u32();
  if (rows === 0 || columns === 0) return units;
  if (columns > MAX_COLUMNS || rows > slots) reader.fail(`${rows} units in ${slots} places`);

  const rowNumbersAt = HEADER_BYTES + slots * SIGNATURE_BYTES;
  const kindsAt = rowNumbersAt + slots * NUMBER_BYTES;
  const offsetsAt = kindsAt + columns * NUMBER_BYTES;
  // All of the tables must be there before room is made for what they hold.
  reader.seek(offsetsAt + rows * columns * NUMBER_BYTES);
  reader.seek(kindsAt);
  const kinds = Array.from({ length: columns }, () => reader.u32());
  for (let slot = 0; slot < slots; slot++) {
    const row = reader.seek(rowNumbersAt + slot * NUMBER_BYTES).u32();
    if (row === 0) continue;
    if (row > rows) reader.fail(`unit ${row} of ${rows}`);
    const signature = reader.seek(HEADER_BYTES + slot * SIGNATURE_BYTES).u64();
    if (units.has(signature)) continue;
    reader.seek(offsetsAt + (row - 1) * columns * NUMBER_BYTES);
    const offsets = new Map(kinds.map((kind) => [kind, reader.u32()]));
    units.set(signature, packagedUnit(signature, version, offsets));
  }
  return units;
}

function packagedUnit(
  signature: bigint,
  version: 2 | 5,
  offsets: ReadonlyMap<number, number>,
): PackagedUnit {
  const at = (kind: number): number => offsets.get(kind) ?? 0;
  if (version === 5) {
    return {
      signature,
      kind: 'info',
      info: at(DW_SECT.INFO),
      abbrev: at(DW_SECT.ABBREV),
      line: at(DW_SECT.LINE),
      locations: at(DW_SECT.LOCLISTS),
      strOffsets: at(DW_SECT.STR_OFFSETS),
      ranges: at(DW_SECT.RNGLISTS),
    };
  }
  const isInTypes = offsets.has(DW_SECT_V2.TYPES);
  return {
    signature,
    kind: isInTypes ? 'types' : 'info',
    info: at(isInTypes ? DW_SECT_V2.TYPES : DW_SECT_V2.INFO),
    abbrev: at(DW_SECT_V2.ABBREV),
    line: at(DW_SECT_V2.LINE),
    locations: at(DW_SECT_V2.LOC),
    strOffsets: at(DW_SECT_V2.STR_OFFSETS),
    ranges: 0,
  };
}
