import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addr, contains, overlaps } from '../../src/core/address.js';
import { findAreas, findGap, windowAround } from '../../src/ptrace/patch-area.js';
import { type Mapping, parseMaps } from '../../src/ptrace/procfs.js';

const PAGE = 4096;
const MEGABYTE = 1 << 20;
const REACH = 2 ** 31 - 1;
const SIZE = 4 * MEGABYTE;

function mapsOf(ranges: readonly (readonly [number, number])[], name = ''): Mapping[] {
  return parseMaps(
    ranges
      .map(([start, end]) => `${start.toString(16)}-${end.toString(16)} rw-p 0 00:00 0 ${name}`)
      .join('\n'),
  );
}

/** Mappings in order, with gaps of a page to three gigabytes. */
const mappings = fc
  .array(
    fc.tuple(
      fc.oneof(fc.nat(3), fc.nat(4000), fc.nat(800_000)),
      fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 100_000 })),
    ),
    { minLength: 1, maxLength: 10 },
  )
  .map((list) => {
    let at = 0x100;
    return list.map(([gap, pages]): [number, number] => {
      const start = at + gap;
      at = start + pages;
      return [start * PAGE, at * PAGE];
    });
  });

const base = fc.constantFrom(0, 0x555500000000, 0x7ffff0000000 - 0x200000000);

describe('findGap', () => {
  it('finds room that is unmapped, in reach of all of the module, aligned and clear of neighbours', () => {
    let found = 0;
    fc.assert(
      fc.property(mappings, base, fc.nat(), fc.boolean(), (list, offset, chosen, low) => {
        const ranges = list.map(([start, end]): [number, number] => [start + offset, end + offset]);
        const [start, end] = ranges[chosen % ranges.length] ?? [0, 0];
        const module = { start: addr(start), end: addr(end) };
        const window = windowAround(module, REACH, low);
        const gap = findGap(mapsOf(ranges), window, SIZE, PAGE);
        if (gap === undefined) return;
        found++;
        expect(gap % PAGE).toBe(0);
        const area = { start: gap, end: addr(gap + SIZE) };
        const around = { start: gap - MEGABYTE + PAGE, end: gap + SIZE + MEGABYTE - PAGE };
        for (const [from, to] of ranges) {
          expect(overlaps<number>(around, { start: from, end: to })).toBe(false);
        }
        if (low) expect(area.end).toBeLessThan(2 ** 31);
        else {
          const furthest = Math.max(area.end - module.start, module.end - area.start);
          expect(furthest).toBeLessThanOrEqual(REACH);
        }
      }),
      { numRuns: 1000 },
    );
    expect(found).toBeGreaterThan(100);
  });

  it('finds room whenever a clear stretch of it is in reach', () => {
    fc.assert(
      fc.property(mappings, base, fc.nat(), (list, offset, chosen) => {
        const ranges = list.map(([start, end]): [number, number] => [start + offset, end + offset]);
        const [start, end] = ranges[chosen % ranges.length] ?? [0, 0];
        const window = windowAround({ start: addr(start), end: addr(end) }, REACH, false);
        const need = SIZE + 2 * MEGABYTE;
        const edges = [
          [0, window.reach.start] as const,
          ...ranges,
          [window.reach.end, Infinity] as const,
        ];
        const exists = edges.some(([, from], i) => {
          const to = Math.min(edges[i + 1]?.[0] ?? 0, window.reach.end);
          return to - Math.max(from, window.reach.start) >= need;
        });
        if (exists) expect(findGap(mapsOf(ranges), window, SIZE, PAGE)).toBeDefined();
      }),
      { numRuns: 1000 },
    );
  });

  it('finds nothing in a window that is full', () => {
    const module = { start: addr(0x100000000), end: addr(0x100100000) };
    const window = windowAround(module, REACH, false);
    expect(findGap(mapsOf([[0x10000, 0x200000000]]), window, SIZE, PAGE)).toBeUndefined();
  });

  it('takes the gap nearest below a module, and above it only where there is none below', () => {
    const module = { start: addr(0x100000000), end: addr(0x100100000) };
    const window = windowAround(module, REACH, false);
    const below = findGap(mapsOf([[0x100000000, 0x100100000]]), window, SIZE, PAGE);
    expect(below).toBe(0x100000000 - MEGABYTE - SIZE);
    const above = findGap(mapsOf([[0x10000, 0x100100000]]), window, SIZE, PAGE);
    expect(above).toBe(0x100100000 + MEGABYTE);
  });

  it('stays below 2 GiB for code with 32-bit addresses', () => {
    const window = windowAround({ start: addr(0x400000), end: addr(0x500000) }, REACH, true);
    const gap = findGap(mapsOf([[0x400000, 0x500000]]), window, SIZE, PAGE);
    expect(gap).toBeDefined();
    expect((gap ?? 0) + SIZE).toBeLessThan(2 ** 31);
    expect(contains(window.reach, gap ?? 0)).toBe(true);
  });
});

describe('findAreas', () => {
  const line = (start: number, inode: number, name = '/memfd:hcr (deleted)'): string =>
    `${start.toString(16)}-${(start + 0x1000).toString(16)} r--p 00000000 00:01 ${inode}  ${name}`;

  it('puts the parts of an area together, and two areas side by side apart', () => {
    const maps = parseMaps(
      [line(0x1000, 5), line(0x2000, 5), line(0x3000, 6), line(0x5000, 6)].join('\n'),
    );
    expect(findAreas(maps)).toMatchObject([
      { start: 0x1000, end: 0x3000 },
      { start: 0x3000, end: 0x4000 },
      { start: 0x5000, end: 0x6000 },
    ]);
  });

  it('takes nothing else for an area', () => {
    const names = ['/memfd:hcrx (deleted)', '/tmp/memfd:hcr', 'hcr', '[anon:hcr]', ''];
    expect(
      findAreas(parseMaps(names.map((name, i) => line(0x1000 * (i + 1), 5, name)).join('\n'))),
    ).toEqual([]);
  });
});
