/** Reading a live process's memory. Pure stages take this, so a test can hand them bytes. */
import type { Addr } from './address.js';

export interface Memory {
  /** Owned bytes. @throws HcrError `target-exited`, or `unexpected` where nothing is mapped. */
  read(address: Addr, lengthBytes: number): Uint8Array;
  /** As `read`; `undefined` where nothing readable is mapped. */
  tryRead(address: Addr, lengthBytes: number): Uint8Array | undefined;
}
