/**
 * `.debug_aranges`: which unit each piece of code belongs to, for those units whose compiler
 * wrote it down. gcc does, clang does not unless asked to.
 * @see DWARF 5, 6.1.2 and 7.21
 */
import type { ByteReader } from '../core/byte-reader.js';
import type { OwnedRange } from './address-index.js';
import { type DebugSection, readerOver } from './debug-sections.js';
import { readAddress, readOffset } from './form.js';
import { liveRange } from './range-lists.js';
import { readInitialLength } from './unit-header.js';

const SUPPORTED_VERSION = 2;

/** All ranges in the section. A unit without any here is not known to be without code.
 *  @throws HcrError `malformed-file` */
export function readAranges(section: DebugSection): readonly OwnedRange[] {
  const ranges: OwnedRange[] = [];
  const reader = readerOver(section, 0, section.sizeBytes);
  while (!reader.atEnd) {
    const start = reader.offset;
    const { sizeBytes, offsetBytes } = readInitialLength(reader);
    const lengthFieldBytes = reader.offset - start;
    readSet(reader.sub(sizeBytes - lengthFieldBytes), lengthFieldBytes, offsetBytes, ranges);
  }
  return ranges;
}

/** @param lengthFieldBytes what precedes the set: pairs are aligned from the set's true start */
function readSet(
  reader: ByteReader,
  lengthFieldBytes: number,
  offsetBytes: 4 | 8,
  ranges: OwnedRange[],
): void {
  if (reader.u16() !== SUPPORTED_VERSION) return;
  const unitOffset = readOffset(reader, { offsetBytes });
  const addressBytes = reader.u8();
  const segmentBytes = reader.u8();
  if (segmentBytes !== 0) return;
  const pairBytes = addressBytes * 2;
  if (pairBytes === 0) reader.fail('addresses of 0 bytes');
  const beyond = (lengthFieldBytes + reader.offset) % pairBytes;
  if (beyond !== 0) reader.skip(Math.min(pairBytes - beyond, reader.remaining));
  while (reader.remaining >= pairBytes) {
    const start = readAddress(reader, addressBytes);
    const length = readAddress(reader, addressBytes);
    if (start === 0 && length === 0) return;
    const range = liveRange(start, (start ?? 0) + (length ?? 0));
    if (range !== undefined) ranges.push({ ...range, owner: unitOffset });
  }
}
