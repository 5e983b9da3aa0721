import { describe, expect, it } from 'vitest';
import { stopReason } from '../../src/ptrace/requests.js';

// Built as <bits/waitstatus.h> builds them: W_EXITCODE(ret, sig), W_STOPCODE(sig), and the event in
// the bits above, as ptrace(2) describes.
const exited = (code: number): number => code << 8;
const killed = (signal: number, core: boolean): number => signal | (core ? 0x80 : 0);
const stopped = (signal: number, event = 0): number => (event << 16) | (signal << 8) | 0x7f;

const SIGTRAP = 5;
const SIGNALS = Array.from({ length: 64 }, (_, i) => i + 1);

describe('stopReason', () => {
  it('reads every exit code', () => {
    for (let code = 0; code < 256; code++) {
      expect(stopReason(exited(code))).toEqual({ kind: 'exited', code });
    }
  });

  it('reads every deadly signal, with and without a core', () => {
    for (const signal of SIGNALS) {
      expect(stopReason(killed(signal, false))).toEqual({ kind: 'killed', signal });
      expect(stopReason(killed(signal, true))).toEqual({ kind: 'killed', signal });
    }
  });

  it('takes every plain stop for the delivery of that signal, SIGTRAP and SIGSTOP included', () => {
    for (const signal of SIGNALS) {
      expect(stopReason(stopped(signal))).toEqual({ kind: 'signal', signal });
    }
  });

  it('tells a system call from a SIGTRAP by its eighth bit', () => {
    expect(stopReason(stopped(SIGTRAP | 0x80))).toEqual({ kind: 'syscall' });
  });

  it('tells an interruption from a stop of job control', () => {
    const PTRACE_EVENT_STOP = 128;
    expect(stopReason(stopped(SIGTRAP, PTRACE_EVENT_STOP))).toEqual({ kind: 'interrupted' });
    for (const signal of [19, 20, 21, 22]) {
      expect(stopReason(stopped(signal, PTRACE_EVENT_STOP))).toEqual({
        kind: 'group-stop',
        signal,
      });
    }
  });

  it('reports exec and clone', () => {
    expect(stopReason(stopped(SIGTRAP, 3))).toEqual({ kind: 'clone' });
    expect(stopReason(stopped(SIGTRAP, 4))).toEqual({ kind: 'exec' });
  });
});
