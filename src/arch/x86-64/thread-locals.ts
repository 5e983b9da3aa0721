/**
 * Thread-local storage on x86-64: the blocks lie below the thread pointer (variant II), which is at
 * `%fs:0` and points at itself. The executable's block comes first, ends at the thread pointer and
 * is rounded up to its alignment.
 *
 * @see Drepper, "ELF Handling For Thread-Local Storage", 3.4.6 and 4.4; psABI for AMD64, 4.4.1;
 * A. Oliva, "RFC: TLS descriptors for x86" for the call `*(%rax)`, which keeps every register but
 * rax and returns an offset from the thread pointer
 */
import { alignUp } from '../../core/address.js';
import type { ThreadLocals } from '../thread-locals.js';

const endbr64 = [0xf3, 0x0f, 0x1e, 0xfa];
const ret = [0xc3];

export const threadLocals: ThreadLocals = {
  addressFunctionName: '__tls_get_addr',
  executableBlock: ({ memorySizeBytes, alignment }) =>
    -alignUp(memorySizeBytes, Math.max(1, alignment)),
  blockAtDistance: (distanceBytes) => -distanceBytes,
  // With indirect-branch tracking a function that is called by its address starts with endbr64.
  descriptorFunction: Uint8Array.from([
    ...endbr64,
    ...[0x48, 0x8b, 0x40, 0x08], // mov 8(%rax),%rax
    ...ret,
  ]),
  addressFunction: Uint8Array.from([
    ...endbr64,
    ...[0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0], // mov %fs:0,%rax
    ...[0x48, 0x03, 0x47, 0x08], // add 8(%rdi),%rax
    ...ret,
  ]),
};
