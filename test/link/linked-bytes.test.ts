import { describe, expect, it } from 'vitest';
import { addr } from '../../src/core/address.js';
import { linkedBytes } from '../../src/link/linked-bytes.js';

describe('linkedBytes', () => {
  const parts = [
    { part: 'data', start: addr(0x1000), bytes: Uint8Array.of(1, 2, 3, 4) },
    { part: 'code', start: addr(0x1004), bytes: Uint8Array.of(5, 6) },
  ] as const;

  it('views the part that holds a range, up to its last byte', () => {
    const bytes = linkedBytes(parts, addr(0x1001), 3);
    expect(bytes).toEqual(Uint8Array.of(2, 3, 4));
    expect(bytes?.buffer).toBe(parts[0].bytes.buffer);
    expect(linkedBytes(parts, addr(0x1004), 2)).toEqual(Uint8Array.of(5, 6));
  });

  it('has nothing for a range that no single part holds', () => {
    expect(linkedBytes(parts, addr(0xfff), 2)).toBeUndefined();
    expect(linkedBytes(parts, addr(0x1003), 2)).toBeUndefined();
    expect(linkedBytes(parts, addr(0x1005), 2)).toBeUndefined();
  });
});
