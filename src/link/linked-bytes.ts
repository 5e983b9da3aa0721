/** Reads what has been linked and is not in the target yet, by the address that it will have. */
import type { Addr } from '../core/address.js';
import type { LinkedPart } from './link.js';

/** A view of the bytes; undefined where no part holds all of them. */
export function linkedBytes(
  parts: readonly LinkedPart[],
  start: Addr,
  sizeBytes: number,
): Uint8Array | undefined {
  for (const part of parts) {
    const offset = start - part.start;
    if (offset >= 0 && offset + sizeBytes <= part.bytes.length)
      return part.bytes.subarray(offset, offset + sizeBytes);
  }
  return undefined;
}
