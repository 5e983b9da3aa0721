/** Programs compiled by gcc; gdb stops at the entry of `f` and says how the stack stands there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decoder } from '../../src/arch/decoder.js';
import { loadDecoder } from '../../src/arch/x86-64/decoder.js';
import { buildFlowGraph } from '../../src/patch/function-code.js';
import { mayEnterMisaligned, needsAlignedStack } from '../../src/patch/stack-alignment.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { codeOfExecutable, type NamedCode } from './code-of-executable.js';

let shop: Workshop;
let decoder: Decoder;
beforeAll(async () => {
  shop = new Workshop();
  decoder = await loadDecoder();
});
afterAll(() => shop[Symbol.dispose]());

const PRELUDE = `
  #include <alloca.h>
  #include <stdio.h>
  #include <stdlib.h>
  #include <string.h>
  #define APART __attribute__((noinline, noclone))
  volatile int sink; int (*volatile pointer)(int); int *volatile buffer;
  static APART int f(int x) { return x * 3 + sink; }
`;

let built = 0;
function compile(source: string, flags: string, compiler = 'gcc'): NamedCode {
  built += 1;
  const name = `aligned${built}`;
  const file = `${name}.${compiler === 'g++' ? 'cc' : 'c'}`;
  shop.write(file, `${PRELUDE}\n${source}`);
  shop.run(compiler, ...flags.split(' '), '-o', name, file);
  return codeOfExecutable(shop, decoder, name, () => ({}));
}

const LAX = 'APART int caller(int a, int b) { int y = f(a); return y * b; }';
const MAIN = 'int main(int c, char **v) { return caller(c, 3); }';

/** Remainders of rsp at the entry of a function, over all calls in one run. */
function observed(address: number): ReadonlySet<number> {
  const output = shop.run(
    'gdb',
    ...['-nx', '-batch', '-ex', 'set disable-randomization on', '-ex', 'starti'],
    ...[
      '-ex',
      `python
import gdb
base = int(gdb.execute("info proc mappings", to_string=True).splitlines()[4].split()[0], 16)
at = ${address} if base == 0x400000 else base + ${address}
class Entry(gdb.Breakpoint):
    def stop(self):
        print("remainder", int(gdb.parse_and_eval("$rsp")) % 16)
        return False
Entry("*%d" % at)`,
    ],
    ...['-ex', 'continue', shop.path(`aligned${built}`)],
  );
  return new Set([...output.matchAll(/^remainder (\d+)/gm)].map(([, n]) => Number(n)));
}

describe('misaligned callers', () => {
  it.each(['-O0', '-Og', '-O1', '-O2', '-Os', '-O3', '-O2 -fno-omit-frame-pointer'])(
    'are seen in code of gcc %s, as gdb sees them',
    (flags) => {
      const code = compile(`${LAX} ${MAIN}`, flags);
      const entry = code.entryOf('f');
      expect(mayEnterMisaligned(decoder, code, entry)).toBe(
        [...observed(entry)].some((remainder) => remainder !== 8),
      );
    },
  );

  it('are there at -O0 and at -O2', () => {
    for (const flags of ['-O0', '-O2']) {
      const code = compile(`${LAX} ${MAIN}`, flags);
      expect(mayEnterMisaligned(decoder, code, code.entryOf('f'))).toBe(true);
    }
  });

  it.each(['-O0', '-O2'])('are none with -fno-ipa-stack-alignment %s', (flags) => {
    const code = compile(`${LAX} ${MAIN}`, `${flags} -fno-ipa-stack-alignment`);
    expect(mayEnterMisaligned(decoder, code, code.entryOf('f'))).toBe(false);
  });

  it('are none among functions that call anything unknown', () => {
    const code = compile(
      `APART int caller(int a, int b) { puts("x"); int y = f(a); puts("y"); return y * b; } ${MAIN}`,
      '-O2',
    );
    expect(mayEnterMisaligned(decoder, code, code.entryOf('f'))).toBe(false);
  });

  it.each<[string, string]>([
    [
      'two wrongs that make a right',
      `static APART int middle(int x) { return f(x) + 5; }
       APART int caller(int a, int b) { return middle(a) * b; } ${MAIN}`,
    ],
    [
      'three',
      `static APART int inner(int x) { return f(x) + 5; }
       static APART int middle(int x) { return inner(x) * 7; }
       APART int caller(int a, int b) { return middle(a) * b; } ${MAIN}`,
    ],
    [
      'a call in tail position',
      `static APART int middle(int x) { sink++; return f(x + 1); }
       APART int caller(int a, int b) { return middle(a) * b; } ${MAIN}`,
    ],
    [
      'a recursive caller',
      `APART int caller(int a, int b) { return a == 0 ? f(b) : caller(a - 1, b) * f(a); } ${MAIN}`,
    ],
    [
      'a caller that aligns the stack itself',
      `APART int caller(int a, int b) { int big[8] __attribute__((aligned(32)));
         buffer = big; big[a & 7] = b; return f(a) + buffer[b & 7]; } ${MAIN}`,
    ],
    [
      'a switch',
      `APART int caller(int a, int b) { switch (b) { case 0: return 4; case 1: return f(a) + 1;
         case 2: return f(b) + 2; case 3: return f(a + b) + 3; case 4: return 7; case 5: return f(9) * 2; }
         return 0; } ${MAIN}`,
    ],
  ])('%s: never less than gdb sees', (_, source) => {
    for (const flags of ['-O0', '-O2 -fno-inline -fno-optimize-sibling-calls', '-O2', '-Os']) {
      const code = compile(source, flags);
      const entry = code.entryOf('f');
      const seen = [...observed(entry)];
      expect(seen.length).toBeGreaterThan(0);
      const misaligned = seen.some((remainder) => remainder !== 8);
      const claim = mayEnterMisaligned(decoder, code, entry);
      if (misaligned) expect(claim, flags).toBe(true);
    }
  });

  it('are suspected where alloca hides the stack pointer', () => {
    const code = compile(
      `APART int caller(int a, int b) { char *p = alloca(a); p[0] = b; buffer = (int *)p; return f(a) + *p; } ${MAIN}`,
      '-O2',
    );
    expect(mayEnterMisaligned(decoder, code, code.entryOf('f'))).toBe(true);
  });

  it('are none in landing pads of a function that is aligned otherwise', () => {
    const code = compile(
      `extern "C" APART int g(int x) { return x + sink; }
       struct guard { int a; ~guard() { sink = g(a); } };
       extern "C" APART int caller(int a, int b) { guard one{a}; guard two{b}; return pointer(a) + f(b); }
       ${MAIN}`,
      '-O2',
      'g++',
    );
    expect(mayEnterMisaligned(decoder, code, code.entryOf('g'))).toBe(false);
  });
});

describe('a body needs an aligned stack', () => {
  it.each<[string, string, boolean]>([
    ['that calls on', 'int f_new(int x) { return puts("x") + x; }', true],
    ['that jumps on', 'int f_new(int x) { return pointer(x); }', true],
    ['with vectors', 'double f_new(double x) { return x * x; }', true],
    ['of a leaf: not', 'int f_new(int x) { return x * 7 + sink; }', false],
  ])('%s', (_, source, needs) => {
    const code = compile(`APART ${source} ${LAX} ${MAIN}`, '-O2');
    const fn = code.functionAt(code.entryOf('f_new'));
    expect(fn && needsAlignedStack(decoder, buildFlowGraph(decoder, fn))).toBe(needs);
  });
});
