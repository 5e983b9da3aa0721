/**
 * Frames built by hcr, put to use by a tracer in C (programs/tracer.c) on a target in C
 * (programs/target.c): what is tested is what the kernel makes of the bytes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InjectionFrame } from '../../../src/arch/injection.js';
import { injection } from '../../../src/arch/x86-64/injection.js';
import { registers, writeRegister } from '../../../src/arch/x86-64/registers.js';
import { addr } from '../../../src/core/address.js';
import { Workshop } from './build-with-gcc.js';
import { avx512, enterFunction, STATE, vectorBytes, vectorCount } from './set-all-registers.js';

let shop: Workshop;
const running = new Set<ChildProcess>();

beforeAll(() => {
  shop = new Workshop();
  for (const name of ['tracer.c', 'target.c']) {
    copyFileSync(new URL(`programs/${name}`, import.meta.url), shop.path(name));
  }
  shop.write('state.h', STATE);
  shop.write('enter.h', enterFunction('enter', 'call spin'));
  shop.run('gcc', '-O1', '-o', 'tracer', 'tracer.c');
  shop.run(
    'gcc',
    ...['-O1', '-no-pie', '-pthread', '-o', 'target', 'target.c'],
    // The state has all 512 bits of a vector; compare what this processor has of the low ones.
    `-DVECTOR_BYTES=${vectorBytes === 64 ? vectorCount * 64 : vectorBytes}`,
    `-DMASKS=${avx512 ? 1 : 0}`,
  );
});
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  shop[Symbol.dispose]();
});

interface Program {
  readonly line: () => Promise<string>;
  readonly say: (text: string) => void;
  readonly ended: Promise<number | null>;
}

function start(name: string, ...args: readonly string[]): Program {
  const child = spawn(shop.path(name), args, { stdio: ['pipe', 'pipe', 'inherit'] });
  running.add(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    line: async () => {
      const next = (await lines.next()) as IteratorResult<string, undefined>;
      return next.done === true ? 'end of output' : next.value;
    },
    say: (text) => child.stdin.write(`${text}\n`),
    ended: new Promise((resolve) => child.on('exit', resolve)),
  };
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

async function heard(program: Program, name: string): Promise<Uint8Array> {
  const [said, bytes = ''] = (await program.line()).split(' ');
  expect(said).toBe(name);
  return new Uint8Array(Buffer.from(bytes, 'hex'));
}

const SYS_getpid = 39;
const SYS_write = 1;

type Death = 'now' | 'entry' | 'exit' | 'live';

interface Session {
  readonly target: Program;
  readonly tracer: Program;
  readonly frame: InjectionFrame;
}

/** Stops the target and has the tracer install a frame and the first call's registers. */
async function inject(what: string, when: Death): Promise<Session> {
  const target = start('target', what);
  const [ready, tid = '', syscallGadget = '', sigreturnGadget = ''] = (await target.line()).split(
    ' ',
  );
  expect(ready).toBe('ready');
  // The thread sleeps in its call, or spins on its registers.
  const tracer = start('tracer', tid, what === 'registers' ? 'R' : 'S', when);
  const regs = await heard(tracer, 'registers');
  const frame = injection.buildFrame({
    registers: regs,
    extended: await heard(tracer, 'extended'),
    signalMask: await heard(tracer, 'mask'),
    syscallGadget: addr(Number(syscallGadget)),
    sigreturnGadget: addr(Number(sigreturnGadget)),
    scratchBytes: 100,
  });
  tracer.say(frame.start.toString(16));
  tracer.say(hexOf(frame.bytes));
  tracer.say(hexOf(injection.syscallRegisters(frame, SYS_getpid, [])));
  return { target, tracer, frame };
}

async function outcome(target: Program): Promise<readonly string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = await target.line();
    if (line === 'end') return lines;
    lines.push(line);
    if (line === 'end of output') return lines;
  }
}

describe.concurrent('a thread whose tracer dies', () => {
  it.each(['now', 'entry', 'exit'] as const)(
    'gets back every register, mask, alternate stack and red zone (dies: %s)',
    async (when) => {
      const { target, tracer } = await inject('registers', when);
      expect(await tracer.ended).toBe(0);
      target.say('');
      expect(await outcome(target)).toEqual(['result 0 ok']);
    },
  );

  it.each([
    ['nanosleep', 'result 0 ok'],
    ['poll', 'result 0 ok'],
    ['select', 'result 0 ok'],
    ['epoll_wait', 'result 0 ok'],
    ['semtimedop', 'result -1 EAGAIN'],
    ['sigtimedwait', 'result -1 EAGAIN'],
    ['recv', 'result -1 EAGAIN'],
  ])('makes its interrupted %s again', async (what, expected) => {
    const { target, tracer } = await inject(what, 'exit');
    expect(await tracer.ended).toBe(0);
    expect(await outcome(target)).toEqual([expected]);
  });

  it('makes its interrupted read again', async () => {
    const { target, tracer } = await inject('read', 'now');
    expect(await tracer.ended).toBe(0);
    target.say('');
    expect(await outcome(target)).toEqual(['result 1 ok']);
  });
});

describe.concurrent('a thread whose tracer lives', () => {
  it('makes the call and goes on', async () => {
    const { target, tracer, frame } = await inject('registers', 'live');
    const after = await heard(tracer, 'registers');
    expect(injection.syscallResult(after)).toBeGreaterThan(0);
    expect(registers.stackPointer(after)).toBe(frame.stackPointer);
    tracer.say(hexOf(frame.original));
    expect(await tracer.ended).toBe(0);
    target.say('');
    expect(await outcome(target)).toEqual(['result 0 ok']);
  });

  it.each([
    ['nanosleep', 'result 0 ok', 516, true],
    ['select', 'result 0 ok', 514, true],
    ['epoll_wait', 'result 0 ok', 4, false],
    ['semtimedop', 'result -1 EAGAIN', 4, false],
    ['sigtimedwait', 'result -1 EAGAIN', 4, false],
    ['recv', 'result -1 EAGAIN', 4, false],
  ])('never sees that its %s was interrupted', async (what, expected, errno, restartedByKernel) => {
    const { target, tracer, frame } = await inject(what, 'live');
    const call = registers.interruptedSyscall(frame.original);
    expect(call).toMatchObject({ errno, restartedByKernel, repeatable: true });
    await heard(tracer, 'registers');
    const resumed = restartedByKernel ? frame.original : registers.repeatSyscall(frame.original);
    tracer.say(hexOf(resumed));
    expect(await tracer.ended).toBe(0);
    expect(await outcome(target)).toEqual([expected]);
  });
});

describe('the frame', () => {
  const regs = new Uint8Array(registers.sizeBytes);
  const build = (rsp: number, extended = new Uint8Array(2696)): InjectionFrame => {
    writeRegister(regs, 'rsp', BigInt(rsp));
    return injection.buildFrame({
      registers: regs,
      extended,
      signalMask: new Uint8Array(8),
      syscallGadget: addr(0x1000),
      sigreturnGadget: addr(0x2000),
      scratchBytes: 33,
    });
  };

  it('stays below the red zone, aligned, with scratch that overlaps nothing', () => {
    for (let rsp = 0x7ffd_0000_1000; rsp < 0x7ffd_0000_1080; rsp += 1) {
      const frame = build(rsp);
      const end = frame.start + frame.bytes.length;
      expect(end).toBeLessThanOrEqual(rsp - 128);
      expect(frame.stackPointer % 16).toBe(8);
      expect(frame.scratch + 33).toBeLessThanOrEqual(end);
      const view = new DataView(frame.bytes.buffer);
      const fpstate = Number(view.getBigUint64(232, true));
      expect(fpstate % 64).toBe(0);
      expect(fpstate).toBeGreaterThanOrEqual(frame.start + 440);
      expect(fpstate + 2696 + 4).toBeLessThanOrEqual(frame.scratch);
    }
  });

  it('leaves out AMX tiles that are not in use, and only then', () => {
    const whole = 2816 + 8192;
    const sizeWith = (inUse: bigint): { size: number; features: bigint } => {
      const extended = new Uint8Array(whole);
      const view = new DataView(extended.buffer);
      view.setBigUint64(464, 0x602e7n, true);
      view.setBigUint64(512, inUse, true);
      const frame = build(0x7ffd_0000_8000, extended);
      const frameView = new DataView(frame.bytes.buffer);
      const fpstate = Number(frameView.getBigUint64(232, true)) - frame.start;
      const size = frameView.getUint32(fpstate + 480, true);
      expect(frameView.getUint32(fpstate + 464, true)).toBe(0x46505853);
      expect(frameView.getUint32(fpstate + 468, true)).toBe(size + 4);
      expect(frameView.getUint32(fpstate + size, true)).toBe(0x46505845);
      return { size, features: frameView.getBigUint64(fpstate + 472, true) };
    };
    expect(sizeWith(0x7n)).toEqual({ size: 2816, features: 0x202e7n });
    expect(sizeWith(0x40007n)).toEqual({ size: whole, features: 0x602e7n });
  });

  it('takes a bare FXSAVE area', () => {
    const frame = build(0x7ffd_0000_8000, new Uint8Array(512).fill(7));
    expect(new DataView(frame.bytes.buffer).getUint32(8, true) & 1).toBe(0);
  });

  it('passes arguments in the registers of a system call, without trap and direction flag', () => {
    const frame = build(0x7ffd_0000_8000);
    writeRegister(frame.original, 'eflags', 0x40746n);
    const call = injection.syscallRegisters(frame, SYS_write, [1, 2, 3, 4, 5, -1]);
    const field = (index: number): bigint =>
      new DataView(call.buffer).getBigUint64(8 * index, true);
    expect([14, 13, 12, 7, 9, 8].map(field)).toEqual([1n, 2n, 3n, 4n, 5n, 0xffff_ffff_ffff_ffffn]);
    expect(field(10)).toBe(BigInt(SYS_write));
    expect(field(15)).toBe(0xffff_ffff_ffff_ffffn);
    expect(field(18)).toBe(0x246n);
  });

  it('reads a negative result', () => {
    const result = new Uint8Array(registers.sizeBytes);
    writeRegister(result, 'rax', -12n);
    expect(injection.syscallResult(result)).toBe(-12);
  });
});

describe('interrupted calls', () => {
  const at = (number: number, rax: number, cs = 0x33): Uint8Array => {
    const regs = new Uint8Array(registers.sizeBytes);
    writeRegister(regs, 'orig_rax', BigInt(number));
    writeRegister(regs, 'rax', BigInt(rax));
    writeRegister(regs, 'rip', 0x401002n);
    writeRegister(regs, 'cs', BigInt(cs));
    return regs;
  };

  it('are none without a call, without an interruption, or in 32-bit code', () => {
    for (const regs of [at(-1, -4), at(232, 0), at(232, -11), at(16, -515), at(3, -512, 0x23)]) {
      expect(registers.interruptedSyscall(regs)).toBeUndefined();
    }
  });

  it.each([
    [232, 'epoll_wait', true],
    [42, 'connect', true],
    [3, 'close', false],
    [16, 'ioctl', false],
  ])('%i (%s) that answered EINTR may be made again: %s', (number, _, repeatable) => {
    const regs = at(number, -4);
    writeRegister(regs, 'r10', 50n);
    expect(registers.interruptedSyscall(regs)).toEqual({
      number,
      errno: 4,
      repeatable,
      restartedByKernel: false,
      hasTimeout: true,
    });
  });

  it.each([
    { call: 'epoll_wait', number: 232, field: 'r10', none: 0xffff_ffffn, some: 50n },
    { call: 'ppoll', number: 271, field: 'rdx', none: 0n, some: 0x7fff_0000n },
    { call: 'semtimedop', number: 220, field: 'r10', none: 0n, some: 0x7fff_0000n },
  ] as const)('$call has a timeout or none', ({ number, field, none, some }) => {
    for (const value of [none, some]) {
      const regs = at(number, -4);
      writeRegister(regs, field, value);
      expect(registers.interruptedSyscall(regs)?.hasTimeout).toBe(value === some);
    }
  });

  it.each([512, 513, 514, 516])('with error %i are restarted by the kernel', (errno) => {
    expect(registers.interruptedSyscall(at(42, -errno))).toEqual({
      number: 42,
      errno,
      repeatable: true,
      restartedByKernel: true,
      hasTimeout: true,
    });
  });

  it('cannot be brought back once they go on through restart_syscall', () => {
    expect(registers.interruptedSyscall(at(219, -516))?.repeatable).toBe(false);
  });

  it('start again at their instruction with their number', () => {
    const regs = at(232, -4);
    const again = registers.repeatSyscall(regs);
    expect(registers.pc(again)).toBe(0x401000);
    expect(injection.syscallResult(again)).toBe(232);
    expect(registers.interruptedSyscall(again)).toBeUndefined();
    expect(registers.pc(regs)).toBe(0x401002);
  });

  it('may be left to the kernel, which makes them again unless a handler runs', () => {
    const regs = at(232, -4);
    const again = registers.restartSyscall(regs);
    expect(registers.pc(again)).toBe(0x401002);
    expect(registers.interruptedSyscall(again)).toMatchObject({
      number: 232,
      restartedByKernel: true,
    });
    expect(injection.syscallResult(regs)).toBe(-4);
  });
});
