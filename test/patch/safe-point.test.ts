import { describe, expect, it } from 'vitest';
import { addr } from '../../src/core/address.js';
import type { Frame, Trace } from '../../src/dwarf/unwind.js';
import { type FrameOwner, safePointOf } from '../../src/patch/safe-point.js';

type Described = readonly [kind: FrameOwner['kind'], ...names: string[]];

const START: readonly Described[] = [
  ['foreign', '__libc_start_call_main'],
  ['foreign', '_start'],
];

function judge(owners: readonly Described[], isWaiting = true, change: Partial<Trace> = {}) {
  const frames = owners.map(
    (_, i): Frame => ({
      pc: addr(0x1000 + i),
      codeAddr: addr(0x1000 + i),
      stackPointer: addr(0x7000 + 16 * i),
      registers: [],
      kind: i === 0 ? 'innermost' : 'caller',
      isCertain: true,
    }),
  );
  const ownerOf = ({ pc }: Frame): FrameOwner => {
    const [kind, ...names] = owners[pc - 0x1000] ?? ['foreign'];
    return { kind, names };
  };
  return safePointOf({ frames, end: 'complete', isCertain: true, ...change }, isWaiting, ownerOf);
}

const placeOf = (index: number) => ({
  address: addr(0x1000 + index),
  stackPointer: addr(0x7000 + 16 * index),
  isReturn: true,
});

describe('a thread that waits', () => {
  it('is at a safe point when the program itself asked for the wait, however deep the library is', () => {
    const asked: readonly Described[] = [
      ['foreign', '__clock_nanosleep'],
      ['foreign', 'sleep'],
    ];
    expect(judge([...asked, ['own'], ...START])).toEqual({ kind: 'waits' });
    expect(judge([['foreign', '__libc_read'], ['guest'], ['own'], ...START]).kind).toBe('waits');
  });

  it('may be in a function that changes, and in a file that has an allocator in it', () => {
    expect(judge([['foreign', 'poll'], ['changing'], ...START]).kind).toBe('waits');
    expect(judge([['foreign', 'poll'], ['allocator'], ...START]).kind).toBe('waits');
  });

  it('is at none when the library waits for something of its own', () => {
    const locked: readonly Described[] = [
      ['foreign', '__lll_lock_wait'],
      ['foreign', 'malloc'],
    ];
    const read: readonly Described[] = [
      ['foreign', 'read'],
      ['foreign', 'fgets'],
    ];
    for (const inner of [locked, read])
      expect(judge([...inner, ['own'], ...START])).toMatchObject({ kind: 'none', way: placeOf(2) });
  });

  it('is at none before it has begun to wait', () => {
    expect(judge([['foreign', 'poll'], ['own'], ...START], false).kind).toBe('none');
  });
});

describe('a thread that computes', () => {
  it('is at a safe point in code of the program', () => {
    expect(judge([['own'], ['guest'], ['own'], ...START], false).kind).toBe('computes');
  });

  it('is at none in a library that nothing is known of, nor below an allocator', () => {
    expect(judge([['guest'], ['own'], ...START], false)).toMatchObject({ way: placeOf(1) });
    const inAllocator = judge([['own'], ['allocator'], ['own'], ...START], false);
    expect(inAllocator).toMatchObject({ kind: 'none', way: placeOf(2) });
  });

  it('goes on to where it has left a function that changes', () => {
    const inside = judge([['own'], ['changing'], ['own'], ...START], false);
    expect(inside).toMatchObject({ kind: 'none', way: placeOf(2) });
  });

  it('may be inside when the function that changes is all that it ever runs', () => {
    expect(judge([['own'], ['changing'], ...START], false).kind).toBe('computes');
  });
});

it.each([
  ['called back by the library', [['own'], ['foreign', 'qsort'], ['own'], ...START], {}],
  ['ending', [['own'], ['foreign', 'exit'], ['foreign', '_start']], {}],
  [
    'nowhere in the program',
    [
      ['foreign', 'poll'],
      ['foreign', 'start_thread'],
    ],
    {},
  ],
  ['not known for certain', [['own'], ...START], { isCertain: false }],
] as const)('a thread that is %s is at none', (_, owners, change) => {
  expect(judge(owners, true, change).kind).toBe('none');
});
