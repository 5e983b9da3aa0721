/**
 * Programs compiled by gcc, which the analyses must read as gcc meant them. `f` is the body that
 * callers were compiled against, `f_new` stands for the one that replaces it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decoder } from '../../src/arch/decoder.js';
import { loadDecoder } from '../../src/arch/x86-64/decoder.js';
import { general } from '../../src/arch/x86-64/register-set.js';
import { analyzeClobbers } from '../../src/patch/call-clobbers.js';
import { registersCallersRely } from '../../src/patch/relied-registers.js';
import { cpuHas, Workshop } from '../arch/x86-64/build-with-gcc.js';
import { codeOfExecutable, type Declared, type NamedCode } from './code-of-executable.js';

let shop: Workshop;
let decoder: Decoder;
beforeAll(async () => {
  shop = new Workshop();
  decoder = await loadDecoder();
});
afterAll(() => shop[Symbol.dispose]());

const PRELUDE = `
  #include <stdio.h>
  #include <stdlib.h>
  #include <string.h>
  #include <immintrin.h>
  #define APART __attribute__((noinline, noclone))
  int sink; int (*volatile pointer)(int);
`;

/** Most functions here return an int and take what they take. */
const RETURNS_INT: Declared = { returned: general('rax') };

let built = 0;
/** Compiles a program; gives its code. */
function compile(
  source: string,
  flags = '-O2',
  declared: Readonly<Record<string, Declared>> = {},
): NamedCode {
  built += 1;
  const name = `program${built}`;
  shop.write(`${name}.c`, `${PRELUDE}\n${source}`);
  shop.run('gcc', ...flags.split(' '), '-o', name, `${name}.c`);
  return codeOfExecutable(shop, decoder, name, (fn) => declared[fn] ?? RETURNS_INT);
}

function compileCpp(source: string): NamedCode {
  built += 1;
  const name = `program${built}`;
  const c = source.replace(/int f\(|int f_new\(|int caller\(/g, 'extern "C" $&');
  shop.write(
    `${name}.cc`,
    `${PRELUDE}\n${c.replaceAll('static APART extern "C"', 'extern "C" APART')}`,
  );
  shop.run('g++', '-O2', '-o', name, `${name}.cc`);
  return codeOfExecutable(shop, decoder, name, () => RETURNS_INT);
}

/** What callers of `f` rely on when `f_new` takes its place, by name. */
function relied(code: NamedCode): readonly string[] {
  const { clobbersOf } = analyzeClobbers(decoder, code);
  const extra = clobbersOf(code.entryOf('f_new')).possible & ~clobbersOf(code.entryOf('f')).assumed;
  return decoder.namesOf(registersCallersRely(decoder, code, code.entryOf('f'), extra));
}

const possible = (code: NamedCode, name: string): readonly string[] =>
  decoder.namesOf(analyzeClobbers(decoder, code).clobbersOf(code.entryOf(name)).possible);
const assumed = (code: NamedCode, name: string): readonly string[] =>
  decoder.namesOf(analyzeClobbers(decoder, code).clobbersOf(code.entryOf(name)).assumed);

describe('clobbers', () => {
  it('of a leaf are the registers it writes', () => {
    const code = compile(
      `APART int f(int x) { return x * 3; } int main(int c, char **v) { return f(c); }`,
    );
    expect(assumed(code, 'f')).toEqual(['rax']); // lea (%rdi,%rdi,2),%eax
    expect(possible(code, 'f')).toEqual(['rax']);
  });

  it('include those of functions called, to any depth, and leave out callee-saved ones', () => {
    const code = compile(`
      static APART int inner(int x) { asm volatile("mov $1,%%r9d" ::: "r9"); return x + 1; }
      static APART int middle(int x) { return inner(x) * 2 + x; }
      APART int outer(int x) { asm volatile("mov $1,%%ebx" ::: "rbx"); return middle(x) - x; }
      int main(int c, char **v) { return outer(c); }`);
    expect(possible(code, 'inner')).toEqual(['rax', 'r9']);
    expect(possible(code, 'middle')).toContain('r9');
    expect(possible(code, 'outer')).toContain('r9');
    expect(possible(code, 'outer')).not.toContain('rbx');
    expect(possible(code, 'outer')).not.toContain('r11');
  });

  it('end with recursion, direct and mutual', () => {
    const code = compile(
      `
      APART int odd(int);
      APART int even(int x) { sink++; return x == 0 ? 1 : odd(x - 1) + 1; }
      APART int odd(int x) { sink += 2; return x == 0 ? 0 : even(x - 1) + 1; }
      APART int fib(int x) { return x < 2 ? x : fib(x - 1) + fib(x - 2); }
      int main(int c, char **v) { return even(c) + fib(c); }`,
      '-O1',
    );
    expect(possible(code, 'even')).not.toContain('r11');
    expect(possible(code, 'odd')).toEqual(possible(code, 'even'));
    expect(possible(code, 'fib')).not.toContain('xmm0');
  });

  it.each([
    ['a call into another module', 'puts("x");'],
    ['a call through a pointer', 'sink = pointer(x);'],
  ])('of %s are all that the convention allows', (_, statement) => {
    const code = compile(`
      APART int f(int x) { ${statement} return x + 1; }
      APART int g(int x) { return f(x) + 2; }
      int main(int c, char **v) { return g(c); }`);
    expect(possible(code, 'f')).toEqual(decoder.namesOf(decoder.callClobbered));
    expect(assumed(code, 'g')).toEqual(decoder.namesOf(decoder.callClobbered));
  });

  it('of a switch may be anything, but gcc knew better', () => {
    const code = compile(`
      APART int f(int x) {
        switch (x) { case 0: sink = 1; break; case 1: sink = 7; break; case 2: sink++; break;
          case 3: sink *= 3; break; case 4: sink = ~sink; break; case 5: sink -= 8; break;
          case 6: sink <<= 2; break; default: sink = x; }
        return sink; }
      int main(int c, char **v) { return f(c); }`);
    expect(possible(code, 'f')).toEqual(decoder.namesOf(decoder.callClobbered));
    expect(assumed(code, 'f').length).toBeLessThan(6);
    expect(assumed(code, 'f')).toContain('rax');
  });

  it('include what a system call changes', () => {
    const code = compile(`
      APART long f(void) { long r; asm volatile("syscall" : "=a"(r) : "0"(39) : "rcx", "r11"); return r; }
      int main(void) { return f() == 0; }`);
    expect(assumed(code, 'f')).toEqual(expect.arrayContaining(['rax', 'rcx', 'r11']));
    expect(possible(code, 'f')).not.toContain('rsi');
  });
});

/** Bodies that change every caller-saved integer register, or vector. */
const CLOBBER_INTEGERS = `asm volatile("" ::: "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11");
  asm volatile("xor %%ecx,%%ecx; xor %%edx,%%edx; xor %%esi,%%esi; xor %%edi,%%edi;"
    "xor %%r8d,%%r8d; xor %%r9d,%%r9d; xor %%r10d,%%r10d; xor %%r11d,%%r11d"
    ::: "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11");`;

const F_NEW = `APART int f_new(int x) { sink = x; ${CLOBBER_INTEGERS} return sink + 2; }
  int (*keep_new)(int) = f_new;`;

describe('what callers rely on', () => {
  const argument = `
    static APART int f(int x) { return x + 1; } ${F_NEW}
    APART int caller(int a, int b) { int y = f(a); return y * b; }
    int main(int c, char **v) { return caller(c, 3); }`;

  it('is the register in which a caller keeps its argument', () => {
    const code = compile(argument);
    // The example is worth something only if gcc really did so.
    const [call, use] = decoder
      .decode(
        code.functionAt(code.entryOf('caller'))?.parts[0]?.code ?? new Uint8Array(),
        code.entryOf('caller'),
      )
      .filter(({ flow, reads }) => flow === 'call' || (reads & general('rsi')) !== 0n);
    expect(call?.target).toBe(code.entryOf('f'));
    expect(use?.reads).toBe(general('rax', 'rsi'));
    expect(relied(code)).toEqual(['rsi']);
  });

  it.each(['-O2 -fno-ipa-ra', '-O1', '-O0'])('is nothing with %s', (flags) => {
    expect(relied(compile(argument, flags))).toEqual([]);
  });

  it('is nothing when the new body changes no more than the old', () => {
    const code = compile(argument.replace(CLOBBER_INTEGERS, ''));
    expect(relied(code)).toEqual([]);
  });

  it('is a vector register', () => {
    const code = compile(`
      static APART double f(double x) { return x * x; }
      APART double f_new(double x) { asm volatile("xorps %%xmm1,%%xmm1; xorps %%xmm7,%%xmm7" ::: "xmm1", "xmm7"); return x; }
      double (*keep_new)(double) = f_new;
      APART double caller(double a, double b) { return f(a) + b; }
      int main(int c, char **v) { return caller(c, 3) > 5; }`);
    expect(relied(code)).toEqual(['xmm1']);
  });

  it.skipIf(!cpuHas('avx2'))('is a vector register as wide as its caller reads it', () => {
    const source = (width: number): string => `
      static APART int f(int x) { return x + 1; }
      APART int f_new(int x) { sink = x; puts("new"); return sink; } int (*keep_new)(int) = f_new;
      APART __m${width}i caller(__m${width}i *a, int x) {
        __m${width}i kept = _mm${width}_add_epi32(a[0], a[1]);
        x = f(x);
        return _mm${width}_add_epi32(kept, _mm${width}_set1_epi32(x)); }
      int main(int c, char **v) { __m${width}i a[2] = {0}; a[0] = caller(a, c); sink = ((int *)a)[0]; return sink; }`;
    expect(relied(compile(source(256), '-O2 -mavx2'))).toEqual(['ymm1']);
    if (cpuHas('avx512f')) {
      expect(relied(compile(source(512), '-O2 -mavx512f'))).toEqual(['zmm1']);
    }
  });

  it('reaches through a caller to its caller', () => {
    const code = compile(`
      static APART int f(int x) { return x + 1; } ${F_NEW}
      static APART int between(int x) { return f(x) + 5; }
      APART int outer(int a, int b) { int y = between(a); return y * b; }
      int main(int c, char **v) { return outer(c, 3); }`);
    expect(relied(code)).toEqual(['rsi']);
  });

  it('reaches through a call in tail position', () => {
    const code = compile(`
      static APART int f(int x) { return x + 1; } ${F_NEW}
      static APART int between(int x) { sink++; return f(x + 4); }
      APART int outer(int a, int b) { int y = between(a); return y * b; }
      int main(int c, char **v) { return outer(c, 3); }`);
    expect(relied(code)).toEqual(['rsi']);
  });

  it('stops at a caller that was known to change the register itself', () => {
    const code = compile(
      `
      static APART int f(int x) { return x + 1; } ${F_NEW}
      static APART int between(int x) { puts("x"); return f(x) + 5; }
      APART int outer(int a, int b) { int y = between(a); return y * b; }
      int main(int c, char **v) { return outer(c, 3); }`,
      '-O2',
      {},
    );
    expect(relied(code)).toEqual([]);
  });

  it('is what a loop carries round', () => {
    const code = compile(`
      static APART int f(int x) { return x + 1; } ${F_NEW}
      APART int caller(int n) { int sum = 0; for (int i = 0; i < n; i++) sum += f(i) ^ i; return sum; }
      int main(int c, char **v) { return caller(c); }`);
    const kept = relied(code);
    expect(kept.length).toBeGreaterThanOrEqual(2); // the counter and the sum, at least
    expect(
      relied(
        compile(
          `
      static APART int f(int x) { return x + 1; } ${F_NEW}
      APART int caller(int n) { int sum = 0; for (int i = 0; i < n; i++) sum += f(i) ^ i; return sum; }
      int main(int c, char **v) { return caller(c); }`,
          '-O2 -fno-ipa-ra',
        ),
      ),
    ).toEqual([]);
  });

  it('is what is passed on to another function', () => {
    const source = `
      static APART int f(int x) { return x + 1; } ${F_NEW}
      static APART int g(int a, int b) { return a * 3 + b; }
      APART int caller(int a, int b) { return g(f(a), b) + 1; }
      int main(int c, char **v) { return caller(c, 3); }`;
    expect(relied(compile(source))).toEqual(['rsi']);
    // With b passed to a function in another module.
    const outside = source.replace('g(f(a), b)', 'printf((char *)(long)f(a), b)');
    const declared = { caller: { passed: general('rdi', 'rsi'), returned: general('rax') } };
    expect(relied(compile(outside, '-O2', declared))).toEqual(['rsi']);
  });

  it('is found behind a switch', () => {
    const code = compile(
      `
      static APART int f(int x) { return x + 1; } ${F_NEW}
      APART int caller(int a, int b) {
        switch (f(a)) { case 0: sink = 1; break; case 1: sink = b; break; case 2: sink++; break;
          case 3: sink *= 3; break; case 4: sink = ~sink; break; case 5: sink -= 8; break;
          case 6: sink <<= 2; break; default: sink = 9; }
        return sink; }
      int main(int c, char **v) { return caller(c, 3); }`,
      '-O2',
      {
        caller: { passed: general('rdi', 'rsi'), returned: general('rax') },
      },
    );
    // For all the decoder knows the indirect jump calls something with rdi as it is.
    expect(relied(code)).toEqual(['rsi', 'rdi']);
  });

  it('is the second half of a pair that the caller returns', () => {
    const source = `
      static APART int f(int x) { return x + 1; } ${F_NEW}
      struct pair { long a, b; };
      APART struct pair caller(int a, long b, long c) { return (struct pair){f(a), c}; }
      int main(int c, char **v) { return caller(c, 3, 4).b; }`;
    expect(relied(compile(source, '-O2', { caller: {} }))).toEqual(['rdx']);
    expect(relied(compile(source, '-O2', { caller: { returned: general('rax', 'rdx') } }))).toEqual(
      ['rdx'],
    );
  });

  it('counts what runs after an exception', () => {
    const code = compileCpp(`
      static APART int f(int x) { return x + 1; } ${F_NEW}
      struct guard { int a; ~guard() { sink = f(a) * a; } };
      APART int caller(int a) { guard g{a}; return (*pointer)(a); }
      int main(int c, char **v) { return caller(c); }`);
    expect(relied(code).length).toBeGreaterThan(0);
  });

  it('is found in the cold part of a caller', () => {
    const code = compile(`
      static APART int f(int x) { return x + 1; } ${F_NEW}
      __attribute__((cold, noinline, noclone)) int rare(int x) { return sink = x; }
      APART int caller(int a, int b) { if (__builtin_expect(f(a) > 1000, 0)) return rare(b) + 1; return 4; }
      int main(int c, char **v) { return caller(c, 3); }`);
    expect(shop.run('nm', `program${built}`)).toContain('caller.cold');
    expect(relied(code)).toEqual(['rsi']);
  });

  it('is nothing for values that a call in between ends, but it may take them as arguments', () => {
    const between = { passed: 0n, returned: 0n };
    const caller = { passed: general('rdi', 'rsi'), returned: general('rax') };
    const source = `
      static APART int f(int x) { return x + 1; } ${F_NEW}
      APART void between(void) { puts("x"); }
      APART int caller(int a, int b) { int y = f(a); CALL; return y * b; }
      int main(int c, char **v) { return caller(c, 3); }`;
    const known = compile(source.replace('CALL', 'between()'), '-O2', { caller, between });
    expect(relied(known)).toEqual([]);
    const unknown = compile(source.replace('CALL', 'rand()'), '-O2', { caller });
    expect(relied(unknown)).toEqual(['rsi', 'rdi']);
  });

  it('is nothing for a register that holds no value of the caller', () => {
    // puts is reached with rcx, r8, ... as they happen to be: were they kept as arguments?
    const code = compile(
      `
      static APART int f(int x) { return x + 1; } ${F_NEW}
      APART int caller(int a) { sink = f(a); return puts("x") + 1; }
      int main(int c, char **v) { return caller(c); }`,
      '-O2',
      {
        caller: { passed: general('rdi'), returned: general('rax') },
      },
    );
    expect(relied(code)).toEqual([]);
  });
});

describe('new callers', () => {
  it('are asked about old callees the same way', () => {
    // The object that holds the new caller has its own f; the live one, which changes more, stays.
    const code = compile(`
      static APART int f(int x) { return x + 1; } ${F_NEW}
      APART int caller(int a, int b) { return f(a) * b; }
      int main(int c, char **v) { return caller(c, 3); }`);
    const { clobbersOf } = analyzeClobbers(decoder, code);
    const live = analyzeClobbers(decoder, code.redirected('f', 'f_new'));
    const extra =
      live.clobbersOf(code.entryOf('f')).possible & ~clobbersOf(code.entryOf('f')).assumed;
    expect(decoder.namesOf(registersCallersRely(decoder, code, code.entryOf('f'), extra))).toEqual([
      'rsi',
    ]);
  });
});
