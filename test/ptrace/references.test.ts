import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addr } from '../../src/core/address.js';
import type { Suspect } from '../../src/ptrace/pointer-search.js';
import { findUnreferenced } from '../../src/ptrace/references.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { readThreadStates } from '../support/thread-states.js';
import { until } from '../support/until.js';
import {
  BACKENDS,
  Programs,
  type TracedProgram,
  buildProgram,
  openTarget,
} from './traced-program.js';

const programs = new Programs();
let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
  buildProgram(shop, 'references', '-Wno-unused-variable');
});
afterEach(() => programs.endAll());
afterAll(() => shop[Symbol.dispose]());

/** In the order of references.c. */
const PLACES = [
  'a global variable',
  'the heap, into the middle',
  'the heap, behind the end',
  'a packed structure',
  'the stack of a thread',
  'a register of a running thread',
  'a vector register of a running thread',
  'the stack of a suspended coroutine',
  'an epoll instance',
  'a timer',
  'memory that is read-only by now',
  'memory that another process wrote',
];
const MOVING = PLACES.length;
const PLACES_AND_UNUSED = MOVING + 1 + 100;
const LIMITS = { except: [], maxBytes: 1 << 30 };

/** The pages of references.c. */
function suspectsOf(memory: number): Suspect[] {
  return Array.from({ length: PLACES_AND_UNUSED }, (_, number) => {
    const start = addr(memory + 8192 * (number + 1));
    return { number, ranges: [{ start, end: addr(start + 64) }] };
  });
}

async function startProgram(): Promise<{
  program: TracedProgram;
  suspects: Suspect[];
  memory: number;
}> {
  const program = await programs.start(shop.path('references'));
  const [, text] = await program.lines.waitFor(/^memory (\d+)$/);
  const memory = Number(text);
  return { program, memory, suspects: suspectsOf(memory) };
}

/** It answers with none where it cannot tell, as when a thread has no processor to stop on. */
function whatCanBeTold(...search: Parameters<typeof findUnreferenced>): Promise<Set<number>> {
  return until('it can be told', () => {
    const found = findUnreferenced(...search);
    return found.size > 0 && found;
  });
}

const ALL_UNUSED = Array.from({ length: PLACES_AND_UNUSED - MOVING }, (_, i) => MOVING + i);

describe.each(BACKENDS)('memory of a process, through %s', (backend) => {
  it('is unreferenced where no pointer leads, and referenced from wherever one may be', async () => {
    const { program, suspects } = await startProgram();
    using target = openTarget(program.pid, backend);
    const found = await whatCanBeTold(target, suspects, LIMITS);
    expect(PLACES.filter((_, number) => found.has(number))).toEqual([]);
    expect([...found].sort((a, b) => a - b)).toEqual(ALL_UNUSED);
    for (const { state, tracerPid } of readThreadStates(program.pid)) {
      expect(tracerPid).toBe(0);
      expect(state).not.toBe('t');
    }
  });

  it('is never unreferenced while the only pointer to it is moved about', async () => {
    const { program, suspects } = await startProgram();
    program.say('move\n');
    await program.lines.waitFor(/^does move/);
    using target = openTarget(program.pid, backend);
    for (let i = 0; i < 30; i++) {
      expect(findUnreferenced(target, suspects, LIMITS), `search ${i}`).not.toContain(MOVING);
    }
  });
});

describe('the search', () => {
  it('leaves out what it is told to', async () => {
    const { program, suspects } = await startProgram();
    using target = openTarget(program.pid, 'koffi');
    const except = target
      .maps()
      .filter(({ path, writable }) => writable && path === '[heap]')
      .map(({ start, end }) => ({ start, end }));
    const found = await whatCanBeTold(target, suspects, { ...LIMITS, except });
    expect(PLACES.filter((_, number) => found.has(number))).toEqual([
      'the heap, into the middle',
      'the heap, behind the end',
      'a packed structure',
      'the stack of a suspended coroutine',
    ]);
  });

  it('answers nothing when it would take too long', async () => {
    const { program, suspects } = await startProgram();
    using target = openTarget(program.pid, 'koffi');
    expect(findUnreferenced(target, suspects, { ...LIMITS, maxBytes: 4096 })).toEqual(new Set());
  });
});
