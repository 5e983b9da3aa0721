/**
 * The header of a unit in `.debug_info` or, before version 5, in `.debug_types`. Hopping from header to header by `unit_length` finds all
 * units without reading what is in them.
 * @see DWARF 5, 7.5.1; DWARF 4, 7.5.1
 */
import type { ByteReader } from '../core/byte-reader.js';
import { DW_UT } from './constants.js';
import { type DebugSection, readerOver } from './debug-sections.js';
import { type Encoding, readOffset } from './form.js';

export interface UnitHeader {
  /** Where the unit starts in its section. */
  readonly offset: number;
  /** Size of the whole unit, its length field included. */
  readonly sizeBytes: number;
  /** From the unit's start to its root entry. */
  readonly headerBytes: number;
  readonly encoding: Encoding;
  /** A `DW_UT` number; 0 for a unit of a version that hcr does not read. */
  readonly unitType: number;
  readonly abbrevOffset: number;
  /** For type units: what `DW_FORM_ref_sig8` names, and where the type is in the unit. */
  readonly typeSignature: bigint | undefined;
  readonly typeOffset: number;
  /** For skeletons and split units of version 5: what tells which belong together. */
  readonly dwoId: bigint | undefined;
}

/** What a section consists of: before version 5 only its name tells type units from others. */
export type UnitKind = 'info' | 'types';

/** The longest header there is: a type unit in the 64-bit format. */
const MAX_HEADER_BYTES = 40;

const OLDEST_VERSION = 2;
const NEWEST_VERSION = 5;

/** @throws HcrError `malformed-file` when there is no sound header at `offset` */
export function readUnitHeader(
  info: DebugSection,
  offset: number,
  kind: UnitKind = 'info',
): UnitHeader {
  const available = Math.max(0, info.sizeBytes - offset);
  const reader = readerOver(info, offset, Math.min(MAX_HEADER_BYTES, available));
  const { sizeBytes, offsetBytes } = readInitialLength(reader);
  if (sizeBytes > available) {
    reader.fail(`a unit of ${sizeBytes} bytes where ${available} are left`);
  }
  const version = reader.u16();
  if (version < OLDEST_VERSION || version > NEWEST_VERSION) {
    return unreadable(offset, sizeBytes, { version, addressBytes: 8, offsetBytes });
  }
  let unitType: number = kind === 'types' ? DW_UT.type : DW_UT.compile;
  let addressBytes: number;
  let abbrevOffset: number;
  if (version >= 5) {
    unitType = reader.u8();
    addressBytes = reader.u8();
    abbrevOffset = readOffset(reader, { offsetBytes });
  } else {
    abbrevOffset = readOffset(reader, { offsetBytes });
    addressBytes = reader.u8();
  }
  const encoding: Encoding = { version, addressBytes, offsetBytes };
  let typeSignature: bigint | undefined;
  let typeOffset = 0;
  let dwoId: bigint | undefined;
  switch (unitType) {
    case DW_UT.compile:
    case DW_UT.partial:
      break;
    case DW_UT.type:
    case DW_UT.split_type:
      typeSignature = reader.u64();
      typeOffset = readOffset(reader, encoding);
      break;
    case DW_UT.skeleton:
    case DW_UT.split_compile:
      dwoId = reader.u64();
      break;
    default:
      return unreadable(offset, sizeBytes, encoding);
  }
  if (reader.offset > sizeBytes) reader.fail(`a unit of ${sizeBytes} bytes ends in its own header`);
  return {
    offset,
    sizeBytes,
    headerBytes: reader.offset,
    encoding,
    unitType,
    abbrevOffset,
    typeSignature,
    typeOffset,
    dwoId,
  };
}

/** All headers in order.
 *  @throws HcrError `malformed-file` when a length leads out of the section */
export function readUnitHeaders(info: DebugSection, kind: UnitKind): readonly UnitHeader[] {
  const headers: UnitHeader[] = [];
  let offset = 0;
  while (offset < info.sizeBytes) {
    const header = readUnitHeader(info, offset, kind);
    headers.push(header);
    offset += header.sizeBytes;
  }
  return headers;
}

/**
 * The length that begins each contribution to a DWARF section, and with it the format.
 * @returns the size of the contribution with its length field, from where the reader stood
 * @throws HcrError `malformed-file` for a reserved value
 * @see DWARF 5, 7.2.2 and 7.4
 */
export function readInitialLength(reader: ByteReader): {
  readonly sizeBytes: number;
  readonly offsetBytes: 4 | 8;
} {
  const length = reader.u32();
  if (length < 0xffff_fff0) return { sizeBytes: length + 4, offsetBytes: 4 };
  if (length !== 0xffff_ffff) reader.fail(`reserved length 0x${length.toString(16)}`);
  return { sizeBytes: reader.size64() + 12, offsetBytes: 8 };
}

function unreadable(offset: number, sizeBytes: number, encoding: Encoding): UnitHeader {
  return {
    offset,
    sizeBytes,
    headerBytes: 0,
    encoding,
    unitType: 0,
    abbrevOffset: 0,
    typeSignature: undefined,
    typeOffset: 0,
    dwoId: undefined,
  };
}
