import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addr,
  alignUp,
  contains,
  loadBias,
  offsetBy,
  overlaps,
  relocate,
  unrelocate,
  vaddr,
} from '../../src/core/address.js';
import { isHcrError } from '../../src/core/failure.js';

const ADDRESS = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const range = fc
  .tuple(fc.nat(64), fc.nat(64))
  .map(([start, lengthBytes]) => ({ start: addr(start), end: addr(start + lengthBytes) }));

function failsAsMalformed(make: () => unknown): boolean {
  try {
    make();
  } catch (error) {
    return isHcrError(error, 'malformed-file');
  }
  return false;
}

describe('addresses', () => {
  it('take every whole number below 2^53, as a number or a bigint', () => {
    fc.assert(
      fc.property(ADDRESS, (value) => {
        expect(addr(value)).toBe(value);
        expect(vaddr(BigInt(value))).toBe(value);
      }),
    );
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2n ** 63n), 2n ** 64n - 1n])(
    'refuse %s',
    (value) => {
      expect(failsAsMalformed(() => addr(value))).toBe(true);
      expect(failsAsMalformed(() => vaddr(value))).toBe(true);
    },
  );

  it('refuse to move below zero or above 2^53', () => {
    expect(failsAsMalformed(() => offsetBy(addr(3), -4))).toBe(true);
    expect(failsAsMalformed(() => offsetBy(addr(Number.MAX_SAFE_INTEGER), 1))).toBe(true);
    expect(offsetBy(addr(4), -4)).toBe(0);
  });

  it('come back from a module through the same bias, also a negative one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2 ** 32, max: 2 ** 47 }),
        fc.integer({ min: -(2 ** 32), max: 2 ** 47 }),
        (inFile, bias) => {
          const live = relocate(vaddr(inFile), loadBias(bias));
          expect(live).toBe(inFile + bias);
          expect(unrelocate(live, loadBias(bias))).toBe(inFile);
        },
      ),
    );
  });
});

describe('ranges', () => {
  it('hold their start and not their end', () => {
    fc.assert(
      fc.property(range, fc.nat(130), (given, at) => {
        const members = Array.from({ length: given.end - given.start }, (_, i) => given.start + i);
        expect(contains(given, at)).toBe(members.includes(at as never));
      }),
    );
  });

  it('overlap exactly when they share an address', () => {
    fc.assert(
      fc.property(range, range, (a, b) => {
        fc.pre(a.start < a.end && b.start < b.end);
        const shared = Array.from({ length: 130 }, (_, at) => at).some(
          (at) => contains(a, at) && contains(b, at),
        );
        expect(overlaps(a, b)).toBe(shared);
        expect(overlaps(b, a)).toBe(shared);
      }),
    );
  });
});

describe('alignUp', () => {
  it('gives the lowest multiple that is not below the value', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 47), fc.integer({ min: 0, max: 30 }), (value, exponent) => {
        const alignment = 2 ** exponent;
        const aligned = alignUp(value, alignment);
        expect(aligned % alignment).toBe(0);
        expect(aligned).toBeGreaterThanOrEqual(value);
        expect(aligned - value).toBeLessThan(alignment);
      }),
    );
  });

  it('leaves a value alone for alignments 0 and 1, which sections may have', () => {
    expect(alignUp(13, 0)).toBe(13);
    expect(alignUp(13, 1)).toBe(13);
  });
});
