/**
 * The entries of a `.eh_frame` section: which description covers which code.
 *
 * What a description says (the DW_CFA instructions) is not looked at here.
 * @see DWARF 5, 6.4.1; LSB 5 Core Generic, 10.6.1 for what `.eh_frame` changes: a CIE has id 0, the
 * CIE pointer of an FDE counts back from itself, and the augmentation says how addresses are encoded
 */
import { ByteReader } from '../core/byte-reader.js';
import { readUleb128 } from './leb128.js';

export interface CieEntry {
  readonly kind: 'cie';
  /** Of its length field, in the section. */
  readonly offset: number;
  /** With the length field. */
  readonly sizeBytes: number;
  /** How its FDEs encode addresses: a DW_EH_PE number. */
  readonly addressEncoding: number;
  /** How its FDEs encode the address of their handlers; undefined when they have none. */
  readonly handlersEncoding: number | undefined;
  /** True when exceptions stop here: there is a personality routine. */
  readonly hasPersonality: boolean;
}

export interface FdeEntry {
  readonly kind: 'fde';
  readonly offset: number;
  readonly sizeBytes: number;
  /** Where its CIE pointer is, in the section. */
  readonly ciePointerOffset: number;
  readonly cie: CieEntry;
  /** Where the address of the code is. */
  readonly startOffset: number;
  /** Size of the code it covers. */
  readonly codeBytes: number;
  /** Where the address of the table of handlers is (the LSDA), when there may be one. */
  readonly handlersOffset: number | undefined;
}

const EXTENDED_LENGTH = 0xffff_ffff;

/** The low bits of a DW_EH_PE number: how wide a value is. The next says that it is signed. */
const DW_EH_PE = { absptr: 0, data2: 2, data4: 3, data8: 4 } as const;
const WIDTH_BITS = 0x07;
const SIGNED = 0x08;
/** The high bits: what a value counts from. */
const DW_EH_PE_absptr_base = 0x00;
const DW_EH_PE_pcrel = 0x10;
export const DW_EH_PE_omit = 0xff;

/** @param bytes the section; a relocatable object's addresses are still 0, their sizes are there
 *  @throws HcrError `malformed-file` */
export function readCallFrames(
  bytes: Uint8Array,
  littleEndian: boolean,
  what: string,
): readonly (CieEntry | FdeEntry)[] {
  const reader = new ByteReader(bytes, littleEndian, what);
  const cies = new Map<number, CieEntry>();
  const entries: (CieEntry | FdeEntry)[] = [];
  while (!reader.atEnd) {
    const { offset } = reader;
    let lengthBytes = reader.u32();
    // A terminator; the linker may still have appended another file's entries.
    if (lengthBytes === 0) continue;
    if (lengthBytes === EXTENDED_LENGTH) lengthBytes = reader.size64();
    const idOffset = reader.offset;
    const end = idOffset + lengthBytes;
    reader.skip(lengthBytes).seek(idOffset);
    const sizeBytes = end - offset;
    const id = reader.u32();
    if (id === 0) {
      const cie = readCie(reader, offset, sizeBytes);
      cies.set(offset, cie);
      entries.push(cie);
    } else {
      const cie = cies.get(idOffset - id);
      if (cie === undefined) return reader.fail('a frame description without its CIE');
      const startOffset = reader.offset;
      const widthBytes = encodedBytes(reader, cie.addressEncoding);
      const codeBytes = readUnsigned(reader.skip(widthBytes), widthBytes);
      let handlersOffset: number | undefined;
      if (cie.handlersEncoding !== undefined && readUleb128(reader) > 0)
        handlersOffset = reader.offset;
      entries.push({
        ...{ kind: 'fde', offset, sizeBytes, ciePointerOffset: idOffset, cie },
        ...{ startOffset, codeBytes, handlersOffset },
      });
    }
    reader.seek(end);
  }
  return entries;
}

function readCie(reader: ByteReader, offset: number, sizeBytes: number): CieEntry {
  const version = reader.u8();
  const augmentation = reader.cstring();
  readUleb128(reader); // code alignment
  readUleb128(reader); // data alignment: signed, but of the same length
  if (version === 1) reader.u8();
  else readUleb128(reader); // return address register
  let addressEncoding: number = DW_EH_PE.absptr;
  let handlersEncoding: number | undefined;
  let hasPersonality = false;
  if (augmentation.startsWith('z')) {
    readUleb128(reader);
    for (const letter of augmentation.slice(1)) {
      if (letter === 'R') {
        addressEncoding = reader.u8();
      } else if (letter === 'P') {
        hasPersonality = true;
        reader.skip(encodedBytes(reader, reader.u8()));
      } else if (letter === 'L') {
        handlersEncoding = reader.u8();
      } else if (!'SBG'.includes(letter)) {
        // Unknown, and so is the length of what belongs to it.
        break;
      }
    }
  }
  return { kind: 'cie', offset, sizeBytes, addressEncoding, handlersEncoding, hasPersonality };
}

function encodedBytes(reader: ByteReader, encoding: number): number {
  if (encoding === DW_EH_PE_omit) return 0;
  switch (encoding & WIDTH_BITS) {
    case DW_EH_PE.absptr:
    case DW_EH_PE.data8:
      return 8;
    case DW_EH_PE.data4:
      return 4;
    case DW_EH_PE.data2:
      return 2;
    default:
      return reader.fail(`an address in an unknown encoding (${encoding})`);
  }
}

/** The address that a field of a linked section holds.
 *  @param place where the field itself is
 *  @returns undefined for one that is not given by itself: through a pointer, from another base
 *  @throws HcrError `malformed-file` */
export function readEncodedAddress(
  reader: ByteReader,
  encoding: number,
  place: number,
): number | undefined {
  const widthBytes = encodedBytes(reader, encoding);
  const isSigned = (encoding & SIGNED) !== 0;
  const value = isSigned ? readSigned(reader, widthBytes) : readUnsigned(reader, widthBytes);
  switch (encoding & ~(WIDTH_BITS | SIGNED)) {
    case DW_EH_PE_absptr_base:
      return value;
    case DW_EH_PE_pcrel:
      return place + value;
    default:
      return undefined;
  }
}

function readSigned(reader: ByteReader, widthBytes: number): number {
  if (widthBytes === 8) return Number(reader.i64());
  return widthBytes === 4 ? reader.i32() : reader.i16();
}

function readUnsigned(reader: ByteReader, widthBytes: number): number {
  if (widthBytes === 8) return reader.size64();
  return widthBytes === 4 ? reader.u32() : reader.u16();
}
