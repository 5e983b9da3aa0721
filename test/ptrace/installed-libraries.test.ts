import { describe, expect, it } from 'vitest';
import { readLibraryCache } from '../../src/ptrace/installed-libraries.js';

const HEADER_BYTES = 48;
const ENTRY_BYTES = 24;

/** @param paths offsets of the entries' paths @see glibc sysdeps/generic/dl-cache.h */
function cacheOf(paths: readonly number[], texts: string): Uint8Array {
  const bytes = Buffer.alloc(HEADER_BYTES + ENTRY_BYTES * paths.length + texts.length);
  bytes.write('glibc-ld.so.cache1.1', 'latin1');
  bytes.writeUInt32LE(paths.length, 20);
  paths.forEach((path, i) => bytes.writeUInt32LE(path, HEADER_BYTES + i * ENTRY_BYTES + 8));
  bytes.write(texts, HEADER_BYTES + ENTRY_BYTES * paths.length, 'latin1');
  return new Uint8Array(bytes);
}

describe('readLibraryCache', () => {
  it('reads each path once, in order', () => {
    const start = HEADER_BYTES + 3 * ENTRY_BYTES;
    const texts = '/lib/libb.so\0/lib/liba.so\0';
    expect(readLibraryCache(cacheOf([start, start + 13, start], texts))).toEqual([
      '/lib/libb.so',
      '/lib/liba.so',
    ]);
  });

  it('passes over entries that lead into a text without end, each of which would be all of it', () => {
    const count = 10_000;
    const start = HEADER_BYTES + count * ENTRY_BYTES;
    const paths = Array.from({ length: count }, (_, i) => start + i);
    expect(readLibraryCache(cacheOf(paths, 'x'.repeat(4 << 20)))).toEqual([]);
  });

  it('knows no other format', () => {
    expect(readLibraryCache(new Uint8Array(64))).toBeUndefined();
    expect(() => readLibraryCache(cacheOf([0], '').subarray(0, 60))).toThrow();
  });
});
