/**
 * From the extended state as ptrace gives it to the one that rt_sigreturn takes.
 *
 * Both are the XSAVE area in its standard format: 512 bytes of FXSAVE, a header of 64 with
 * XSTATE_BV (which components differ from their initial value), then the components. They differ
 * in the 48 bytes at 464 that the processor leaves to software: ptrace puts XCR0 there, a signal
 * frame a `struct _fpx_sw_bytes`, and behind its area a second magic word:
 *
 *   464  magic1         0x46505853 "FPXS"
 *   468  extended_size  bytes with the second magic word
 *   472  xfeatures      components to restore
 *   480  xstate_size    bytes of the area
 *   xstate_size  magic2 0x46505845 "FPXE"
 *
 * Without both words, or with a size it does not like, the kernel restores x87 and SSE only and
 * resets the rest (`check_xstate_in_sigframe`): the upper halves of ymm would be lost in silence.
 * It does not like more than the thread's own limit, which leaves out AMX tile data (8 KiB) until
 * the thread has asked for it; ptrace always gives the area with it. So tile data in its initial
 * state is cut off.
 *
 * @see arch/x86/include/uapi/asm/sigcontext.h, arch/x86/kernel/fpu/signal.c; Intel SDM volume 1,
 * chapter 13
 */
import { HcrError } from '../../core/failure.js';

const FP_XSTATE_MAGIC1 = 0x46505853;
const FP_XSTATE_MAGIC2 = 0x46505845;
const MAGIC2_BYTES = 4;

const FXSAVE_BYTES = 512;
const HEADER_BYTES = 64;
/** `sw_reserved` in a signal frame; the first 8 bytes are XCR0 when they come from ptrace. */
const SOFTWARE_OFFSET = 464;
const SOFTWARE_BYTES = 48;
const XSTATE_BV_OFFSET = FXSAVE_BYTES;

const XFEATURE_XTILE_DATA = 1n << 18n;
const XTILE_DATA_BYTES = 8192;

export const EXTENDED_STATE_ALIGNMENT = 64;

export interface SignalFrameState {
  readonly bytes: Uint8Array;
  /** False for a bare FXSAVE area, on a kernel that runs without XSAVE. */
  readonly hasXstate: boolean;
}

/** @param extended NT_X86_XSTATE, or the 512 bytes of NT_PRFPREG; borrowed
 *  @throws HcrError `unexpected` when it is neither */
export function signalFrameState(extended: Uint8Array): SignalFrameState {
  if (extended.length === FXSAVE_BYTES) return { bytes: extended.slice(), hasXstate: false };
  if (extended.length < FXSAVE_BYTES + HEADER_BYTES) {
    throw new HcrError({
      code: 'unexpected',
      detail: `an extended state of ${extended.length} bytes`,
    });
  }
  const source = new DataView(extended.buffer, extended.byteOffset, extended.byteLength);
  const enabled = source.getBigUint64(SOFTWARE_OFFSET, true);
  const inUse = source.getBigUint64(XSTATE_BV_OFFSET, true);
  const withoutTiles = (enabled & ~inUse & XFEATURE_XTILE_DATA) !== 0n;
  const features = withoutTiles ? enabled & ~XFEATURE_XTILE_DATA : enabled;
  const sizeBytes = extended.length - (withoutTiles ? XTILE_DATA_BYTES : 0);

  const bytes = new Uint8Array(sizeBytes + MAGIC2_BYTES);
  bytes.set(extended.subarray(0, sizeBytes));
  bytes.fill(0, SOFTWARE_OFFSET, SOFTWARE_OFFSET + SOFTWARE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(SOFTWARE_OFFSET, FP_XSTATE_MAGIC1, true);
  view.setUint32(SOFTWARE_OFFSET + 4, sizeBytes + MAGIC2_BYTES, true);
  view.setBigUint64(SOFTWARE_OFFSET + 8, features, true);
  view.setUint32(SOFTWARE_OFFSET + 16, sizeBytes, true);
  view.setUint32(sizeBytes, FP_XSTATE_MAGIC2, true);
  return { bytes, hasXstate: true };
}
