/** Memory of a process that exists only in a test. */
import { type Addr, addr, offsetBy } from '../../src/core/address.js';
import { HcrError } from '../../src/core/failure.js';
import type { Memory } from '../../src/core/memory.js';

export class FakeMemory implements Memory {
  readonly start: Addr;
  private readonly bytes: Uint8Array;

  /** @param bytes copied */
  constructor(start: number, bytes: Uint8Array) {
    this.start = addr(start);
    this.bytes = Uint8Array.from(bytes);
  }

  get end(): Addr {
    return offsetBy(this.start, this.bytes.length);
  }

  read(address: Addr, lengthBytes: number): Uint8Array {
    const bytes = this.tryRead(address, lengthBytes);
    if (bytes === undefined) {
      throw new HcrError({ code: 'unexpected', detail: `nothing at ${address}` });
    }
    return bytes;
  }

  tryRead(address: Addr, lengthBytes: number): Uint8Array | undefined {
    const offset = address - this.start;
    if (offset < 0 || offset + lengthBytes > this.bytes.length) return undefined;
    return this.bytes.slice(offset, offset + lengthBytes);
  }

  write(address: Addr, bytes: Uint8Array): void {
    this.bytes.set(bytes, address - this.start);
  }
}
