/** The program header table, and what a loader makes of it. */
import { vaddr, type Vaddr } from '../core/address.js';
import { ByteReader } from '../core/byte-reader.js';
import { ELF64, PT } from './constants.js';
import type { FileBytes } from './file-bytes.js';
import type { ElfHeader } from './header.js';

export interface Segment {
  readonly index: number;
  /** `p_type`, one of PT. */
  readonly type: number;
  /** `p_flags`, bits of PF. */
  readonly flags: number;
  /** In bytes from the start of the file. */
  readonly offset: number;
  readonly address: Vaddr;
  readonly fileSizeBytes: number;
  /** At least {@link fileSizeBytes} in a sane PT_LOAD; the rest is zeros. */
  readonly memorySizeBytes: number;
  readonly alignment: number;
}

/**
 * @throws HcrError `malformed-file` when the table is damaged
 * @see gABI 5 "Program Header"
 */
export function readSegments(file: FileBytes, header: ElfHeader, what: string): readonly Segment[] {
  const { offset, count } = header.segmentTable;
  const bytes = file.read(offset, count * ELF64.PHDR);
  const reader = new ByteReader(bytes, header.littleEndian, `${what} (program headers)`);
  return Array.from({ length: count }, (_, index) => {
    const type = reader.u32();
    const flags = reader.u32();
    const fileOffset = reader.size64();
    const address = vaddr(reader.u64());
    reader.skip(8); // p_paddr
    const fileSizeBytes = reader.size64();
    const memorySizeBytes = reader.size64();
    // GNU_STACK and foreign segments may hold anything here; only the loaded ones are trusted.
    const alignment = Number(reader.u64());
    return {
      index,
      type,
      flags,
      offset: fileOffset,
      address,
      fileSizeBytes,
      memorySizeBytes,
      alignment,
    };
  });
}

/** The PT_LOAD segment whose memory holds `address`. */
export function segmentAt(segments: readonly Segment[], address: Vaddr): Segment | undefined {
  return segments.find(
    (s) => s.type === PT.LOAD && address >= s.address && address < s.address + s.memorySizeBytes,
  );
}

/** Where the byte at a file offset is loaded; `undefined` when no PT_LOAD segment loads it. */
export function vaddrOfOffset(segments: readonly Segment[], offset: number): Vaddr | undefined {
  const segment = segments.find(
    (s) => s.type === PT.LOAD && offset >= s.offset && offset < s.offset + s.fileSizeBytes,
  );
  return segment && vaddr(segment.address + (offset - segment.offset));
}

/** Where in the file the byte loaded at `address` is; `undefined` for zeros that no file holds. */
export function offsetOfVaddr(segments: readonly Segment[], address: Vaddr): number | undefined {
  const segment = segmentAt(segments, address);
  if (!segment) return undefined;
  const distance = address - segment.address;
  return distance < segment.fileSizeBytes ? segment.offset + distance : undefined;
}
