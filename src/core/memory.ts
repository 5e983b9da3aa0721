/** Reading a live process's memory. Pure stages take this, so a test can hand them bytes. */
import type { Addr } from './address.js';

export interface Memory {
  /** Owned bytes. @throws HcrError `target-exited`, or `unexpected` where nothing is mapped. */
  read(address: Addr, lengthBytes: number): Uint8Array;
  /** As `read`; `undefined` where nothing readable is mapped. @throws HcrError `target-exited` */
  tryRead(address: Addr, lengthBytes: number): Uint8Array | undefined;
}

const WORD_BYTES = 8;

function wordView(memory: Memory, address: Addr): DataView | undefined {
  const bytes = memory.tryRead(address, WORD_BYTES);
  return bytes && new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Eight bytes as a number without sign; inexact above 2^53, which no address is. Every supported
 *  machine keeps the low byte first. */
export function wordAt(memory: Memory, address: Addr): number | undefined {
  const view = wordView(memory, address);
  return view && Number(view.getBigUint64(0, true));
}

/** As {@link wordAt}, with sign: an offset. */
export function signedWordAt(memory: Memory, address: Addr): number | undefined {
  const view = wordView(memory, address);
  return view && Number(view.getBigInt64(0, true));
}
