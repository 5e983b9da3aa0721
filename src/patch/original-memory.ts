/** The target's memory as it was before hcr redirected anything: what the program was built as. */
import type { Addr } from '../core/address.js';
import type { Memory } from '../core/memory.js';
import type { EntryRecord, OriginalBytes } from './ledger.js';

export class OriginalMemory implements Memory {
  private readonly memory: Memory;
  private readonly originals: readonly OriginalBytes[];

  constructor(memory: Memory, entries: readonly EntryRecord[]) {
    this.memory = memory;
    this.originals = entries.flatMap((entry) => entry.originals);
  }

  read(address: Addr, lengthBytes: number): Uint8Array {
    return this.restore(address, this.memory.read(address, lengthBytes));
  }

  tryRead(address: Addr, lengthBytes: number): Uint8Array | undefined {
    const bytes = this.memory.tryRead(address, lengthBytes);
    return bytes === undefined ? undefined : this.restore(address, bytes);
  }

  private restore(address: Addr, bytes: Uint8Array): Uint8Array {
    for (const original of this.originals) {
      const offset = original.address - address;
      for (let i = 0; i < original.bytes.length; i++) {
        const at = offset + i;
        if (at >= 0 && at < bytes.length) bytes[at] = original.bytes[i] ?? 0;
      }
    }
    return bytes;
  }
}
