import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { addr } from '../../src/core/address.js';
import { HcrError, isHcrError } from '../../src/core/failure.js';
import { findGadgets } from '../../src/ptrace/gadgets.js';
import { RemoteCalls } from '../../src/ptrace/remote-calls.js';
import { readMaps } from '../../src/ptrace/procfs.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { snapshotMemory } from '../support/memory-snapshot.js';
import { readThreadStates } from '../support/thread-states.js';
import { until } from '../support/until.js';
import { type Lone, buildLone, goOn, startLone } from './lone.js';
import {
  BACKENDS,
  Programs,
  type TracedProgram,
  buildProgram,
  openTarget,
} from './traced-program.js';

const SYS = {
  getpid: 39,
  memfd_create: 319,
  close: 3,
  rt_sigprocmask: 14,
  gettid: 186,
  nosuch: 999,
};
const EINVAL = 22;
const ENOSYS = 38;

const programs = new Programs();
let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
  buildLone(shop);
  buildProgram(shop, 'crowd');
});
afterEach(() => programs.endAll());
afterAll(() => shop[Symbol.dispose]());

async function complaints(program: Lone): Promise<string[]> {
  const lines = await program.lines.rest();
  expect(lines.at(-1)).toBe('end');
  return lines.slice(0, -1);
}

/** How its parent learns that it has ended, if it does: a tracer that does not wait for a thread
 *  that died in its hands keeps it from its parent. */
function endOf(program: TracedProgram): Promise<string> {
  const patience = new Promise<string>((resolve) => setTimeout(() => resolve('a zombie'), 20_000));
  return Promise.race([program.ended, patience]);
}

describe.each(BACKENDS)('a system call made through %s', (backend) => {
  describe.each(['spin', 'nanosleep', 'read'] as const)('in a thread busy with %s', (what) => {
    it('gives its result, and the thread notices nothing', async () => {
      const program = await startLone(programs, shop, what);
      using target = openTarget(program.pid, backend);
      {
        using calls = RemoteCalls.prepare(target, 64);
        expect(calls.tid).toBe(program.pid);
        expect(calls.call(SYS.getpid)).toBe(program.pid);
        expect(calls.call(SYS.gettid)).toBe(program.pid);
        expect(calls.call(SYS.nosuch)).toBe(-ENOSYS);
        expect(calls.call(SYS.memfd_create, calls.scratch, 0xffff)).toBe(-EINVAL);
      }
      goOn(program, what, target);
      expect(await complaints(program)).toEqual([]);
      expect(await program.ended).toBe('exit 0');
    });

    it('leaves every byte of its memory, and its signal mask, as they were', async () => {
      const program = await startLone(programs, shop, what, 600);
      using target = openTarget(program.pid, backend);
      const before = snapshotMemory(program.pid);
      const [state] = readThreadStates(program.pid);
      {
        using calls = RemoteCalls.prepare(target, 4096);
        target.memory.writeData(calls.scratch, new Uint8Array(4096).fill(0x77));
        expect(calls.call(SYS.getpid)).toBe(program.pid);
      }
      expect(snapshotMemory(program.pid)).toEqual(before);
      expect(readThreadStates(program.pid)[0]?.blockedSignals).toBe(state?.blockedSignals);
      expect(readThreadStates(program.pid)[0]?.tracerPid).toBe(0);
    });

    it('that was prepared and not made changes nothing either', async () => {
      const program = await startLone(programs, shop, what);
      using target = openTarget(program.pid, backend);
      for (let i = 0; i < 3; i++) RemoteCalls.prepare(target, 16)[Symbol.dispose]();
      goOn(program, what, target);
      expect(await complaints(program)).toEqual([]);
    });
  });

  it('takes its arguments from the scratch memory it was given', async () => {
    const program = await startLone(programs, shop, 'read');
    using target = openTarget(program.pid, backend);
    using calls = RemoteCalls.prepare(target, 16);
    target.memory.writeData(calls.scratch, Buffer.from('scratched\0'));
    const file = calls.call(SYS.memfd_create, calls.scratch, 0);
    expect(file).toBeGreaterThan(2);
    expect(readFileSync(`/proc/${program.pid}/fdinfo/${file}`, 'latin1')).toContain('pos:');
    expect(calls.call(SYS.close, file)).toBe(0);
  });
});

describe('an injected call', () => {
  it('is made with all signals blocked; those that arrive meanwhile are delivered afterwards', async () => {
    const program = await programs.start(shop.path('crowd'), '0');
    await program.lines.waitFor(/ready/);
    using target = openTarget(program.pid, 'koffi');
    {
      using calls = RemoteCalls.prepare(target, 16);
      calls.call(SYS.getpid);
      for (let i = 0; i < 5; i++) target.libc.kill(program.pid, 40);
      for (let i = 0; i < 5; i++) expect(calls.call(SYS.getpid)).toBe(program.pid);
    }
    program.say('\n');
    const [, count] = await program.lines.waitFor(/got (\d+)/);
    expect(count).toBe('5');
  });

  it('leaves the other threads running', async () => {
    const program = await programs.start(shop.path('crowd'), '3');
    await program.lines.waitFor(/ready/);
    using target = openTarget(program.pid, 'koffi');
    using calls = RemoteCalls.prepare(target, 16);
    const others = readThreadStates(program.pid).filter(({ tid }) => tid !== calls.tid);
    expect(others).toHaveLength(3);
    for (const { state, tracerPid } of others) {
      expect(tracerPid).toBe(0);
      expect(state).not.toBe('t');
    }
  });

  it('works a hundred times in a row', async () => {
    const program = await startLone(programs, shop, 'spin');
    using target = openTarget(program.pid, 'koffi');
    for (let i = 0; i < 100; i++) {
      using calls = RemoteCalls.prepare(target, i);
      expect(calls.call(SYS.getpid)).toBe(program.pid);
    }
    goOn(program, 'spin', target);
    expect(await complaints(program)).toEqual([]);
  });

  it('in a process stopped by SIGSTOP leaves it stopped', async () => {
    const program = await programs.start(shop.path('crowd'), '2');
    await program.lines.waitFor(/ready/);
    using target = openTarget(program.pid, 'koffi');
    const isStopped = (): boolean =>
      readThreadStates(program.pid).every(({ state }) => state === 'T');
    target.libc.kill(program.pid, 19);
    await until('it stands', isStopped);
    {
      using calls = RemoteCalls.prepare(target, 16);
      expect(calls.call(SYS.getpid)).toBe(program.pid);
    }
    await until('it stands again', isStopped);
    target.libc.kill(program.pid, 18);
    program.say('\n');
    await program.lines.waitFor(/got 0/);
  });

  it('on a target that is killed in the middle ends as target-exited', async () => {
    const program = await startLone(programs, shop, 'read');
    using target = openTarget(program.pid, 'koffi');
    let failure: unknown;
    try {
      using calls = RemoteCalls.prepare(target, 16);
      target.libc.kill(program.pid, 9);
      for (let i = 0; i < 1000; i++) calls.call(SYS.getpid);
    } catch (error) {
      failure = error;
    }
    expect(isHcrError(failure, 'target-exited')).toBe(true);
    expect(await endOf(program)).toBe(`exit ${128 + 9}`);
  });

  it('on a process that is gone is a typed failure', async () => {
    const program = await startLone(programs, shop, 'read');
    using target = openTarget(program.pid, 'koffi');
    program.say('x');
    await program.ended;
    let failure: unknown;
    try {
      RemoteCalls.prepare(target, 16)[Symbol.dispose]();
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(HcrError);
    expect(['no-such-process', 'target-exited']).toContain((failure as HcrError).code);
  });
});

describe('findGadgets', () => {
  it('finds instructions that objdump shows at those addresses', async () => {
    const program = await startLone(programs, shop, 'read');
    using target = openTarget(program.pid, 'koffi');
    const { syscall, sigreturn } = findGadgets(
      target.memory,
      readMaps(program.pid),
      x8664.injection,
    );
    const disassembled = (name: string, at: number): string => {
      shop.write(name, target.memory.read(addr(at), 16));
      return shop.run('objdump', '-D', '-b', 'binary', '-m', 'i386:x86-64', name);
    };
    expect(disassembled('syscall.bin', syscall)).toMatch(/ 0:.*syscall\s*\n\s+2:.*ret/);
    expect(disassembled('sigreturn.bin', sigreturn)).toMatch(
      / 0:.*mov\s+\$0xf,%[er]ax\s*\n.*syscall/,
    );
    for (const at of [syscall, sigreturn]) {
      const mapping = target.maps().find(({ start, end }) => at >= start && at < end);
      expect(mapping?.executable).toBe(true);
    }
  });
});
