/**
 * Programs built with the flags that real builds use: a small function is patched in each and its
 * new result seen, through a direct call and through a pointer that was taken before.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { refusalOf, reload, rollBack } from '../support/hcr.js';
import { MAIN_C, buildInline } from '../support/inline-program.js';
import { NOTHING, changesDuring } from '../support/memory-snapshot.js';

const ENDBR64 = 'f30f1efa';

function codeAt(pid: number, address: string, lengthBytes: number): string {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    const bytes = Buffer.alloc(lengthBytes);
    readSync(memory, bytes, 0, lengthBytes, Number(address));
    return bytes.toString('hex');
  } finally {
    closeSync(memory);
  }
}

const FILES = {
  'main.c': MAIN_C,
  'work.c': `#include <stdio.h>
#include <string.h>
static int calls;
__attribute__((noinline)) int work(int x)
{
    char text[32];
    snprintf(text, sizeof text, "%d", x);
    calls++;
    return (int)strlen(text) * 10 + 1;
}
int (*volatile pointer)(int) = work;
void show(void)
{
    int before = calls;
    int direct = work(7), indirect = pointer(77);
    printf("%d %d %d", direct, indirect, calls - before);
}
`,
};

const GCC = [
  '-fcf-protection',
  '-fstack-protector-all',
  '-fstack-protector-strong',
  '-D_FORTIFY_SOURCE=2',
  '-fstack-clash-protection',
  '-pg',
  '-pg -mfentry',
  '-finstrument-functions',
  '-fpatchable-function-entry=5',
  '-fpatchable-function-entry=5,2',
  '-fno-plt',
  '-fvisibility=hidden',
  '-march=native',
  '-fsanitize=address',
  '-fsanitize=undefined',
  '-fsanitize=thread',
  '-fsplit-stack',
  '-x c++',
  '-std=c11',
  '-include stdlib.h',
  '-fomit-frame-pointer -fno-asynchronous-unwind-tables',
  '-ftrivial-auto-var-init=pattern',
  '-fzero-call-used-regs=used',
];

describe.each(GCC)('gcc -O2 -g %s', (flags) => {
  it('runs the new code', async () => {
    using program = await buildInline(FILES, ['-O2', '-g', ...flags.split(' ')]);
    await using target = await program.start({
      cwd: program.path,
      env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' },
    });
    await target.waitForLine(/^11 21 2$/);
    program.edit('work.c', '* 10 + 1', '* 10 + 2');
    const report = await reload(target.pid);
    expect(report.functions.map(({ name, label }) => label ?? name)).toEqual([
      flags === '-x c++' ? expect.stringContaining('work') : 'work',
    ]);
    await target.waitForLine(/^12 22 2$/);
    // Indirect calls must land on it still. @see Intel SDM volume 1, 17.3
    if (flags === '-fcf-protection')
      expect(codeAt(target.pid, report.functions[0]?.entry ?? '', 4)).toBe(ENDBR64);
    await rollBack(target.pid);
    target.lines.skipArrived();
    await target.waitForLine(/^11 21 2$/);
    expect(target.isAlive).toBe(true);
  });
});

const CLANG = [
  '-fcf-protection',
  '-fstack-protector-all',
  '-D_FORTIFY_SOURCE=2',
  '-fstack-clash-protection',
  '-pg',
  '-finstrument-functions',
  '-fpatchable-function-entry=5',
  '-fno-plt',
  '-fvisibility=hidden',
  '-march=native',
  '-flto=thin -fuse-ld=lld',
];

describe.each(CLANG)('clang -O2 -g %s, named with --cflags', (flags) => {
  it('runs the new code', async () => {
    using program = await buildInline(FILES, ['-O2', '-g', ...flags.split(' ')], 'clang');
    await using target = await program.start({ cwd: program.path });
    await target.waitForLine(/^11 21 2$/);
    program.edit('work.c', '* 10 + 1', '* 10 + 2');
    await reload(target.pid, ['--cflags', flags.replace(/-f(lto|use).*/, '')]);
    await target.waitForLine(/^12 22 2$/);
    await rollBack(target.pid);
    target.lines.skipArrived();
    await target.waitForLine(/^11 21 2$/);
  });
});

it.each([
  { flags: '-flto', reason: /link-time optimisation/ },
  { flags: '-flto -ffat-lto-objects', reason: /link-time optimisation/ },
  { flags: '--coverage', reason: /count what runs/ },
  { flags: '-fprofile-generate', reason: /count what runs/ },
])(
  'a program that gcc built with $flags is refused with the reason and the way out',
  async ({ flags, reason }) => {
    using program = await buildInline(FILES, ['-O2', '-g', ...flags.split(' ')]);
    await using target = await program.start({ cwd: program.path });
    await target.waitForLine(/^11 21 2$/);
    program.edit('work.c', '* 10 + 1', '* 10 + 2');
    const changes = await changesDuring(target.pid, async () => {
      const refusal = await refusalOf(['reload', target.pid]);
      expect(refusal).toMatchObject({ exitCode: 4, code: 'function-not-patchable' });
      expect(refusal.message).toMatch(reason);
      expect(refusal.hint).toMatch(/without/);
    });
    expect(changes).toEqual(NOTHING);
  },
);
