import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { hasEnded, parseStat } from '../../src/ptrace/proc-stat.js';

// Lines as Linux 6.1 shows them, without their ends.
const KTHREADD = '2 (kthreadd) S 0 0 0 0 -1 2129984 0 0';
const SHELL = '841 (sh (x) y) S 840 841 840 0 -1 4194304 120 0';
const TORN_DOWN = '841 (sh) R 840 841 840 0 -1 4194308 120 0';
const ZOMBIE = '841 (sh) Z 840 841 840 0 -1 4227084 120 0';

it('tells a thread of the kernel by what the kernel says of it, not by what it lacks', () => {
  expect(parseStat(KTHREADD).isKernelThread).toBe(true);
  expect(parseStat(SHELL).isKernelThread).toBe(false);
  expect(parseStat(TORN_DOWN).isKernelThread).toBe(false);
});

it('takes a process for ended once it is being torn down, before it is a zombie', () => {
  expect([KTHREADD, SHELL, TORN_DOWN, ZOMBIE].map((line) => hasEnded(parseStat(line)))).toEqual([
    false,
    false,
    true,
    true,
  ]);
});

it('reads a name with blanks and parentheses', () => {
  expect(parseStat(SHELL)).toMatchObject({ name: 'sh (x) y', state: 'S', parent: 840, group: 841 });
});

it('reads the line of a process that runs', () => {
  const own = parseStat(readFileSync('/proc/self/stat', 'latin1'));
  expect(own).toMatchObject({ parent: process.ppid, isExiting: false, isKernelThread: false });
});
