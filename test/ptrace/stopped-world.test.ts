import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isHcrError } from '../../src/core/failure.js';
import { StoppedWorld } from '../../src/ptrace/stopped-world.js';
import type { TargetProcess } from '../../src/ptrace/process.js';
import { listThreads } from '../../src/ptrace/procfs.js';
import { ThreadCount } from '../../src/ptrace/thread-count.js';
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

const SIGRTMIN = 34;
const SIGKILL = 9;
const SIGCONT = 18;
const SIGSTOP = 19;

/** Only a stop that hangs comes near it. */
const deadline = (): number => performance.now() + 20_000;

const programs = new Programs();
let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
  buildProgram(shop, 'crowd');
  buildProgram(shop, 'storm');
});
afterEach(() => programs.endAll());
afterAll(() => shop[Symbol.dispose]());

async function startCrowd(...args: string[]): Promise<TracedProgram> {
  const program = await programs.start(shop.path('crowd'), ...args);
  await program.lines.waitFor(/ready/);
  return program;
}

async function countOf(program: TracedProgram): Promise<string> {
  program.say('\n');
  const [line] = await program.lines.waitFor(/^got .*/);
  return line;
}

const states = (target: TargetProcess): string[] =>
  readThreadStates(target.pid).map(({ state }) => state);

function expectUntraced(target: TargetProcess): void {
  for (const { state, tracerPid } of readThreadStates(target.pid)) {
    expect(tracerPid).toBe(0);
    expect(state).not.toBe('t');
  }
}

describe.each(BACKENDS)('a stopped world, through %s', (backend) => {
  it('stands still in every thread, spinning or blocked, and runs on afterwards', async () => {
    const program = await startCrowd('12');
    using target = openTarget(program.pid, backend);
    for (let round = 0; round < 5; round++) {
      using world = new StoppedWorld(target);
      world.stop(deadline());
      expect(states(target)).toEqual(Array(13).fill('t'));
      expect(world.threads.map(({ tracee }) => tracee.tid).sort()).toEqual(
        readThreadStates(target.pid)
          .map(({ tid }) => tid)
          .sort(),
      );
      world.resume();
      expectUntraced(target);
    }
    expect(await countOf(program)).toBe('got 0');
  });

  it('knows each thread’s pc and stack, as the kernel shows them in /proc', async () => {
    const program = await startCrowd('6');
    using target = openTarget(program.pid, backend);
    using world = new StoppedWorld(target);
    world.stop(deadline());
    const { registers } = target.machine;
    for (const { tracee, registers: values } of world.threads) {
      const shown = readFileSync(`/proc/${target.pid}/task/${tracee.tid}/syscall`, 'latin1').trim();
      // "-1 sp pc" or "nr args... sp pc"
      const [sp, pc] = shown.split(' ').slice(-2).map(Number);
      expect([registers.stackPointer(values), registers.pc(values)]).toEqual([sp, pc]);
    }
  });

  it('has all threads although others are born and die all the while', async () => {
    const program = await startCrowd('3', 'breeding');
    using target = openTarget(program.pid, backend);
    for (let round = 0; round < 30; round++) {
      using world = new StoppedWorld(target);
      world.stop(deadline());
      const alive = readThreadStates(target.pid).filter(
        ({ state }) => state !== 'Z' && state !== 'X',
      );
      expect(alive.filter(({ state }) => state !== 't')).toEqual([]);
      expect(alive.every(({ tracerPid }) => tracerPid === process.pid)).toBe(true);
    }
    expect(await countOf(program)).toBe('got 0');
    expectUntraced(target);
  });

  it('loses no signal that is sent meanwhile and doubles none', async () => {
    const program = await startCrowd('2');
    using target = openTarget(program.pid, backend);
    for (let round = 0; round < 10; round++) {
      using world = new StoppedWorld(target);
      world.stop(deadline());
      for (let i = 0; i < 20; i++) expect(target.libc.kill(target.pid, SIGRTMIN + i)).toBe(0);
    }
    expect(await countOf(program)).toBe('got 200');
  });
});

describe('signals', () => {
  it('of a storm arrive once and in order through a hundred stops', async () => {
    const program = await startCrowd('2');
    using target = openTarget(program.pid, 'koffi');
    const storm = spawn(shop.path('storm'), [String(program.pid), '5000'], { stdio: 'ignore' });
    const ended = new Promise((resolve) => storm.on('exit', resolve));
    const over = new AbortController();
    void ended.then(() => over.abort());
    try {
      for (let round = 0; round < 100 || !over.signal.aborted; round++) {
        using world = new StoppedWorld(target);
        world.stop(deadline());
        world.resume();
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      if (!over.signal.aborted) storm.kill('SIGKILL');
    }
    expect(await ended).toBe(0);
    expect(await countOf(program)).toBe('got 5000');
  });

  it('SIGSTOP sent during the stop stops the program when it is let go', async () => {
    const program = await startCrowd('2');
    using target = openTarget(program.pid, 'koffi');
    {
      using world = new StoppedWorld(target);
      world.stop(deadline());
      target.libc.kill(target.pid, SIGSTOP);
    }
    await until('it stands', () => states(target).every((state) => state === 'T'));
    target.libc.kill(target.pid, SIGCONT);
    expect(await countOf(program)).toBe('got 0');
  });
});

describe('a process stopped by job control', () => {
  async function startStopped(): Promise<TracedProgram> {
    const program = await startCrowd('4');
    process.kill(program.pid, 'SIGSTOP');
    await until('it stands', () =>
      readThreadStates(program.pid).every(({ state }) => state === 'T'),
    );
    return program;
  }

  it('stays stopped, every thread of it', async () => {
    const program = await startStopped();
    using target = openTarget(program.pid, 'koffi');
    for (let round = 0; round < 5; round++) {
      using world = new StoppedWorld(target);
      world.stop(deadline());
      expect(world.threads).toHaveLength(5);
    }
    await until('it stands again', () => states(target).every((state) => state === 'T'));
    expectUntraced(target);
    target.libc.kill(target.pid, SIGCONT);
    expect(await countOf(program)).toBe('got 0');
  });

  it('goes on when SIGCONT came while hcr held it', async () => {
    const program = await startStopped();
    using target = openTarget(program.pid, 'koffi');
    {
      using world = new StoppedWorld(target);
      world.stop(deadline());
      target.libc.kill(target.pid, SIGCONT);
    }
    expect(await countOf(program)).toBe('got 0');
    expectUntraced(target);
  });
});

describe('a world', () => {
  it('shows each thread once, as soon as it stands, and stops no more of them when told so', async () => {
    const program = await startCrowd('12');
    using target = openTarget(program.pid, 'koffi');
    const seen: number[] = [];
    {
      using world = new StoppedWorld(target);
      world.stop(deadline(), (threads) => {
        seen.push(...threads.map(({ tracee }) => tracee.tid));
        return true;
      });
      expect(seen.toSorted()).toEqual([...listThreads(target.pid)].sort());
    }
    {
      using world = new StoppedWorld(target);
      let calls = 0;
      world.stop(deadline(), () => {
        calls++;
        return false;
      });
      expect(calls).toBe(1);
    }
    expectUntraced(target);
    expect(await countOf(program)).toBe('got 0');
  });

  it('leaves hcr’s own thread scheduled as it was, whatever it was while the target stood', async () => {
    const program = await startCrowd('2');
    using target = openTarget(program.pid, 'koffi');
    const { libc } = target;
    const before = libc.schedulingPolicy();
    {
      using world = new StoppedWorld(target);
      world.stop(deadline());
      const isFirst = libc.schedulingPolicy() !== before;
      // Root may, others may not.
      expect(isFirst).toBe(libc.setSchedulingPolicy(1, 1) >= 0);
    }
    expect(libc.schedulingPolicy()).toBe(before);
  });

  it('counts as many threads as the kernel lists', async () => {
    for (const threads of ['0', '1', '12']) {
      const program = await startCrowd(threads);
      using target = openTarget(program.pid, 'koffi');
      using count = new ThreadCount(target.libc, target.pid);
      expect(count.read()).toBe(listThreads(target.pid).length);
      target.libc.kill(target.pid, SIGKILL);
      await program.ended;
      expect(count.read()).toBe(0);
    }
  });

  it('that was never stopped lets its threads go', async () => {
    const program = await startCrowd('3');
    using target = openTarget(program.pid, 'koffi');
    {
      using world = new StoppedWorld(target);
      expect(world.threads).toEqual([]);
      expect(readThreadStates(target.pid).every(({ tracerPid }) => tracerPid === process.pid)).toBe(
        true,
      );
    }
    expectUntraced(target);
    expect(await countOf(program)).toBe('got 0');
  });

  it('may be resumed and dropped twice', async () => {
    const program = await startCrowd('3');
    using target = openTarget(program.pid, 'koffi');
    const world = new StoppedWorld(target);
    world.stop(deadline());
    world.resume();
    world.resume();
    world[Symbol.dispose]();
    expectUntraced(target);
    expect(await countOf(program)).toBe('got 0');
  });

  it('of a process that another program traces is refused as already-traced, by name', async () => {
    const program = await startCrowd('0');
    const strace = spawn('strace', ['-f', '-o', '/dev/null', '-p', String(program.pid)], {
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => strace.on('exit', resolve));
    try {
      await until(
        'strace holds it',
        () => readThreadStates(program.pid)[0]?.tracerPid === strace.pid,
      );
      using target = openTarget(program.pid, 'koffi');
      let failure: unknown;
      try {
        new StoppedWorld(target)[Symbol.dispose]();
      } catch (error) {
        failure = error;
      }
      expect(isHcrError(failure, 'already-traced')).toBe(true);
      expect(String(failure)).toContain(`strace (pid ${strace.pid})`);
    } finally {
      strace.kill('SIGINT');
      await ended;
    }
    expect(await countOf(program)).toBe('got 0');
  });

  it('of a process that has ended is a typed failure', async () => {
    const program = await startCrowd('0');
    using target = openTarget(program.pid, 'koffi');
    target.libc.kill(target.pid, SIGKILL);
    await program.ended;
    let failure: unknown;
    try {
      new StoppedWorld(target)[Symbol.dispose]();
    } catch (error) {
      failure = error;
    }
    expect(isHcrError(failure, 'no-such-process')).toBe(true);
  });

  it('survives the death of the target between the seizing and the stop', async () => {
    const program = await startCrowd('3');
    using target = openTarget(program.pid, 'koffi');
    let failure: unknown;
    try {
      using world = new StoppedWorld(target);
      target.libc.kill(target.pid, SIGKILL);
      world.stop(deadline());
    } catch (error) {
      failure = error;
    }
    expect(isHcrError(failure, 'target-exited')).toBe(true);
  });

  it('leaves a target that died while it stood to its parent', async () => {
    const program = await startCrowd('3');
    using target = openTarget(program.pid, 'koffi');
    {
      using world = new StoppedWorld(target);
      world.stop(deadline());
      target.libc.kill(target.pid, SIGKILL);
    }
    const patience = new Promise((resolve) => setTimeout(() => resolve('a zombie'), 20_000));
    expect(await Promise.race([program.ended, patience])).toBe(`exit ${128 + SIGKILL}`);
  });
});
