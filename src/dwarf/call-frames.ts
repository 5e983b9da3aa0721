/**
 * The entries of a `.eh_frame` or `.debug_frame` section: which description covers which code.
 *
 * What a description says (the DW_CFA instructions) is run in `frame-rows`.
 * @see DWARF 5, 6.4.1; LSB 5 Core Generic, 10.6.1 for what `.eh_frame` changes: a CIE has id 0, the
 * CIE pointer of an FDE counts back from itself, and the augmentation says how addresses are encoded
 */
import { ByteReader } from '../core/byte-reader.js';
import { readSleb128, readUleb128 } from './leb128.js';

/** In which of the two sections an entry is. */
export type FrameFormat = 'eh' | 'debug';

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
  /** True when its FDEs have further data, and say how much. */
  readonly isAugmented: boolean;
  /** True for the code that a signal handler returns to: what was interrupted is no call. */
  readonly isSignalFrame: boolean;
  /** What the instructions count code and the places of registers in. */
  readonly codeAlignment: number;
  readonly dataAlignment: number;
  /** Number of the register, or a number of its own, that stands for the return address. */
  readonly returnRegister: number;
  /** Where its instructions are, up to the entry's end. */
  readonly instructionsOffset: number;
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
  /** Where its instructions are, up to the entry's end. */
  readonly instructionsOffset: number;
}

const EXTENDED_LENGTH = 0xffff_ffff;
/** What a CIE has in place of the offset of one. */
const CIE_ID = { eh: 0n, debug: 0xffff_ffffn } as const;
const WIDE_CIE_ID = { eh: 0n, debug: 0xffff_ffff_ffff_ffffn } as const;

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
  format: FrameFormat = 'eh',
): readonly (CieEntry | FdeEntry)[] {
  const reader = new ByteReader(bytes, littleEndian, what);
  const cies = new Map<number, CieEntry>();
  const entries: (CieEntry | FdeEntry)[] = [];
  while (!reader.atEnd) {
    const entry = readEntry(reader, format, (offset) => {
      // A CIE comes after its FDEs only where a linker has moved it.
      const cie =
        cies.get(offset) ?? (format === 'debug' ? readCieAt(reader, offset, format) : undefined);
      if (cie !== undefined) cies.set(offset, cie);
      return cie;
    });
    if (entry?.kind === 'cie') cies.set(entry.offset, entry);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** The one description at an offset.
 *  @throws HcrError `malformed-file` when there is none */
export function readFdeAt(reader: ByteReader, offset: number, format: FrameFormat): FdeEntry {
  const entry = readEntry(reader.seek(offset), format, (cieOffset) =>
    readCieAt(reader, cieOffset, format),
  );
  return entry?.kind === 'fde' ? entry : reader.fail('no frame description');
}

function readCieAt(reader: ByteReader, offset: number, format: FrameFormat): CieEntry | undefined {
  if (!(offset >= 0)) return undefined;
  const { offset: back } = reader;
  const entry = readEntry(reader.seek(offset), format, () => undefined);
  reader.seek(back);
  return entry?.kind === 'cie' ? entry : undefined;
}

/** Reads the entry that starts here, and goes to the next.
 *  @returns undefined for a terminator; the linker may still have appended another file's entries */
function readEntry(
  reader: ByteReader,
  format: FrameFormat,
  cieAt: (offset: number) => CieEntry | undefined,
): CieEntry | FdeEntry | undefined {
  const { offset } = reader;
  let lengthBytes = reader.u32();
  if (lengthBytes === 0) return undefined;
  const isWide = lengthBytes === EXTENDED_LENGTH;
  if (isWide) lengthBytes = reader.size64();
  const idOffset = reader.offset;
  const end = idOffset + lengthBytes;
  reader.skip(lengthBytes).seek(idOffset);
  const sizeBytes = end - offset;
  const id = isWide && format === 'debug' ? reader.u64() : BigInt(reader.u32());
  if (id === CIE_ID[format] || (isWide && id === WIDE_CIE_ID[format])) {
    const cie = readCie(reader, offset, sizeBytes, format);
    reader.seek(end);
    return cie;
  }
  const cie = cieAt(format === 'eh' ? idOffset - Number(id) : Number(id));
  if (cie === undefined) return reader.fail('a frame description without its CIE');
  const startOffset = reader.offset;
  const widthBytes = encodedBytes(reader, cie.addressEncoding);
  const codeBytes = readUnsigned(reader.skip(widthBytes), widthBytes);
  let handlersOffset: number | undefined;
  if (cie.isAugmented) {
    const augmentationBytes = readUleb128(reader);
    if (cie.handlersEncoding !== undefined && augmentationBytes > 0) handlersOffset = reader.offset;
    reader.skip(augmentationBytes);
  }
  const instructionsOffset = Math.min(reader.offset, end);
  reader.seek(end);
  return {
    ...{ kind: 'fde', offset, sizeBytes, ciePointerOffset: idOffset, cie },
    ...{ startOffset, codeBytes, handlersOffset, instructionsOffset },
  };
}

/** The fourth version added the size of addresses. */
const DEBUG_VERSION_WITH_SIZES = 4;

function readCie(
  reader: ByteReader,
  offset: number,
  sizeBytes: number,
  format: FrameFormat,
): CieEntry {
  const version = reader.u8();
  const augmentation = reader.cstring();
  if (format === 'debug' && version >= DEBUG_VERSION_WITH_SIZES) reader.skip(2);
  const codeAlignment = readUleb128(reader);
  const dataAlignment = readSleb128(reader);
  const returnRegister = version === 1 ? reader.u8() : readUleb128(reader);
  let addressEncoding: number = DW_EH_PE.absptr;
  let handlersEncoding: number | undefined;
  let hasPersonality = false;
  let instructionsOffset = reader.offset;
  const isAugmented = augmentation.startsWith('z');
  if (isAugmented) {
    const augmentationBytes = readUleb128(reader);
    instructionsOffset = reader.offset + augmentationBytes;
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
  return {
    ...{ kind: 'cie', offset, sizeBytes, addressEncoding, handlersEncoding, hasPersonality },
    ...{
      isAugmented,
      isSignalFrame: augmentation.includes('S'),
      codeAlignment,
      dataAlignment,
      returnRegister,
    },
    instructionsOffset,
  };
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
