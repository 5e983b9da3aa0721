import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addr } from '../../src/core/address.js';
import type { CodeWrite } from '../../src/patch/ledger.js';
import { type PageWrites, changePages, groupByPage } from '../../src/patch/page-writes.js';

const PAGE_BYTES = 64;
const PAGES = 4;

/** Writes to different places of a small memory, none across a page, in any order. */
const memoryAndWrites = fc
  .record({
    memory: fc.uint8Array({ minLength: PAGES * PAGE_BYTES, maxLength: PAGES * PAGE_BYTES }),
    slots: fc.shuffledSubarray(Array.from({ length: (PAGES * PAGE_BYTES) / 8 }, (_, i) => i)),
    fill: fc.nat(255),
  })
  .map(({ memory, slots, fill }) => ({
    memory,
    writes: slots.map((slot): CodeWrite => {
      const [start, sizeBytes] = [slot * 8, 1 + (slot % 8)];
      const before = memory.slice(start, start + sizeBytes);
      return { address: addr(start), before, after: before.map((byte, i) => byte ^ (fill + i)) };
    }),
  }));

/** All of it is read before anything is written. */
const foundIn = (memory: Uint8Array, groups: readonly PageWrites[]): Uint8Array[] =>
  groups.map(({ range: { start, end } }) => memory.slice(start, end));

describe('writes on one page', () => {
  it('are made together, in their order, and leave all other bytes as they were found', () => {
    fc.assert(
      fc.property(memoryAndWrites, ({ memory, writes }) => {
        const groups = groupByPage(writes, PAGE_BYTES);
        expect(groups.flatMap((group) => group.writes)).toEqual(writes);
        const [together, apart] = [memory.slice(), memory.slice()];
        for (const { address, after } of writes) apart.set(after, address);
        const changed = changePages(groups, foundIn(memory, groups));
        if (!('pages' in changed)) throw new Error('nothing has changed');
        for (const { range, before, after } of changed.pages) {
          expect(Math.floor(range.start / PAGE_BYTES)).toBe(
            Math.floor((range.end - 1) / PAGE_BYTES),
          );
          expect(before).toEqual(together.slice(range.start, range.end));
          together.set(after, range.start);
        }
        expect(together).toEqual(apart);
      }),
    );
  });

  it('name the first whose place does not hold what it should', () => {
    fc.assert(
      fc.property(memoryAndWrites, fc.nat(), ({ memory, writes }, at) => {
        const wrong = writes[at % Math.max(writes.length, 1)];
        fc.pre(wrong !== undefined);
        const damaged = memory.slice();
        damaged[wrong.address] = (damaged[wrong.address] ?? 0) ^ 1;
        const groups = groupByPage(writes, PAGE_BYTES);
        expect(changePages(groups, foundIn(damaged, groups))).toEqual({ changed: wrong });
      }),
    );
  });

  it('are as few as the pages when they come in the order of their addresses', () => {
    const writes = Array.from({ length: 32 }, (_, i) => ({
      address: addr(8 * i),
      before: new Uint8Array(5),
      after: new Uint8Array(5).fill(1),
    }));
    expect(groupByPage(writes, PAGE_BYTES)).toHaveLength(PAGES);
  });
});
