import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addr } from '../../src/core/address.js';
import type { CodeWrite } from '../../src/patch/ledger.js';
import { applyWrites, groupByPage } from '../../src/patch/page-writes.js';

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

describe('writes on one page', () => {
  it('are made together, in their order, and leave all other bytes as they were found', () => {
    fc.assert(
      fc.property(memoryAndWrites, ({ memory, writes }) => {
        const groups = groupByPage(writes, PAGE_BYTES);
        expect(groups.flatMap((group) => group.writes)).toEqual(writes);
        const [together, apart] = [memory.slice(), memory.slice()];
        for (const { address, after } of writes) apart.set(after, address);
        for (const group of groups) {
          const { start, end } = group.range;
          expect(Math.floor(start / PAGE_BYTES)).toBe(Math.floor((end - 1) / PAGE_BYTES));
          const applied = applyWrites(group, together.slice(start, end));
          if (!('bytes' in applied)) throw new Error('nothing has changed');
          together.set(applied.bytes, start);
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
        const changed = groupByPage(writes, PAGE_BYTES)
          .map((group) => applyWrites(group, damaged.slice(group.range.start, group.range.end)))
          .flatMap((applied) => ('changed' in applied ? [applied.changed] : []));
        expect(changed).toEqual([wrong]);
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
