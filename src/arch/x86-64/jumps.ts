/**
 * Jumps and stubs for x86-64.
 *
 * A direct jump holds a signed distance counted from the end of the jump (Intel SDM volume 2,
 * JMP): 5 bytes reach ±2 GiB, 2 bytes reach ±127. Anywhere else goes through memory:
 * `jmp *0(%rip)` with the address behind it takes no register, and at a function's entry none is
 * certainly free (r10 is the static chain, r11 is kept by gcc across local calls).
 *
 * A redirect leaves `endbr64` alone: with indirect-branch tracking, a pointer to the function
 * must find it there.
 *
 * @see Intel SDM volume 2: JMP, ENDBR64; psABI for AMD64, 3.2.3
 */
import { type Addr, addr } from '../../core/address.js';
import type { Jumps } from '../jumps.js';
import { FRAME_SEARCH_BYTES, frameSearch, STUB_CIE } from './frame-search.js';
import { paddingBytes } from './padding.js';
import {
  IFUNC_STUB_BYTES,
  IFUNC_STUB_CFI,
  ifuncStub,
  KEEPING_STUB_MAX_BYTES,
  keepingStub,
  keepingStubCfi,
} from './stubs.js';

const NEAR_BYTES = 5;
const SHORT_BYTES = 2;
const FAR_STUB_BYTES = 14;

const ENDBR64 = [0xf3, 0x0f, 0x1e, 0xfa] as const;

function near(from: Addr, to: Addr): Uint8Array | undefined {
  const distance = to - (from + NEAR_BYTES);
  if (distance < -(2 ** 31) || distance >= 2 ** 31) return undefined;
  const code = Uint8Array.of(
    ...[0xe9, 0, 0, 0, 0], // jmp to
  );
  new DataView(code.buffer).setInt32(1, distance, true);
  return code;
}

function nearTarget(bytes: Uint8Array, from: Addr): Addr | undefined {
  if (bytes[0] !== 0xe9 || bytes.length < NEAR_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const target = from + NEAR_BYTES + view.getInt32(1, true);
  return target < 0 ? undefined : addr(target);
}

function short(from: Addr, to: Addr): Uint8Array | undefined {
  const distance = to - (from + SHORT_BYTES);
  if (distance < -128 || distance > 127) return undefined;
  return Uint8Array.of(
    ...[0xeb, distance & 0xff], // jmp to
  );
}

function farStub(to: Addr): Uint8Array {
  const code = new Uint8Array(FAR_STUB_BYTES);
  code.set([0xff, 0x25, 0, 0, 0, 0]); // jmp *0(%rip)
  new DataView(code.buffer).setBigUint64(6, BigInt(to), true); // .quad to
  return code;
}

export const jumps: Jumps = {
  nearBytes: NEAR_BYTES,
  shortBytes: SHORT_BYTES,
  nearReachBytes: 2 ** 31 - 1,
  landingPadBytes: (body) => (ENDBR64.every((byte, i) => body[i] === byte) ? ENDBR64.length : 0),
  near,
  nearTarget,
  short,
  paddingBytes,
  farStubBytes: FAR_STUB_BYTES,
  farStub,
  ifuncStubBytes: IFUNC_STUB_BYTES,
  ifuncStub,
  ifuncStubCfi: IFUNC_STUB_CFI,
  keepingStub,
  keepingStubMaxBytes: KEEPING_STUB_MAX_BYTES,
  keepingStubCfi,
  stubCie: STUB_CIE,
  frameSearch,
  frameSearchBytes: FRAME_SEARCH_BYTES,
};
