/**
 * How one attribute value is written. A form says its class and size; some values are indexes
 * or offsets into other sections, which the unit resolves.
 * @see DWARF 5, 7.5.5 and 7.5.6
 */
import type { ByteReader } from '../core/byte-reader.js';
import { DW_FORM } from './constants.js';
import { readUleb128, readWideSleb128, readWideUleb128, skipLeb128 } from './leb128.js';

/** What the size of a value depends on, besides its form. */
export interface Encoding {
  readonly version: number;
  readonly addressBytes: number;
  /** 4 in the 32-bit DWARF format, 8 in the 64-bit one. */
  readonly offsetBytes: 4 | 8;
}

export type FormValue =
  /** `undefined` for an address that no program has: what linkers write for discarded code. */
  | { readonly kind: 'address'; readonly value: number | undefined }
  | { readonly kind: 'address-index'; readonly index: number }
  /** Unless the form says otherwise it is unsigned; `sizeBytes` (0 for LEB128) tells where the
   *  sign bit would be. */
  | { readonly kind: 'constant'; readonly value: number | bigint; readonly sizeBytes: number }
  | { readonly kind: 'flag'; readonly value: boolean }
  | { readonly kind: 'block'; readonly bytes: Uint8Array; readonly isExpression: boolean }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'text-offset'; readonly section: TextSection; readonly offset: number }
  | { readonly kind: 'text-index'; readonly index: number }
  | { readonly kind: 'section-offset'; readonly offset: number }
  | { readonly kind: 'list-index'; readonly index: number }
  /** Counted from the start of the unit. */
  | { readonly kind: 'unit-reference'; readonly offset: number }
  /** Counted from the start of `.debug_info`. */
  | { readonly kind: 'info-reference'; readonly offset: number }
  | { readonly kind: 'type-signature'; readonly signature: bigint }
  /** In the `.debug_str` of the supplementary file. */
  | { readonly kind: 'supplementary-text'; readonly offset: number }
  /** Counted from the start of `.debug_info` of the supplementary file. */
  | { readonly kind: 'supplementary-reference'; readonly offset: number };

export type TextSection = '.debug_str' | '.debug_line_str';

/** @throws HcrError `malformed-file` when the form is unknown or the value runs off the end */
export function readForm(
  reader: ByteReader,
  form: number,
  encoding: Encoding,
  implicitConst: number | bigint,
): FormValue {
  switch (form) {
    case DW_FORM.addr:
      return { kind: 'address', value: readAddress(reader, encoding.addressBytes) };
    case DW_FORM.addrx:
    case DW_FORM.GNU_addr_index:
      return { kind: 'address-index', index: readUleb128(reader) };
    case DW_FORM.addrx1:
      return { kind: 'address-index', index: reader.u8() };
    case DW_FORM.addrx2:
      return { kind: 'address-index', index: reader.u16() };
    case DW_FORM.addrx3:
      return { kind: 'address-index', index: readU24(reader) };
    case DW_FORM.addrx4:
      return { kind: 'address-index', index: reader.u32() };

    case DW_FORM.data1:
      return { kind: 'constant', value: reader.u8(), sizeBytes: 1 };
    case DW_FORM.data2:
      return { kind: 'constant', value: reader.u16(), sizeBytes: 2 };
    case DW_FORM.data4:
      return { kind: 'constant', value: reader.u32(), sizeBytes: 4 };
    case DW_FORM.data8:
      return { kind: 'constant', value: narrow(reader.u64()), sizeBytes: 8 };
    case DW_FORM.udata:
      return { kind: 'constant', value: readWideUleb128(reader), sizeBytes: 0 };
    case DW_FORM.sdata:
      return { kind: 'constant', value: readWideSleb128(reader), sizeBytes: 0 };
    case DW_FORM.implicit_const:
      return { kind: 'constant', value: implicitConst, sizeBytes: 0 };

    case DW_FORM.flag:
      return { kind: 'flag', value: reader.u8() !== 0 };
    case DW_FORM.flag_present:
      return { kind: 'flag', value: true };

    case DW_FORM.block1:
      return { kind: 'block', bytes: reader.take(reader.u8()), isExpression: false };
    case DW_FORM.block2:
      return { kind: 'block', bytes: reader.take(reader.u16()), isExpression: false };
    case DW_FORM.block4:
      return { kind: 'block', bytes: reader.take(reader.u32()), isExpression: false };
    case DW_FORM.block:
      return { kind: 'block', bytes: reader.take(readUleb128(reader)), isExpression: false };
    case DW_FORM.data16:
      return { kind: 'block', bytes: reader.take(16), isExpression: false };
    case DW_FORM.exprloc:
      return { kind: 'block', bytes: reader.take(readUleb128(reader)), isExpression: true };

    case DW_FORM.string:
      return { kind: 'text', value: reader.cstring() };
    case DW_FORM.strp:
      return { kind: 'text-offset', section: '.debug_str', offset: readOffset(reader, encoding) };
    case DW_FORM.line_strp: {
      const offset = readOffset(reader, encoding);
      return { kind: 'text-offset', section: '.debug_line_str', offset };
    }
    case DW_FORM.strx:
    case DW_FORM.GNU_str_index:
      return { kind: 'text-index', index: readUleb128(reader) };
    case DW_FORM.strx1:
      return { kind: 'text-index', index: reader.u8() };
    case DW_FORM.strx2:
      return { kind: 'text-index', index: reader.u16() };
    case DW_FORM.strx3:
      return { kind: 'text-index', index: readU24(reader) };
    case DW_FORM.strx4:
      return { kind: 'text-index', index: reader.u32() };

    case DW_FORM.sec_offset:
      return { kind: 'section-offset', offset: readOffset(reader, encoding) };
    case DW_FORM.loclistx:
    case DW_FORM.rnglistx:
      return { kind: 'list-index', index: readUleb128(reader) };

    case DW_FORM.ref1:
      return { kind: 'unit-reference', offset: reader.u8() };
    case DW_FORM.ref2:
      return { kind: 'unit-reference', offset: reader.u16() };
    case DW_FORM.ref4:
      return { kind: 'unit-reference', offset: reader.u32() };
    case DW_FORM.ref8:
      return { kind: 'unit-reference', offset: reader.size64() };
    case DW_FORM.ref_udata:
      return { kind: 'unit-reference', offset: readUleb128(reader) };
    case DW_FORM.ref_addr:
      return { kind: 'info-reference', offset: readInfoReference(reader, encoding) };
    case DW_FORM.ref_sig8:
      return { kind: 'type-signature', signature: reader.u64() };

    case DW_FORM.ref_sup4:
      return { kind: 'supplementary-reference', offset: reader.u32() };
    case DW_FORM.ref_sup8:
      return { kind: 'supplementary-reference', offset: reader.size64() };
    case DW_FORM.GNU_ref_alt:
      return { kind: 'supplementary-reference', offset: readOffset(reader, encoding) };
    case DW_FORM.strp_sup:
    case DW_FORM.GNU_strp_alt:
      return { kind: 'supplementary-text', offset: readOffset(reader, encoding) };

    case DW_FORM.indirect:
      return readForm(reader, readIndirectForm(reader), encoding, 0);
    default:
      return reader.fail(`unknown form 0x${form.toString(16)}`);
  }
}

/** Passes over a value.
 *  @throws HcrError `malformed-file` when the form is unknown or the value runs off the end */
export function skipForm(reader: ByteReader, form: number, encoding: Encoding): void {
  switch (form) {
    case DW_FORM.flag_present:
    case DW_FORM.implicit_const:
      return;
    case DW_FORM.data1:
    case DW_FORM.ref1:
    case DW_FORM.flag:
    case DW_FORM.strx1:
    case DW_FORM.addrx1:
      reader.skip(1);
      return;
    case DW_FORM.data2:
    case DW_FORM.ref2:
    case DW_FORM.strx2:
    case DW_FORM.addrx2:
      reader.skip(2);
      return;
    case DW_FORM.strx3:
    case DW_FORM.addrx3:
      reader.skip(3);
      return;
    case DW_FORM.data4:
    case DW_FORM.ref4:
    case DW_FORM.ref_sup4:
    case DW_FORM.strx4:
    case DW_FORM.addrx4:
      reader.skip(4);
      return;
    case DW_FORM.data8:
    case DW_FORM.ref8:
    case DW_FORM.ref_sig8:
    case DW_FORM.ref_sup8:
      reader.skip(8);
      return;
    case DW_FORM.data16:
      reader.skip(16);
      return;
    case DW_FORM.addr:
      reader.skip(encoding.addressBytes);
      return;
    case DW_FORM.strp:
    case DW_FORM.line_strp:
    case DW_FORM.sec_offset:
    case DW_FORM.strp_sup:
    case DW_FORM.GNU_ref_alt:
    case DW_FORM.GNU_strp_alt:
      reader.skip(encoding.offsetBytes);
      return;
    case DW_FORM.ref_addr:
      reader.skip(infoReferenceBytes(encoding));
      return;
    case DW_FORM.sdata:
    case DW_FORM.udata:
    case DW_FORM.ref_udata:
    case DW_FORM.strx:
    case DW_FORM.addrx:
    case DW_FORM.loclistx:
    case DW_FORM.rnglistx:
    case DW_FORM.GNU_addr_index:
    case DW_FORM.GNU_str_index:
      skipLeb128(reader);
      return;
    case DW_FORM.block1:
      reader.skip(reader.u8());
      return;
    case DW_FORM.block2:
      reader.skip(reader.u16());
      return;
    case DW_FORM.block4:
      reader.skip(reader.u32());
      return;
    case DW_FORM.block:
    case DW_FORM.exprloc:
      reader.skip(readUleb128(reader));
      return;
    case DW_FORM.string:
      skipString(reader);
      return;
    case DW_FORM.indirect:
      skipForm(reader, readIndirectForm(reader), encoding);
      return;
    default:
      reader.fail(`unknown form 0x${form.toString(16)}`);
  }
}

/** An address of the target; `undefined` when it is above 2^53, as the marks that linkers leave
 *  in place of discarded code are (-1, -2).
 *  @throws HcrError `malformed-file` when it runs off the end */
export function readAddress(reader: ByteReader, addressBytes: number): number | undefined {
  switch (addressBytes) {
    case 8: {
      const [low, high] = readHalves(reader);
      return high > 0x1f_ffff ? undefined : high * 0x1_0000_0000 + low;
    }
    case 4: {
      const value = reader.u32();
      return value >= 0xffff_fffe ? undefined : value;
    }
    case 2:
      return reader.u16();
    default:
      return reader.fail(`addresses of ${addressBytes} bytes`);
  }
}

/** An offset into a section, of the size that the DWARF format gives it.
 *  @throws HcrError `malformed-file` when it is above 2^53 or runs off the end */
export function readOffset(reader: ByteReader, encoding: Pick<Encoding, 'offsetBytes'>): number {
  return encoding.offsetBytes === 4 ? reader.u32() : reader.size64();
}

function readHalves(reader: ByteReader): readonly [low: number, high: number] {
  const first = reader.u32();
  const second = reader.u32();
  return reader.littleEndian ? [first, second] : [second, first];
}

function readU24(reader: ByteReader): number {
  const a = reader.u8();
  const b = reader.u8();
  const c = reader.u8();
  return reader.littleEndian ? a + b * 0x100 + c * 0x1_0000 : a * 0x1_0000 + b * 0x100 + c;
}

/** DWARF 2 wrote it as large as an address. */
function infoReferenceBytes(encoding: Encoding): number {
  return encoding.version <= 2 ? encoding.addressBytes : encoding.offsetBytes;
}

function readInfoReference(reader: ByteReader, encoding: Encoding): number {
  return infoReferenceBytes(encoding) === 4 ? reader.u32() : reader.size64();
}

function readIndirectForm(reader: ByteReader): number {
  const form = readUleb128(reader);
  if (form === DW_FORM.indirect || form === DW_FORM.implicit_const) {
    reader.fail(`form 0x${form.toString(16)} named indirectly`);
  }
  return form;
}

function skipString(reader: ByteReader): void {
  const end = reader.bytes.indexOf(0, reader.offset);
  if (end < 0) reader.fail('string without end');
  reader.offset = end + 1;
}

function narrow(value: bigint): number | bigint {
  const n = Number(value);
  return Number.isSafeInteger(n) ? n : value;
}
