/** Functions called on a thread with something to lose: see programs/lone.c for what it checks. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addr } from '../../src/core/address.js';
import { FunctionCaller } from '../../src/ptrace/function-call.js';
import { giveBack, interruptAndWait } from '../../src/ptrace/one-thread.js';
import type { TargetProcess } from '../../src/ptrace/process.js';
import { listThreads } from '../../src/ptrace/procfs.js';
import { Tracee } from '../../src/ptrace/tracee.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { until } from '../support/until.js';
import { buildLone, goOn, startLone } from './lone.js';
import { Programs, openTarget } from './traced-program.js';

/** Uses all that a function may use, says what it was called with, sleeps when that is much, and
 *  returns when it may. */
const CALLED = `
#include <time.h>
volatile unsigned long seen;
volatile int wrong;
volatile char is_held;
void called(unsigned long argument)
{
    struct timespec rest = {0, argument * 1000000};
    unsigned short state[14], i;

    if (((unsigned long)__builtin_frame_address(0) & 15) != 0)
        wrong++;
    asm volatile("fnstenv %0" : "=m"(state));
    if (state[4] != 0xffff) /* The tag word: something is on the x87 stack. */
        wrong++;
    for (i = 0; i < 8; i++)
        asm volatile("fldpi");
    asm volatile("fninit");
    asm volatile("pxor %%xmm0,%%xmm0\\n pxor %%xmm7,%%xmm7\\n pxor %%xmm15,%%xmm15\\n std\\n cld" : : : "xmm0", "xmm7", "xmm15", "memory");
    asm volatile("" : : : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15");
    if (argument >= 100 && nanosleep(&rest, 0) != 0)
        wrong++;
    while (is_held)
        continue;
    seen = argument;
}
`;

const programs = new Programs();
let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
  shop.write('called.c', CALLED);
  buildLone(shop, 'called.c');
});
afterEach(() => programs.endAll());
afterAll(() => {
  shop[Symbol.dispose]();
});

function addressOf(name: string): number {
  const found = new RegExp(`^([0-9a-f]+) \\w ${name}$`, 'm').exec(shop.run('nm', 'lone'));
  return Number.parseInt(found?.[1] ?? '', 16);
}

function wordAt(target: TargetProcess, name: string, sizeBytes: number): number {
  return Buffer.from(target.memory.read(addr(addressOf(name)), sizeBytes)).readUIntLE(
    0,
    Math.min(6, sizeBytes),
  );
}

function hold(target: TargetProcess, isHeld: boolean): void {
  target.memory.writeData(addr(addressOf('is_held')), Uint8Array.of(isHeld ? 1 : 0));
}

async function stop(target: TargetProcess): Promise<Tracee> {
  const [tid] = listThreads(target.pid);
  const tracee = tid && target.tracing.acquire(tid);
  if (!(tracee instanceof Tracee)) throw new Error('there is no thread');
  // Where others have the processors for a while, a thread that runs stops only when it runs again.
  await until('the thread stands', () => interruptAndWait(target, tracee));
  return tracee;
}

async function take(target: TargetProcess): Promise<FunctionCaller> {
  const caller = FunctionCaller.on(target, await stop(target), target.maps());
  if (caller === undefined) throw new Error('the stack has no room');
  return caller;
}

const LATE = Number.POSITIVE_INFINITY;

describe.each(['spin', 'nanosleep', 'read'] as const)('in a thread busy with %s', (what) => {
  it('functions are called one after another, and the thread notices nothing', async () => {
    const program = await startLone(programs, shop, what);
    using target = openTarget(program.pid, 'koffi');
    // From now on the kernel goes on with its wait by what it remembers of it.
    giveBack(target, await stop(target));
    {
      using caller = await take(target);
      for (const argument of [7, 8, 120]) {
        const end = await caller.call(addr(addressOf('called')), argument, LATE);
        expect(end).toEqual({ kind: 'returned' });
        expect(wordAt(target, 'seen', 8)).toBe(argument);
      }
      expect(wordAt(target, 'wrong', 4)).toBe(0);
    }
    goOn(program, what, target);
    expect(await program.lines.rest()).toEqual(['end']);
    expect(await program.ended).toBe('exit 0');
  });

  it('a function that is left to itself finishes, and the thread notices nothing', async () => {
    const program = await startLone(programs, shop, what);
    using target = openTarget(program.pid, 'koffi');
    giveBack(target, await stop(target));
    {
      using caller = await take(target);
      hold(target, true);
      const end = await caller.call(addr(addressOf('called')), 300, performance.now());
      expect(end).toEqual({ kind: 'overdue' });
      expect(caller.canGoOn).toBe(false);
    }
    hold(target, false);
    await until('it has finished', () => wordAt(target, 'seen', 8) === 300);
    expect(wordAt(target, 'wrong', 4)).toBe(0);
    goOn(program, what, target);
    expect(await program.lines.rest()).toEqual(['end']);
    expect(await program.ended).toBe('exit 0');
  });
});
