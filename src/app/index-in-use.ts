/** The index of frame descriptions that the unwinders of a process look at now. */
import { addr } from '../core/address.js';
import { frameIndexBytes, frameIndexCount } from '../link/frame-index.js';
import type { Block } from '../patch/ledger.js';
import type { ProcessImage } from './observe.js';

const WORD_BYTES = 8;

/** Where it is. It belongs to no generation: the one that it was made for may be gone. */
export function indexInUse({ target, store }: ProcessImage): Block[] {
  const littleEndian = true;
  const starts = store.ledger.unwinders.map(({ slot }) =>
    Number(new DataView(target.memory.read(slot, WORD_BYTES).buffer).getBigUint64(0, littleEndian)),
  );
  return [...new Set(starts)].flatMap((start) => {
    const head = start === 0 ? undefined : target.memory.tryRead(addr(start), WORD_BYTES);
    if (head === undefined) return [];
    const sizeBytes = frameIndexBytes(frameIndexCount(head, littleEndian));
    return [{ part: 'readonly' as const, start: addr(start), sizeBytes }];
  });
}
