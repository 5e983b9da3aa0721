/**
 * What the analyses are for: a program redirects `f` to `f_new` while `caller`, compiled against
 * the old body, stays. With a plain jump it dies or computes nonsense; with the stub it does not.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Decoder } from '../../src/arch/decoder.js';
import { loadDecoder } from '../../src/arch/x86-64/decoder.js';
import { jumps } from '../../src/arch/x86-64/jumps.js';
import { addr } from '../../src/core/address.js';
import { analyzeClobbers } from '../../src/patch/call-clobbers.js';
import { registersCallersRely } from '../../src/patch/relied-registers.js';
import { mayEnterMisaligned } from '../../src/patch/stack-alignment.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { codeOfExecutable } from './code-of-executable.js';

const STUB = addr(0x10000000);

let shop: Workshop;
let decoder: Decoder;
beforeAll(async () => {
  shop = new Workshop();
  decoder = await loadDecoder();
});
afterAll(() => shop[Symbol.dispose]());

/** argv[1]: bytes to put over f; argv[2]: bytes to put at STUB; both in hex. */
const PROGRAM = `
  #define _GNU_SOURCE
  #include <stdio.h>
  #include <stdlib.h>
  #include <string.h>
  #include <sys/mman.h>
  #define APART __attribute__((noinline, noclone))
  /* volatile: or gcc finds f pure, and calls it once */
  volatile double scale = 1.5; volatile int one = 1; char text[64];
  static APART int f(int x) { return x + one; }
  APART int f_new(int x) {
    volatile float four __attribute__((vector_size(16))) = {x, x, x, x}; /* movaps to the stack */
    (void)four;
    snprintf(text, sizeof text, "%g", x * scale);
    return atoi(text) + 1;
  }
  APART int caller(int a, int b) { int y = f(a); return y * b; }
  static void place(char *to, const char *hex) {
    mprotect((void *)((long)to & -4096), 8192, 7);
    for (unsigned byte; sscanf(hex, "%2x", &byte) == 1; hex += 2) *to++ = byte;
  }
  int main(int argc, char **argv) {
    int before = caller(4, 1000);
    mmap((void *)${STUB}, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    place((char *)f, argv[1]);
    place((char *)${STUB}, argv[2]);
    printf("%d %d", before, caller(4, 1000));
  }`;

const hexOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');

it('a stub keeps old callers alive and right where a plain jump does not', () => {
  shop.write('program.c', PROGRAM);
  shop.run('gcc', '-O2', '-no-pie', '-fno-stack-protector', '-o', 'program', 'program.c');
  const code = codeOfExecutable(shop, decoder, 'program', () => ({}));
  const [f, fNew] = [code.entryOf('f'), code.entryOf('f_new')];

  const clobbers = analyzeClobbers(decoder, code);
  const extra = clobbers.clobbersOf(fNew).possible & ~clobbers.clobbersOf(f).assumed;
  const keep = registersCallersRely(decoder, code, f, extra);
  expect(decoder.namesOf(keep)).toContain('rsi');
  expect(mayEnterMisaligned(decoder, code, f)).toBe(true);

  const run = (redirect: Uint8Array | undefined, stub: Uint8Array | undefined): string =>
    shop.run(shop.path('program'), hexOf(redirect), hexOf(stub));
  expect(() => run(jumps.near(f, fNew), new Uint8Array())).toThrow();

  const aligning = run(jumps.near(f, STUB), jumps.keepingStub(STUB, fNew, 0n));
  expect(aligning).not.toBe('5000 7000'); // it lives, but b is lost
  const keeping = run(jumps.near(f, STUB), jumps.keepingStub(STUB, fNew, keep & ~decoder.returned));
  expect(keeping).toBe('5000 7000');
});
