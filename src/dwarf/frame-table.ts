/**
 * Which frame description covers an address of a module.
 *
 * Linkers write a sorted table of the descriptions in `.eh_frame` for the unwinder of the program
 * (`.eh_frame_hdr`). Where it is there nothing else is read but the descriptions asked for; without
 * it all of them are listed once. `.debug_frame` has the code that was compiled without unwind tables.
 * @see LSB 5 Core Generic, 10.6.2 for `.eh_frame_hdr`
 */
import { vaddr } from '../core/address.js';
import type { ByteReader } from '../core/byte-reader.js';
import { PT, SHT } from '../elf/constants.js';
import type { ElfFile } from '../elf/elf-file.js';
import { unlessMalformed } from '../elf/malformed.js';
import {
  type FdeEntry,
  type FrameFormat,
  readCallFrames,
  readEncodedAddress,
  readFdeAt,
} from './call-frames.js';
import { type FrameBytes, type FrameDescription, readerOf } from './frame-rows.js';

/** More is no section of frame descriptions: a browser has some 30 MB. */
const MAX_FRAME_BYTES = 1 << 29;

/** A source of descriptions. */
export interface FrameSource {
  /** The description that covers an address; a damaged one counts as none. */
  find(address: number): FrameDescription | undefined;
}

/** All descriptions of a module, in its own addresses. Nothing is read before it is asked for.
 *  @param elf borrowed for as long as the result is used */
export function frameTableOf(elf: ElfFile): FrameSource {
  const sources = [
    lazily(() => openEhFrame(elf)),
    lazily(() => openListed(elf, '.debug_frame', 'debug')),
    lazily(() => {
      const separate = elf.companions?.separate();
      return separate && openListed(separate, '.debug_frame', 'debug');
    }),
  ];
  return { find: (address) => firstOf(sources, address) };
}

/** The description at an offset of a piece of memory.
 *  @throws HcrError `malformed-file` */
export function describeAt(
  home: FrameBytes,
  offset: number,
  format: FrameFormat,
): FrameDescription | undefined {
  return describe(home, readFdeAt(readerOf(home), offset, format));
}

function firstOf(sources: readonly FrameSource[], address: number): FrameDescription | undefined {
  for (const source of sources) {
    const found = source.find(address);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Opened when first asked; what is damaged has no descriptions. */
function lazily(open: () => FrameSource | undefined): FrameSource {
  let opened: { readonly source: FrameSource | undefined } | undefined;
  return {
    find: (address) =>
      unlessMalformed(() => {
        if (opened === undefined) {
          opened = { source: undefined };
          opened = { source: open() };
        }
        return opened.source?.find(address);
      }),
  };
}

function openEhFrame(elf: ElfFile): FrameSource | undefined {
  const section = sectionBytes(elf, '.eh_frame');
  const header = sectionBytes(elf, '.eh_frame_hdr') ?? segmentBytes(elf);
  const table = header && readHeaderTable(header);
  const home = section ?? (table && fromAddress(elf, table.framesAddress));
  if (home === undefined) return undefined;
  return table?.sorted === undefined
    ? listed(home, 'eh')
    : searched(home, table.sorted, header?.address ?? 0);
}

function openListed(elf: ElfFile, name: string, format: FrameFormat): FrameSource | undefined {
  const home = sectionBytes(elf, name);
  return home && listed(home, format);
}

function sectionBytes(elf: ElfFile, name: string): FrameBytes | undefined {
  const section = elf.section(name);
  if (section === undefined || section.type === SHT.NOBITS || section.sizeBytes > MAX_FRAME_BYTES)
    return undefined;
  return homeOf(elf, elf.sectionBytes(section), section.address, name);
}

/** Where section headers are stripped, the table is a segment of its own. */
function segmentBytes(elf: ElfFile): FrameBytes | undefined {
  const segment = elf.segments.find(({ type }) => type === PT.GNU_EH_FRAME);
  if (segment === undefined || segment.fileSizeBytes > MAX_FRAME_BYTES) return undefined;
  const bytes = elf.readAtVaddr(segment.address, segment.fileSizeBytes);
  return homeOf(elf, bytes, segment.address, 'frame table');
}

/** All that is loaded from an address on: nothing tells where the descriptions end. */
function fromAddress(elf: ElfFile, address: number): FrameBytes | undefined {
  const segment = elf.segments.find(
    (each) =>
      each.type === PT.LOAD &&
      each.address <= address &&
      address < each.address + each.fileSizeBytes,
  );
  if (segment === undefined) return undefined;
  const sizeBytes = segment.address + segment.fileSizeBytes - address;
  if (sizeBytes > MAX_FRAME_BYTES) return undefined;
  return homeOf(elf, elf.readAtVaddr(vaddr(address), sizeBytes), address, 'frames');
}

function homeOf(elf: ElfFile, bytes: Uint8Array, address: number, name: string): FrameBytes {
  const { littleEndian } = elf.header;
  return { bytes, address, littleEndian, what: `${elf.what} (${name})` };
}

const DW_EH_PE_udata4 = 0x03;
const DW_EH_PE_datarel_sdata4 = 0x3b;
const PAIR_BYTES = 8;

interface HeaderTable {
  readonly framesAddress: number;
  /** Pairs of distances from the table's start: code, description. Absent in another encoding. */
  readonly sorted: ByteReader | undefined;
}

function readHeaderTable(header: FrameBytes): HeaderTable | undefined {
  const reader = readerOf(header);
  if (reader.u8() !== 1) return undefined;
  const [frames, count, pairs] = [reader.u8(), reader.u8(), reader.u8()];
  const framesAddress = readEncodedAddress(reader, frames, header.address + reader.offset);
  if (framesAddress === undefined) return undefined;
  if (count !== DW_EH_PE_udata4 || pairs !== DW_EH_PE_datarel_sdata4)
    return { framesAddress, sorted: undefined };
  const pairCount = reader.u32();
  return { framesAddress, sorted: reader.sub(pairCount * PAIR_BYTES) };
}

/** @param pairs as the linker sorted them; an unsorted table finds less, and nothing wrong
 *  @param base what they count from */
function searched(home: FrameBytes, pairs: ByteReader, base: number): FrameSource {
  const count = pairs.bytes.length / PAIR_BYTES;
  const startOf = (index: number): number => base + pairs.seek(index * PAIR_BYTES).i32();
  const offsetOf = (index: number): number =>
    base + pairs.seek(index * PAIR_BYTES + PAIR_BYTES / 2).i32() - home.address;
  return {
    find(address) {
      const index = countUpTo(count, address, startOf) - 1;
      if (index < 0) return undefined;
      return covering(describeAt(home, offsetOf(index), 'eh'), address);
    },
  };
}

/** All entries of a section, by their code. */
function listed(home: FrameBytes, format: FrameFormat): FrameSource {
  const { bytes, littleEndian, what } = home;
  const descriptions = readCallFrames(bytes, littleEndian, what, format)
    .flatMap((entry) => (entry.kind === 'fde' ? (describe(home, entry) ?? []) : []))
    .sort((a, b) => a.start - b.start);
  return {
    find(address) {
      const index = countUpTo(descriptions.length, address, (i) => descriptions[i]?.start ?? 0);
      return covering(descriptions[index - 1], address);
    },
  };
}

function countUpTo(count: number, address: number, startOf: (index: number) => number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (startOf(middle) <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

function covering(
  description: FrameDescription | undefined,
  address: number,
): FrameDescription | undefined {
  return description !== undefined && address >= description.start && address < description.end
    ? description
    : undefined;
}

/** Undefined where its address is in an encoding that compilers do not use here. */
function describe(home: FrameBytes, entry: FdeEntry): FrameDescription | undefined {
  const reader = readerOf(home).seek(entry.startOffset);
  const place = home.address + entry.startOffset;
  const start = readEncodedAddress(reader, entry.cie.addressEncoding, place);
  return start === undefined ? undefined : { start, end: start + entry.codeBytes, entry, home };
}
