import { describe, expect, it } from 'vitest';
import { type AddrRange, addr, tid } from '../../src/core/address.js';
import type { Frame } from '../../src/dwarf/unwind.js';
import { type StoppedPosition, type Trace, isProvenFree } from '../../src/patch/busy-frames.js';
import type { Hazard } from '../../src/patch/safety.js';
import { findWayOut, hasComeOut } from '../../src/patch/way-out.js';

const CODE = 0x401000;
const STACK = 0x7ff000000000;
const RED_ZONE_BYTES = 128;

const range: AddrRange = { start: addr(CODE + 1), end: addr(CODE + 5) };
const hazards: readonly Hazard[] = [{ range, function: 'f', why: 'overwritten' }];

/** Frames of some sizes, the innermost first, that return to the addresses given. */
function threadWith(
  frames: readonly { readonly sizeBytes: number; readonly pc: number }[],
  deadWordAt?: number,
): { readonly position: StoppedPosition; readonly trace: Trace } {
  const sizeBytes = frames.reduce((sum, frame) => sum + frame.sizeBytes, RED_ZONE_BYTES);
  const bytes = new Uint8Array(sizeBytes);
  const view = new DataView(bytes.buffer);
  if (deadWordAt !== undefined) view.setBigUint64(deadWordAt, BigInt(CODE + 3), true);
  let stackPointer = STACK + RED_ZONE_BYTES;
  const traced = frames.map(({ sizeBytes: own, pc }, i): Frame => {
    const at = addr(stackPointer);
    stackPointer += own;
    return {
      pc: addr(pc),
      codeAddr: addr(pc),
      stackPointer: at,
      registers: [],
      isCertain: true,
      kind: i === 0 ? 'innermost' : 'caller',
    };
  });
  const ranges = [{ start: addr(STACK), end: addr(STACK + sizeBytes) }];
  return {
    position: {
      tid: tid(7),
      pc: frames[0]?.pc ?? 0,
      stack: bytes,
      registers: new Uint8Array(),
      ranges,
      isAtHome: true,
    },
    trace: { frames: traced, end: 'complete', isCertain: true },
  };
}

const FRAMES = [
  { sizeBytes: 64, pc: 0x402000 },
  { sizeBytes: 2048, pc: 0x403000 },
  { sizeBytes: 96, pc: 0x404000 },
];
const IN_FIRST = RED_ZONE_BYTES + 8;
const IN_SECOND = RED_ZONE_BYTES + 64 + 1000;
const IN_THIRD = RED_ZONE_BYTES + 64 + 2048 + 16;

describe('a word on the stack that points into a hazard', () => {
  it.each([
    ['below the stack pointer', 16],
    ['in a small frame', IN_FIRST],
    ['in the outermost frame', IN_THIRD],
  ])('is dead %s of a thread that was unwound for certain', (_, at) => {
    const { position, trace } = threadWith(FRAMES, at);
    expect(isProvenFree(position, hazards, trace)).toBe(true);
  });

  it('counts in a frame with room for the stack of a coroutine', () => {
    const { position, trace } = threadWith(FRAMES, IN_SECOND);
    expect(isProvenFree(position, hazards, trace)).toBe(false);
  });

  it('counts when anything was guessed, or the thread runs on another stack than its own', () => {
    const { position, trace } = threadWith(FRAMES, IN_FIRST);
    expect(isProvenFree(position, hazards, { ...trace, isCertain: false })).toBe(false);
    expect(isProvenFree({ ...position, isAtHome: false }, hazards, trace)).toBe(false);
  });

  it('is a return address where a frame says so', () => {
    const { position, trace } = threadWith([...FRAMES, { sizeBytes: 64, pc: CODE + 3 }]);
    expect(isProvenFree(position, hazards, trace)).toBe(false);
    const standing = threadWith([{ sizeBytes: 64, pc: CODE + 3 }, ...FRAMES]);
    expect(isProvenFree(standing.position, hazards, standing.trace)).toBe(false);
  });
});

describe('the way out', () => {
  it('is where the outermost frame in a hazard returns to, with the stack it then has', () => {
    const inside = { sizeBytes: 32, pc: CODE + 3 };
    const { trace } = threadWith([...FRAMES, inside, ...FRAMES, inside, ...FRAMES]);
    const way = findWayOut(trace, hazards);
    expect(way?.address).toBe(FRAMES[0]?.pc);
    expect(way?.stackPointer).toBe(trace.frames.at(-3)?.stackPointer);
    if (way === undefined) return;
    // A deeper call comes back to the same address with less of the stack gone.
    expect(hasComeOut(way, (trace.frames[4]?.stackPointer ?? 0) + 8)).toBe(false);
    expect(hasComeOut(way, way.stackPointer)).toBe(true);
  });

  it('is not there for a thread that is not inside, or that began inside', () => {
    expect(findWayOut(threadWith(FRAMES).trace, hazards)).toBeUndefined();
    const began = threadWith([...FRAMES, { sizeBytes: 32, pc: CODE + 3 }]);
    expect(findWayOut(began.trace, hazards)).toBeUndefined();
  });
});
