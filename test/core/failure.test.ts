import { describe, expect, it } from 'vitest';
import { HcrError, isHcrError } from '../../src/core/failure.js';
import type { Failure, FailureCode } from '../../src/core/failure-codes.js';

const difference = { what: 'parameter 1', live: 'int', edited: 'long' };

/** One of each; a code without a sample does not compile. */
const SAMPLES: { readonly [C in FailureCode]: Extract<Failure, { readonly code: C }> } = {
  usage: { code: 'usage', detail: '--to takes a number.' },
  unexpected: { code: 'unexpected', detail: 'ptrace failed.' },
  'no-such-process': { code: 'no-such-process', pid: 4711 },
  'attach-denied': { code: 'attach-denied', pid: 4711, reason: 'another user', advice: 'Be root.' },
  'already-traced': { code: 'already-traced', pid: 4711, tracerPid: 4712, tracer: 'gdb' },
  'build-user-denied': { code: 'build-user-denied', uid: 1000, reason: 'setpriv is not there' },
  'source-not-trusted': { code: 'source-not-trusted', source: 'a.c', reason: 'it is in /proc' },
  'unsupported-machine': { code: 'unsupported-machine', pid: 4711, machine: '32-bit x86' },
  'unsupported-target': { code: 'unsupported-target', pid: 4711, detail: 'it has a breakpoint' },
  'hook-failed': { code: 'hook-failed', hook: 'save', reason: 'still runs' },
  'no-debug-info': { code: 'no-debug-info', module: '/bin/prog', function: 'f1' },
  'debug-file-missing': {
    code: 'debug-file-missing',
    file: 'main.dwo',
    module: '/srv/app',
    reason: 'is not there',
  },
  'source-not-found': { code: 'source-not-found', source: 'a.c', tried: ['/x/a.c'] },
  'function-not-found': { code: 'function-not-found', function: 'f1', near: ['f2'], where: 'prog' },
  'ambiguous-function': {
    code: 'ambiguous-function',
    function: 'f',
    candidates: ['a.c:f', 'b.c:f'],
    modules: ['prog'],
  },
  'module-not-found': { code: 'module-not-found', module: 'libx', loaded: ['prog', 'libc.so.6'] },
  'function-not-patchable': {
    code: 'function-not-patchable',
    function: 'f1',
    reason: 'it is too short',
    advice: 'Patch its callers.',
  },
  'file-not-in-program': { code: 'file-not-in-program', file: 'a.h', near: ['ab.h'] },
  'compile-failed': {
    code: 'compile-failed',
    command: 'gcc -c a.c',
    diagnostics: "a.c:3: error: expected ';'",
    exitCode: 1,
  },
  'compiler-not-found': { code: 'compiler-not-found', compiler: 'gcc-99' },
  'no-compile-command': {
    code: 'no-compile-command',
    source: 'a.c',
    file: 'compile_commands.json',
  },
  'unsupported-language': { code: 'unsupported-language', source: 'a.f90', language: 'Fortran' },
  'build-mismatch': {
    code: 'build-mismatch',
    detail: '9 of 10 functions differ',
    liveCompiler: 'GNU C17 12.2.0',
    compiler: 'clang 14',
    flags: 'the program has -O2',
    advice: 'Pass --cc gcc.',
  },
  'abi-changed': { code: 'abi-changed', function: 'f1', differences: [difference] },
  'layout-changed': { code: 'layout-changed', type: 'struct s', differences: [difference] },
  'unresolved-symbol': { code: 'unresolved-symbol', symbol: 'prinft', near: ['printf'] },
  'unsupported-thread-local': {
    code: 'unsupported-thread-local',
    variable: 'depth',
    reason: 'it is new',
    advice: 'Use an ordinary variable.',
  },
  'unsupported-relocation': {
    code: 'unsupported-relocation',
    relocation: 'R_X86_64_GOT64',
    section: '.text.f1',
    symbol: 'counter',
  },
  'out-of-reach': { code: 'out-of-reach', symbol: 'counter', detail: 'it is 3 GiB away' },
  'out-of-memory': { code: 'out-of-memory', detail: 'mmap failed' },
  busy: { code: 'busy', detail: 'thread 4713 is in f1', threads: [4713], waitedMs: 2000 },
  'target-exited': { code: 'target-exited', pid: 4711, how: 'killed' },
  'target-replaced': { code: 'target-replaced', pid: 4711, detail: 'it is /bin/true now' },
  'ledger-corrupt': { code: 'ledger-corrupt', pid: 4711, detail: 'no checksum fits' },
  'no-such-generation': { code: 'no-such-generation', generation: 9, available: '0 to 3' },
  'malformed-file': { code: 'malformed-file', what: 'a.o', detail: 'it ends early' },
  'ffi-unavailable': { code: 'ffi-unavailable', detail: 'koffi: not found' },
};

const EVERY = Object.values<Failure>(SAMPLES).map((failure) => [failure.code, failure] as const);

/** The exit codes that the brief fixes, each with the codes that end in it. */
const EXITS: Readonly<Record<number, readonly FailureCode[]>> = {
  1: ['unexpected', 'ffi-unavailable'],
  2: ['usage'],
  3: ['no-such-process', 'attach-denied', 'already-traced', 'target-exited', 'target-replaced'],
  5: ['compile-failed', 'compiler-not-found'],
  6: ['busy'],
};

describe('a failure', () => {
  it.each(EVERY)('%s has a message, a one-sentence hint and an exit code', (_, failure) => {
    const error = new HcrError(failure);
    expect(error.code).toBe(failure.code);
    expect(error.message).not.toMatch(/undefined|\[object|NaN/);
    expect(error.message.length).toBeGreaterThan(10);
    expect(error.hint).not.toMatch(/undefined|\[object|NaN|\n/);
    expect(error.hint.length).toBeGreaterThan(3);
    expect(error.exitCode).toBeGreaterThan(0);
  });

  it.each(EVERY)('%s ends with the exit code that the brief gives it', (code, failure) => {
    const listed = Object.entries(EXITS).find(([, codes]) => codes.includes(code))?.[0] ?? '4';
    expect(new HcrError(failure).exitCode).toBe(Number(listed));
  });

  it.each(EVERY)('%s keeps its cause and its typed fields', (_, failure) => {
    const cause = new Error('below');
    const error = new HcrError(failure, { cause });
    expect(error.cause).toBe(cause);
    expect(error.failure).toBe(failure);
  });

  it('shows both declarations where two differ', () => {
    const { message } = new HcrError(SAMPLES['abi-changed']);
    expect(message).toContain('int');
    expect(message).toContain('long');
  });

  it('shows what the compiler said, and its command as the hint', () => {
    const error = new HcrError(SAMPLES['compile-failed']);
    expect(error.message).toContain("a.c:3: error: expected ';'");
    expect(error.hint).toContain('gcc -c a.c');
  });

  it('suggests near names where it has some', () => {
    expect(new HcrError(SAMPLES['function-not-found']).hint).toContain('f2');
    expect(new HcrError(SAMPLES['unresolved-symbol']).hint).toContain('printf');
  });
});

describe('isHcrError', () => {
  it('tells hcr’s own errors by code, and from others', () => {
    const busy = new HcrError(SAMPLES.busy);
    expect(isHcrError(busy)).toBe(true);
    expect(isHcrError(busy, 'busy')).toBe(true);
    expect(isHcrError(busy, 'usage')).toBe(false);
    expect(isHcrError(new Error('busy'), 'busy')).toBe(false);
    expect(isHcrError(undefined)).toBe(false);
  });
});
