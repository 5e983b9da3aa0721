import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addr } from '../../src/core/address.js';
import { OriginalMemory } from '../../src/patch/original-memory.js';
import { FakeMemory } from './fake-memory.js';

const START = 0x401000;
const SIZE = 64;

it('memory with the redirects undone is what it was before them, through any window', () => {
  const places = fc.uniqueArray(fc.tuple(fc.nat(7), fc.nat(3), fc.integer({ min: 1, max: 5 })), {
    selector: ([slot]) => slot,
  });
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: SIZE, maxLength: SIZE }),
      places,
      fc.nat(SIZE),
      fc.nat(SIZE),
      (before, list, from, length) => {
        const live = new FakeMemory(START, before);
        const entries = list.map(([slot, shift, sizeBytes]) => {
          const address = addr(START + slot * 8 + shift);
          const bytes = live.read(address, sizeBytes);
          live.write(
            address,
            bytes.map((byte) => byte ^ 0xff),
          );
          return {
            entry: address,
            name: 'f',
            module: 'm',
            sizeBytes: 8,
            originals: [{ address, bytes }],
            branchesBack: false,
          };
        });
        const original = new OriginalMemory(live, entries);
        const lengthBytes = Math.min(length, SIZE - from);
        const expected = before.slice(from, from + lengthBytes);
        expect(original.read(addr(START + from), lengthBytes)).toEqual(expected);
        expect(original.tryRead(addr(START + from), lengthBytes)).toEqual(expected);
        expect(original.tryRead(addr(START + SIZE), 1)).toBeUndefined();
      },
    ),
  );
});
