/** Frame descriptions and stacks that mean harm: every trace ends, in bounded time and memory. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { addr } from '../../src/core/address.js';
import { isHcrError } from '../../src/core/failure.js';
import { DW_CFA, DW_OP } from '../../src/dwarf/constants.js';
import { evaluateFrameExpression } from '../../src/dwarf/frame-expression.js';
import { type FrameDescription, frameRowAt } from '../../src/dwarf/frame-rows.js';
import { describeAt } from '../../src/dwarf/frame-table.js';
import { type FrameRegisters, unwind } from '../../src/dwarf/unwind.js';
import { FakeMemory } from '../patch/fake-memory.js';

const { unwinding } = x8664;
const CODE = 0x401000;
const CODE_BYTES = 0x1000;
const STACK = 0x7ff000000000;

/** The description of CODE with these instructions, after those of the CIE: CFA rsp + 8, return
 *  address below it. */
function describing(instructions: readonly number[]): FrameDescription {
  const cie = [...x8664.jumps.stubCie];
  // Length, CIE pointer, start and size of the code, empty augmentation.
  const sizeBytes = 17 + instructions.length;
  const bytes = new Uint8Array(cie.length + sizeBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(cie);
  view.setUint32(cie.length, sizeBytes - 4, true);
  view.setUint32(cie.length + 4, cie.length + 4, true);
  view.setInt32(cie.length + 8, CODE - (cie.length + 8), true);
  view.setUint32(cie.length + 12, CODE_BYTES, true);
  bytes.set(instructions, cie.length + 17);
  const home = { bytes, address: 0, littleEndian: true, what: 'test' };
  const description = describeAt(home, cie.length, 'eh');
  if (description === undefined) throw new Error('no description');
  return description;
}

function orMalformed<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (isHcrError(error, 'malformed-file')) return undefined;
    throw error;
  }
}

function registersAt(stackPointer: number, pc: number): FrameRegisters {
  return Array.from({ length: 17 }, (_, number) => {
    if (number === unwinding.stackPointer) return BigInt(stackPointer);
    return number === unwinding.returnAddress ? BigInt(pc) : 0n;
  });
}

describe('frame instructions', () => {
  it('hold from the place that they are for, and are put back where states are restored', () => {
    const description = describing([
      ...[DW_CFA.advance_loc + 1, DW_CFA.def_cfa_offset, 16, DW_CFA.offset + 6, 2],
      ...[DW_CFA.advance_loc + 3, DW_CFA.remember_state, DW_CFA.def_cfa_offset, 8],
      ...[DW_CFA.advance_loc + 1, DW_CFA.restore_state],
    ]);
    const offsets = [0, 1, 3, 4, 5].map((at) => frameRowAt(description, CODE + at));
    expect(offsets.map(({ cfa }) => cfa.kind === 'register' && cfa.offset)).toEqual([
      ...[8, 16, 16, 8, 16],
    ]);
    expect(offsets.map(({ rules }) => rules.has(6))).toEqual([false, true, true, true, true]);
  });

  it('whatever they are, mean something or are malformed', () => {
    const code = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(code, fc.nat(CODE_BYTES), (bytes, at) => {
        orMalformed(() => frameRowAt(describing([...bytes]), CODE + at));
      }),
      { numRuns: 3000 },
    );
  });

  it('cannot make hcr remember without end', () => {
    const description = describing(Array.from({ length: 60_000 }, () => DW_CFA.remember_state));
    expect(orMalformed(() => frameRowAt(description, CODE))).toBeUndefined();
  });
});

describe('expressions', () => {
  const nothing = new FakeMemory(STACK, new Uint8Array(64));
  const machinery = (rip: bigint) => ({
    register: (number: number) => (number === 7 ? 1000n : number === 16 ? rip : undefined),
    memory: nothing,
    littleEndian: true,
  });

  // As ld writes it for the entries of a PLT, which push one word on their way.
  const PLT = [
    ...[DW_OP.breg0 + 7, 8, DW_OP.breg0 + 16, 0, DW_OP.lit0 + 15, DW_OP.and],
    ...[DW_OP.lit0 + 11, DW_OP.ge, DW_OP.lit0 + 3, DW_OP.shl, DW_OP.plus],
  ];
  it.each([
    [0x400n, 1008n],
    [0x40an, 1008n],
    [0x40bn, 1016n],
    [0x40fn, 1016n],
  ])('give the CFA in an entry of a PLT at %d', (rip, cfa) => {
    expect(evaluateFrameExpression(Uint8Array.from(PLT), machinery(rip), [])).toBe(cfa);
  });

  it('that loop, or take from an empty stack, are malformed', () => {
    const loop = Uint8Array.of(DW_OP.skip, 0xfd, 0xff);
    expect(() => evaluateFrameExpression(loop, machinery(0n), [])).toThrow('without end');
    const empty = Uint8Array.of(DW_OP.plus);
    expect(() => evaluateFrameExpression(empty, machinery(0n), [1n])).toThrow('empty stack');
  });

  it('whatever they are, yield a word, nothing, or are malformed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const value = orMalformed(() => evaluateFrameExpression(bytes, machinery(7n), [1n, 2n]));
        if (value !== undefined) expect(value).toBe(BigInt.asUintN(64, value));
      }),
      { numRuns: 5000 },
    );
  });
});

describe('a trace', () => {
  it('ends whatever the stack and the descriptions hold', () => {
    const word = fc.oneof(
      fc.integer({ min: CODE, max: CODE + CODE_BYTES }),
      fc.integer({ min: STACK, max: STACK + 4096 }),
    );
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 8, maxLength: 64 }),
        fc.uint8Array({ maxLength: 40 }),
        (words, instructions) => {
          const stack = new BigUint64Array(words.map(BigInt));
          const description = describing([...instructions]);
          const trace = unwind(
            {
              unwinding,
              memory: new FakeMemory(STACK, new Uint8Array(stack.buffer)),
              littleEndian: true,
              find: () => ({ description, bias: 0 }),
            },
            registersAt(STACK, CODE + 1),
          );
          expect(trace.frames.length).toBeLessThanOrEqual(512);
          expect(trace.isCertain && trace.end !== 'complete').toBe(false);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('is cut where a stack of calls has no end', () => {
    const words = new BigUint64Array(1000).fill(BigInt(CODE + 1));
    const description = describing([]);
    const { frames, end } = unwind(
      {
        unwinding,
        memory: new FakeMemory(STACK, new Uint8Array(words.buffer)),
        littleEndian: true,
        find: () => ({ description, bias: 0 }),
      },
      registersAt(STACK, CODE + 1),
    );
    expect(end).toBe('too-deep');
    expect(frames).toHaveLength(512);
    expect(frames.at(-1)?.pc).toBe(addr(CODE + 1));
  });
});
