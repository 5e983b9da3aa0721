/**
 * The processor as the oracle: each instruction runs with every register at a pattern, and again
 * with one register changed, for each register. What then differs tells who reads and writes what.
 */
import { copyFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Decoder, Instruction } from '../../../src/arch/decoder.js';
import type { RegisterSet } from '../../../src/arch/register-set.js';
import { loadDecoder } from '../../../src/arch/x86-64/decoder.js';
import {
  FLAGS,
  generalBit,
  maskBit,
  NONE,
  xmmBit,
  ymmBits,
  zmmBits,
} from '../../../src/arch/x86-64/register-set.js';
import { addr } from '../../../src/core/address.js';
import { cArray, Workshop } from './build-with-gcc.js';
import { listing } from './objdump.js';
import { avx, avx512, enterFunction, STATE, vectorCount } from './set-all-registers.js';

let shop: Workshop;
let decoder: Decoder;
beforeAll(async () => {
  shop = new Workshop();
  decoder = await loadDecoder();
  copyFileSync(new URL('programs/vectors.c', import.meta.url), shop.path('vectors.c'));
});
afterAll(() => shop[Symbol.dispose]());

/** A part of the machine's state: where it is in `struct state`, and its bit. */
interface Part {
  readonly offset: number;
  readonly bytes: number;
  readonly set: RegisterSet;
}

function parts(): readonly Part[] {
  const all: Part[] = [];
  for (let n = 0; n < 16; n += 1) {
    if (n !== 4) all.push({ offset: 8 * n, bytes: 8, set: generalBit(n) });
  }
  for (let n = 0; n < vectorCount; n += 1) {
    const offset = 128 + 64 * n;
    if (n >= 16) {
      all.push({ offset, bytes: 64, set: zmmBits(n) });
      continue;
    }
    all.push({ offset, bytes: 16, set: xmmBit(n) });
    if (avx) all.push({ offset: offset + 16, bytes: 16, set: ymmBits(n) & ~xmmBit(n) });
    if (avx512) all.push({ offset: offset + 32, bytes: 32, set: zmmBits(n) & ~ymmBits(n) });
  }
  for (let n = 0; n < (avx512 ? 8 : 0); n += 1) {
    all.push({ offset: 128 + 32 * 64 + 8 * n, bytes: 8, set: maskBit(n) });
  }
  return all;
}

/** Instructions of real code that work on registers alone and cannot fault. */
function registerInstructions(): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  const builds = [
    '-O0',
    '-O2',
    '-Os',
    '-O3 -msse4.2 -mbmi2',
    ...(avx512 ? ['-O3 -march=native', '-O3 -march=native -mprefer-vector-width=512'] : []),
  ];
  for (const options of builds) {
    shop.run('gcc', '-c', ...options.split(' '), '-o', 'vectors.o', 'vectors.c');
    for (const { bytes, text } of listing(shop, 'vectors.o')) {
      const excluded =
        /\(|[re]?sp\b|%spl|%[c-g]s\b|^(j|call|ret|push|pop|leave|i?div|hlt|ud2|int|loop|rep)/;
      if (!excluded.test(text)) found.set(text, Uint8Array.from(bytes));
    }
  }
  shop.write(
    'more.s',
    `
    shl %cl,%eax; shrd %cl,%rdx,%rax; rol $3,%dx; sbb %eax,%eax; adc %r8,%r9; xchg %rax,%rbx
    mul %rcx; imul %rdx; bsf %eax,%ecx; bsr %rdx,%rax; setc %ah; mov %bh,%al; cwtl; cltq; cqto; bswap %r10
    xadd %rax,%rbx; cmpxchg %ecx,%edx; lahf; movsbl %ah,%ecx; bt %eax,%ebx; popcnt %ax,%cx; stc; cmc
    cvtsi2sd %eax,%xmm1; movss %xmm1,%xmm2; movsd %xmm3,%xmm4; pxor %xmm5,%xmm5; sqrtsd %xmm1,%xmm2
    movq %xmm1,%rax; movq %rax,%xmm7; movhlps %xmm1,%xmm2; pshufd $1,%xmm8,%xmm9; movmskpd %xmm1,%eax
    punpcklqdq %xmm1,%xmm1; xorps %xmm12,%xmm12; psubd %xmm3,%xmm3; pcmpeqd %xmm1,%xmm1; comisd %xmm1,%xmm2
    pinsrw $1,%eax,%xmm1; cvttsd2si %xmm0,%rax; haddpd %xmm1,%xmm2; cmpltsd %xmm1,%xmm3; unpckhps %xmm1,%xmm4
    ${avx ? 'vzeroupper; vzeroall; vextractf128 $1,%ymm1,%xmm2; vinsertf128 $1,%xmm1,%ymm2,%ymm3; vxorps %ymm1,%ymm1,%ymm4; vmovd %eax,%xmm1; vpermilps $1,%ymm1,%ymm2; vblendvps %ymm1,%ymm2,%ymm3,%ymm4; vmovsd %xmm1,%xmm2,%xmm3' : ''}
    ${avx512 ? 'vmovaps %zmm17,%zmm18{%k3}; vmovaps %zmm17,%zmm18{%k3}{z}; kmovw %k1,%eax; kmovq %rax,%k4; kandw %k1,%k2,%k3; vpcmpeqd %zmm1,%zmm2,%k5; vpcmpeqd %zmm1,%zmm2,%k5{%k6}; vpternlogd $0x96,%zmm1,%zmm2,%zmm3; vextracti32x4 $3,%zmm1,%xmm20; vpbroadcastd %eax,%zmm16; vpxord %zmm20,%zmm20,%zmm20; vcompressps %zmm1,%zmm2{%k1}; kxnorw %k1,%k1,%k1; kxorb %k2,%k2,%k2; vaddsd %xmm17,%xmm18,%xmm19' : ''}
`,
  );
  shop.run('as', '-o', 'more.o', 'more.s');
  for (const { bytes, text } of listing(shop, 'more.o')) found.set(text, Uint8Array.from(bytes));
  return found;
}

/** For each instruction: what it changed, who influences others, whose old value shows in itself. */
function observe(codes: readonly Uint8Array[], all: readonly Part[]): string {
  return shop.runC(
    'observe',
    `
    #include <stdio.h>
    #include <string.h>
    #include <sys/mman.h>
    ${STATE}
    struct state in, out, base_in, base_out;
    long saved_sp;
    void *entry;
    void enter(void);
    ${enterFunction('enter', 'call *entry')}
    static const struct { unsigned offset, bytes; } parts[] = {
      ${all.map(({ offset, bytes }) => `{${offset},${bytes}}`).join(',')}
    };
    enum { PARTS = sizeof parts / sizeof *parts };
    static const unsigned char codes[][16] = {${codes.map(cArray).join(',\n')}};
    static const unsigned char lengths[] = {${codes.map((code) => code.length).join(',')}};
    #define AT(s, p) ((unsigned char *)&(s) + parts[p].offset)
    #define SAME(a, b, p) (!memcmp(AT(a, p), AT(b, p), parts[p].bytes))
    #define FLAGS_OF(s) ((s).flags & 0x8d5)
    static unsigned long seed = 1;
    static void scramble(void *p, unsigned n) {
      for (unsigned char *b = p; n--; b++) seed = seed * 6364136223846793005ul + 1442695040888963407ul, *b = seed >> 56;
    }
    int main(void) {
      unsigned char *page = mmap(0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
      entry = page;
      for (unsigned i = 0; i < sizeof lengths; i++) {
        char written[PARTS + 1] = {0}, read[PARTS + 1] = {0}, shows[PARTS + 1] = {0};
        memcpy(page, codes[i], lengths[i]);
        page[lengths[i]] = 0xc3;
        for (int round = 0; round < 6; round++) {
          scramble(&base_in, sizeof base_in);
          base_in.flags = 0x202 | (round & 1 ? 0x8d5 : 0x41);
          in = base_in;
          enter();
          base_out = out;
          for (int p = 0; p < PARTS; p++) if (!SAME(base_in, base_out, p)) written[p] = 1;
          if (FLAGS_OF(base_in) != FLAGS_OF(base_out)) written[PARTS] = 1;
          for (int p = 0; p <= PARTS; p++) {
            in = base_in;
            if (p == PARTS) in.flags ^= 0x8d5;
            else scramble(AT(in, p), parts[p].bytes);
            enter();
            for (int q = 0; q <= PARTS; q++) {
              int same = q == PARTS ? FLAGS_OF(out) == FLAGS_OF(base_out) : SAME(out, base_out, q);
              if (!same) (p == q ? shows : read)[p] = 1;
            }
          }
        }
        for (int p = 0; p <= PARTS; p++) putchar('0' + written[p] + 2 * read[p] + 4 * shows[p]);
        putchar('\\n');
      }
    }`,
    '-no-pie',
  );
}

it('are what the processor does', () => {
  const all = parts();
  const sets = [...all.map(({ set }) => set), FLAGS];
  const listed = [...registerInstructions()];
  expect(listed.length).toBeGreaterThan(300);
  const output = observe(
    listed.map(([, code]) => code),
    all,
  );
  const wrong: string[] = [];
  let killed = 0;
  for (const [i, line] of output.trim().split('\n').entries()) {
    const [text, code] = listed[i] ?? ['', new Uint8Array()];
    const [instruction] = decoder.decode(code, addr(0x1000));
    const claim = instruction as Instruction;
    const where = (bit: number): RegisterSet =>
      sets.reduce((set, part, p) => ((Number(line[p]) & bit) === 0 ? set : set | part), NONE);
    const [written, read, shows] = [where(1), where(2), where(4)];
    const fault = (what: string, set: RegisterSet): void => {
      if (set !== NONE) wrong.push(`${text}: ${what} ${decoder.namesOf(set).join(' ')}`);
    };
    fault('changes, not in writes:', written & ~claim.writes);
    fault('influences others, not in reads:', read & ~claim.reads);
    // These leave flags undefined, which here means: as they were. No compiler counts on that.
    const undefinedFlags = /^(i?mul|lzcnt|tzcnt|popcnt|bs[fr]|bt)\b/.test(text) ? FLAGS : NONE;
    fault('in kills, but its old value shows:', claim.kills & shows & ~undefinedFlags);
    if (claim.kills !== NONE) killed += 1;
  }
  expect(wrong).toEqual([]);
  expect(killed).toBeGreaterThan(100);
});
