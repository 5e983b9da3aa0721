/** Memory of a process that stands still: read a block at a time, and each block once. */
import { type Addr, addr, hex } from './address.js';
import { HcrError } from './failure.js';
import type { Memory } from './memory.js';

const BLOCK_BYTES = 1 << 16;

export class CachedMemory implements Memory {
  private readonly below: Memory;
  private readonly blocks = new Map<number, Uint8Array | undefined>();

  constructor(below: Memory) {
    this.below = below;
  }

  read(address: Addr, lengthBytes: number): Uint8Array {
    const bytes = this.tryRead(address, lengthBytes);
    if (bytes !== undefined) return bytes;
    throw new HcrError({ code: 'unexpected', detail: `no memory at ${hex(address)}` });
  }

  tryRead(address: Addr, lengthBytes: number): Uint8Array | undefined {
    const start = Math.floor(address / BLOCK_BYTES) * BLOCK_BYTES;
    const offset = address - start;
    if (offset + lengthBytes > BLOCK_BYTES) return this.below.tryRead(address, lengthBytes);
    if (!this.blocks.has(start))
      this.blocks.set(start, this.below.tryRead(addr(start), BLOCK_BYTES));
    const block = this.blocks.get(start);
    // A block that is not mapped as a whole may hold what is asked for.
    if (block === undefined) return this.below.tryRead(address, lengthBytes);
    return block.slice(offset, offset + lengthBytes);
  }
}
