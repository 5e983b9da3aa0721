import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addr, contains, overlaps } from '../../src/core/address.js';
import { PARTS } from '../../src/core/part.js';
import { allocateIn, freeRanges } from '../../src/patch/allocation.js';
import { type Area, type Block, EMPTY_LEDGER, blocksInUse } from '../../src/patch/ledger.js';

const START = 0x7f0000000000;
const AREA: Area = {
  start: addr(START),
  sizeBytes: 0x4000,
  parts: {
    data: { start: addr(START + 0x1000), end: addr(START + 0x2000) },
    readonly: { start: addr(START + 0x2000), end: addr(START + 0x3000) },
    code: { start: addr(START + 0x3000), end: addr(START + 0x4000) },
  },
};

const size = fc.oneof(
  { weight: 3, arbitrary: fc.nat(0x300) },
  { weight: 1, arbitrary: fc.nat(0x1400) },
);
const alignment = fc.constantFrom(1, 2, 8, 16, 64, 4096);
const three = <T>(each: fc.Arbitrary<T>) => fc.record({ data: each, readonly: each, code: each });
const request = fc.record({ sizeBytes: three(size), alignment: three(alignment) });

const rangeOf = ({ start, sizeBytes }: Block) => ({ start, end: addr(start + sizeBytes) });

/** Asks again and again, forgetting some of what it got now and then. */
const asked = fc.array(fc.tuple(request, fc.array(fc.nat(), { maxLength: 2 })), { maxLength: 30 });

describe('allocateIn', () => {
  it('gives each part room of its own: inside the part, aligned, shared with nobody', () => {
    fc.assert(
      fc.property(asked, (requests) => {
        let used: Block[] = [];
        for (const [wanted, forgotten] of requests) {
          const blocks = allocateIn(AREA, used, wanted);
          if (blocks === undefined) continue;
          expect(blocks.map(({ part }) => part)).toEqual(
            PARTS.filter((part) => wanted.sizeBytes[part] > 0),
          );
          for (const block of blocks) {
            const { start, end } = AREA.parts[block.part];
            expect(block.sizeBytes).toBe(wanted.sizeBytes[block.part]);
            expect(block.start % wanted.alignment[block.part]).toBe(0);
            expect(block.start).toBeGreaterThanOrEqual(start);
            expect(block.start + block.sizeBytes).toBeLessThanOrEqual(end);
            for (const other of used) expect(overlaps(rangeOf(block), rangeOf(other))).toBe(false);
          }
          used = [...used, ...blocks].filter((_, i) => !forgotten.some((n) => n % 10 === i));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('refuses only when a part has no free run of that size and alignment', () => {
    fc.assert(
      fc.property(asked, request, (requests, last) => {
        const used: Block[] = [];
        for (const [wanted] of requests) used.push(...(allocateIn(AREA, used, wanted) ?? []));
        const fits = PARTS.every((part) => {
          const bytes = last.sizeBytes[part];
          const step = last.alignment[part];
          const { start, end } = AREA.parts[part];
          if (bytes === 0) return true;
          for (let at = Math.ceil(start / step) * step; at + bytes <= end; at += step) {
            const range = { start: at, end: at + bytes };
            if (
              !used.some((block) => block.sizeBytes > 0 && overlaps<number>(range, rangeOf(block)))
            ) {
              return true;
            }
          }
          return false;
        });
        expect(allocateIn(AREA, used, last) !== undefined).toBe(fits);
      }),
      { numRuns: 150 },
    );
  });
});

describe('freeRanges', () => {
  it('are exactly the addresses that no block of the part holds', () => {
    const small: Area = {
      ...AREA,
      parts: { ...AREA.parts, code: { start: addr(1000), end: addr(1064) } },
    };
    const blocks = fc.array(fc.tuple(fc.nat(63), fc.nat(20)), { maxLength: 6 });
    fc.assert(
      fc.property(blocks, (list) => {
        // Blocks of a generation never overlap, but a damaged ledger is no reason to misbehave.
        const used = list.map(([from, bytes]) => ({
          part: 'code' as const,
          start: addr(1000 + from),
          sizeBytes: Math.min(bytes, 64 - from),
        }));
        const free = freeRanges(small, 'code', used);
        for (let at = 1000; at < 1064; at++) {
          const taken = used.some((block) => contains(rangeOf(block), at));
          expect(free.some((range) => contains(range, at))).toBe(!taken);
        }
      }),
    );
  });

  it('are not lessened by blocks of other parts and other areas', () => {
    const elsewhere: Block[] = [
      { part: 'data', start: AREA.parts.data.start, sizeBytes: 0x1000 },
      { part: 'code', start: addr(0x1000), sizeBytes: 0x1000 },
    ];
    expect(freeRanges(AREA, 'code', elsewhere)).toEqual([AREA.parts.code]);
  });
});

describe('blocksInUse', () => {
  it('is all that generations hold, those included that cannot be gone back to', () => {
    const block = (part: Block['part'], start: number): Block => ({
      part,
      start: addr(start),
      sizeBytes: 16,
    });
    const generation = (number: number, retired: boolean, blocks: Block[]) => ({
      number,
      parent: number - 1,
      publishedAt: '',
      bodies: [],
      variables: [],
      frameIndexes: [],
      blocks,
      retired,
    });
    const ledger = {
      ...EMPTY_LEDGER,
      generations: [
        generation(1, true, [block('data', 16), block('code', 32)]),
        generation(2, false, [block('readonly', 48), block('code', 64)]),
      ],
      unwinders: [{ entry: addr(1), search: addr(80), slot: addr(0), blocks: [block('code', 80)] }],
    };
    expect(blocksInUse(ledger).map(({ start }) => start)).toEqual([16, 32, 48, 64, 80]);
  });
});
