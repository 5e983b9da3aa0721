/**
 * Inflates what is compressed with Zstandard, which Node's zlib knows only since version 22.
 *
 * The library is made for data that can be trusted: it never writes outside the room it is given,
 * but a few hostile bytes can keep it busy for hours. So it gets many times the processor's time that
 * honest data of that size takes, and no more.
 *
 * @see RFC 8878
 */
import { createRequire } from 'node:module';
import type * as Fzstd from 'fzstd';
import { ByteReader } from '../core/byte-reader.js';
import { withinProcessorTime } from '../core/processor-time.js';

const MAGIC = 0xfd2fb528;

/** A block makes at most 128 KiB, of 4 bytes or more. */
const MAX_RATIO = 0x20000 / 4;

/** It takes about a tenth of a second for 10 MB. */
const LEAST_MS = 2000;
const MS_PER_BYTE = 1 / 10_000;

let library: typeof Fzstd | undefined;

/** @param sizeBytes of the inflated bytes
 *  @throws HcrError `malformed-file` when the frame says otherwise; any error for damaged data */
export function inflateZstd(deflated: Uint8Array, sizeBytes: number, what: string): Uint8Array {
  const reader = new ByteReader(deflated, true, what);
  if (sizeBytes > deflated.length * MAX_RATIO) reader.fail(`cannot be inflated to ${sizeBytes}`);
  const promised = contentBytes(reader);
  if (promised !== undefined && promised !== sizeBytes) {
    reader.fail(`inflates to ${promised} bytes, not to ${sizeBytes}`);
  }
  library ??= createRequire(import.meta.url)('fzstd') as typeof Fzstd;
  const { decompress } = library;
  const inflated = new Uint8Array(sizeBytes);
  const run = (): Uint8Array => decompress(deflated, inflated);
  withinProcessorTime(run, LEAST_MS + sizeBytes * MS_PER_BYTE);
  return inflated;
}

/** What the header of the frame says; `undefined` when it leaves it open. */
function contentBytes(reader: ByteReader): number | undefined {
  if (reader.u32() !== MAGIC) reader.fail('no Zstandard frame');
  const descriptor = reader.u8();
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  reader.skip((isSingleSegment ? 0 : 1) + dictionaryBytes);
  switch (descriptor >> 6) {
    case 0:
      return isSingleSegment ? reader.u8() : undefined;
    case 1:
      return reader.u16() + 256;
    case 2:
      return reader.u32();
    default:
      return reader.size64();
  }
}
