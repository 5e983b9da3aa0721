/** The file as a loader would lay it out: bytes by virtual address, before any relocation. */
import { hex, type Vaddr } from '../core/address.js';
import { MAX_READ_BYTES, type FileBytes } from './file-bytes.js';
import { malformed } from './malformed.js';
import { type Segment, segmentAt } from './segments.js';

export class LoadedBytes {
  private readonly file: FileBytes;
  private readonly segments: readonly Segment[];
  private readonly what: string;

  constructor(file: FileBytes, segments: readonly Segment[], what: string) {
    this.file = file;
    this.segments = segments;
    this.what = what;
  }

  /**
   * Bytes within one PT_LOAD segment, with zeros for what it has beyond its file bytes (`.bss`).
   * @throws HcrError `malformed-file` when no single segment holds them all
   */
  read(address: Vaddr, lengthBytes: number): Uint8Array {
    const segment = segmentAt(this.segments, address);
    const distance = segment ? address - segment.address : 0;
    if (!segment || !(lengthBytes >= 0) || distance + lengthBytes > segment.memorySizeBytes) {
      throw malformed(this.what, `nothing loads ${lengthBytes} bytes at ${hex(address)}`);
    }
    const inFile = Math.max(0, Math.min(lengthBytes, segment.fileSizeBytes - distance));
    if (inFile === lengthBytes) return this.file.read(segment.offset + distance, inFile);
    if (lengthBytes > MAX_READ_BYTES) {
      throw malformed(
        this.what,
        `${lengthBytes} bytes at ${hex(address)} are too many to read at once`,
      );
    }
    const bytes = new Uint8Array(lengthBytes);
    if (inFile > 0) bytes.set(this.file.read(segment.offset + distance, inFile));
    return bytes;
  }

  /**
   * Like {@link read}, but only bytes that stand in the file: a length that the file itself claims
   * cannot make this fetch more than the file has.
   * @throws HcrError `malformed-file` when the file does not hold them all
   */
  readStored(address: Vaddr, lengthBytes: number): Uint8Array {
    if (!(lengthBytes <= this.storedFrom(address))) {
      throw malformed(this.what, `${lengthBytes} bytes at ${hex(address)} are not in the file`);
    }
    return this.read(address, lengthBytes);
  }

  /** How many bytes from `address` on stand in the file and in the same segment. */
  storedFrom(address: Vaddr): number {
    const segment = segmentAt(this.segments, address);
    return segment ? Math.max(0, segment.address + segment.fileSizeBytes - address) : 0;
  }
}
