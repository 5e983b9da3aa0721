import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jumps } from '../../../src/arch/x86-64/jumps.js';
import {
  CALL_CLOBBERED,
  FLAGS,
  general,
  generalBit,
  maskBit,
  namesOf,
  NONE,
  RETURNED,
  xmmBit,
  ymmBits,
  zmmBits,
} from '../../../src/arch/x86-64/register-set.js';
import { addr } from '../../../src/core/address.js';
import { cArray, Workshop } from './build-with-gcc.js';
import {
  avx,
  avx512,
  enterFunction,
  literal,
  numbered,
  STATE,
  vectorBytes,
  vectorCount,
} from './set-all-registers.js';

const STUB = addr(0x10000000);
const CALLEE = addr(0x20000000);
const SLOT = addr(0x10000800);

let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
});
afterAll(() => shop[Symbol.dispose]());

/** A program with `enter(entry)`, which calls entry with every register at a pattern. */
const harness = (callInstruction: string): string => `
  #include <pthread.h>
  #include <stdio.h>
  #include <string.h>
  #include <sys/mman.h>
  ${STATE}
  struct state in, out;
  long misaligned, calls, saved_sp;
  void *entry;
  void fill(struct state *s, int seed) {
    unsigned char *p = (void *)s;
    for (unsigned long i = 0; i < sizeof *s; i++) p[i] = i * 7 + (i >> 6) + seed;
    s->flags = 0x202 | 0x8d5; /* carry, parity, adjust, zero, sign, overflow */
  }
  void enter(void);
  ${enterFunction('enter', callInstruction)}
  void *at(unsigned long address) {
    return mmap((void *)address, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  }
  /* One line a register which is as it was: its kind, its number, how many bytes from the bottom. */
  void report(void) {
    for (int i = 0; i < 16; i++) if (i != 4 && in.general[i] == out.general[i]) printf("g %d 8\\n", i);
    for (int i = 0; i < ${vectorCount}; i++) {
      int n = 0;
      while (n < ${vectorBytes} && in.vector[i][n] == out.vector[i][n]) n++;
      if (n >= 16) printf("v %d %d\\n", i, n & -16);
    }
    for (int i = 0; i < ${avx512 ? 8 : 0}; i++) if (in.mask[i] == out.mask[i]) printf("k %d 8\\n", i);
    if ((in.flags & 0x8d5) == (out.flags & 0x8d5)) printf("f 0 8\\n");
  }
`;

const setAllBits = (n: number): string => {
  if (avx512) return `vpternlogd $255,%zmm${n},%zmm${n},%zmm${n}`;
  return avx ? `vxorps %ymm${n},%ymm${n},%ymm${n}` : `pcmpeqd %xmm${n},%xmm${n}`;
};

/** Changes every register that a callee may, and notes whether the stack was aligned. */
const CLOBBER_ALL = literal([
  'lea 8(%rsp),%rax',
  'and $15,%eax',
  'add %rax,misaligned',
  'incq calls',
  ...numbered(vectorCount, setAllBits),
  ...(avx512 ? numbered(8, (n) => `kxnorq %k${n},%k${n},%k${n}`) : []),
  'mov $-1,%rax',
  ...['rcx', 'rdx', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11'].map((r) => `mov %rax,%${r}`),
  'xor %eax,%eax',
  'inc %eax',
]);

const FIXED_CALLEE = [
  '-no-pie',
  '-pthread',
  `-Wl,--section-start=.callee=0x${CALLEE.toString(16)}`,
];

/** The set of registers that a run reports as unchanged. */
function kept(output: string): bigint {
  return output
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .reduce((set, [kind, number, bytes]) => {
      const n = Number(number);
      if (kind === 'g') return set | generalBit(n);
      if (kind === 'k') return set | maskBit(n);
      if (kind === 'f') return set | FLAGS;
      return set | (bytes === '64' ? zmmBits(n) : bytes === '32' ? ymmBits(n) : xmmBit(n));
    }, NONE);
}

const CALLEE_SAVED = general('rbx', 'rbp', 'r12', 'r13', 'r14', 'r15');

describe('the keeping stub', () => {
  const run = (keep: bigint, callInstruction = 'call *entry'): bigint => {
    const code = jumps.keepingStub(STUB, CALLEE, keep);
    expect(code?.length).toBeLessThanOrEqual(jumps.keepingStubMaxBytes);
    const output = shop.runC(
      'keeping',
      `${harness(callInstruction)}
      unsigned char stub[] = ${cArray(code ?? new Uint8Array())};
      asm(".section .callee,\\"ax\\"\\n callee:\\n" ${CLOBBER_ALL} "ret\\n .text\\n");
      int main(void) {
        memcpy(at(${STUB}), stub, sizeof stub);
        fill(&in, 3);
        entry = (void *)${STUB}l;
        enter();
        if (misaligned) puts("misaligned");
        report();
      }`,
      ...FIXED_CALLEE,
    );
    expect(output).not.toContain('misaligned');
    return kept(output);
  };

  const sets: readonly [string, bigint][] = [
    ['nothing', NONE],
    ['one general register', general('rcx')],
    ['two', general('rsi', 'r11')],
    ['one narrow vector', xmmBit(9)],
    ['a mix', general('rdi', 'r8', 'r10') | xmmBit(2) | xmmBit(15)],
    ['flags', FLAGS | general('rcx')],
  ];
  const wide: readonly [string, bigint][] = [
    ['wide vectors', ymmBits(3) | ymmBits(12) | xmmBit(4)],
  ];
  const widest: readonly [string, bigint][] = [
    ['the widest', zmmBits(7) | zmmBits(14) | zmmBits(16) | zmmBits(31) | ymmBits(8)],
    ['mask registers', maskBit(1) | maskBit(7) | xmmBit(5)],
    ['everything but where values are returned', CALL_CLOBBERED & ~RETURNED],
  ];
  it.each([...sets, ...(avx ? wide : []), ...(avx512 ? widest : [])])(
    'gives back %s and nothing else',
    (_, keep) => {
      expect(namesOf(run(keep))).toEqual(namesOf(keep | CALLEE_SAVED));
    },
  );

  it('aligns the stack for a caller that did not', () => {
    const keep = general('rcx', 'r9') | xmmBit(3);
    const misaligned = 'lea -8(%rsp),%rsp\n call *entry\n lea 8(%rsp),%rsp';
    expect(namesOf(run(keep, misaligned))).toEqual(namesOf(keep | CALLEE_SAVED));
  });

  it('needs nothing for registers that the callee keeps', () => {
    const plain = jumps.keepingStub(STUB, CALLEE, NONE);
    expect(jumps.keepingStub(STUB, CALLEE, general('rbx', 'r15'))).toEqual(plain);
  });

  it('is undefined out of reach', () => {
    expect(jumps.keepingStub(STUB, addr(0x7f00_0000_0000), NONE)).toBeUndefined();
  });

  it('lets an exception pass, with a frame description from its call frame instructions', () => {
    const keep = general('rcx', 'rsi', 'r9') | xmmBit(3) | xmmBit(11) | FLAGS;
    const code = jumps.keepingStub(STUB, CALLEE, keep) ?? new Uint8Array();
    const frame = ehFrame(STUB, code.length, jumps.keepingStubCfi(keep));
    shop.write(
      'throwing.cc',
      `
      #include <cstdio>
      #include <cstring>
      #include <sys/mman.h>
      extern "C" void __register_frame(void *);
      __attribute__((section(".callee"))) void callee(int x) { throw x + 1; }
      unsigned char stub[] = ${cArray(code)};
      alignas(8) unsigned char frame[] = ${cArray(frame)};
      int main() {
        void *page = mmap((void *)${STUB}, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        memcpy(page, stub, sizeof stub);
        __register_frame(frame);
        try { ((void (*)(int))page)(41); } catch (int x) { printf("%d", x); }
      }`,
    );
    shop.run('g++', '-o', 'throwing', 'throwing.cc', ...FIXED_CALLEE);
    expect(shop.run(shop.path('throwing'))).toBe('42');
  });
});

/** A CIE for x86-64 and one FDE. @see LSB core, 10.6 "Exception frames" */
function ehFrame(start: number, sizeBytes: number, cfi: Uint8Array): Uint8Array {
  const padded = (bytes: readonly number[]): readonly number[] => [
    ...bytes,
    ...new Array<number>((8 - ((bytes.length + 4) % 8)) % 8).fill(0),
  ];
  const u32 = (n: number): number[] => [...new Uint8Array(Uint32Array.of(n).buffer)];
  const u64 = (n: number): number[] => [...new Uint8Array(BigUint64Array.of(BigInt(n)).buffer)];
  // version 1, augmentation "", code alignment 1, data alignment -8, return address in column 16,
  // DW_CFA_def_cfa rsp+8, DW_CFA_offset rip at cfa-8
  const cie = padded([...u32(0), 1, 0, 1, 0x78, 16, 0x0c, 7, 8, 0x80 | 16, 1]);
  const fde = padded([...u32(4 + cie.length + 4), ...u64(start), ...u64(sizeBytes), ...cfi]);
  return Uint8Array.from([...u32(cie.length), ...cie, ...u32(fde.length), ...fde, ...u32(0)]);
}

describe('the ifunc stub', () => {
  const program = (main: string): string => {
    const code = jumps.ifuncStub(STUB, CALLEE, SLOT);
    expect(code).toHaveLength(jumps.ifuncStubBytes);
    return `${harness('call *entry')}
      unsigned char stub[] = ${cArray(code)};
      asm(".section .callee,\\"ax\\"\\n resolver:\\n" ${CLOBBER_ALL} "mov $target,%rax\\n ret\\n .text\\n"
        "target: ret\\n");
      ${main}`;
  };

  it('resolves once and passes every argument register on', () => {
    const output = shop.runC(
      'ifunc',
      program(`
      int main(void) {
        memcpy(at(${STUB}), stub, sizeof stub);
        fill(&in, 5);
        entry = (void *)${STUB}l;
        enter();
        report();
        enter();
        enter();
        if (calls != 1) printf("%ld calls\\n", calls);
        if (misaligned) puts("misaligned");
      }`),
      ...FIXED_CALLEE,
    );
    expect(output).not.toMatch(/calls|misaligned/);
    const vectorArguments = [0, 1, 2, 3, 4, 5, 6, 7].map(xmmBit).reduce((a, b) => a | b);
    const passed =
      general('rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9', 'rax', 'r10', 'r11') | vectorArguments;
    expect(namesOf(kept(output) & passed)).toEqual(namesOf(passed));
  });

  it('may run in several threads at once', () => {
    const output = shop.runC(
      'race',
      program(`
      pthread_barrier_t start;
      void *call(void *p) { pthread_barrier_wait(&start); ((void (*)(void))${STUB}l)(); return p; }
      int main(void) {
        memcpy(at(${STUB}), stub, sizeof stub);
        for (int round = 0; round < 200; round++) {
          pthread_t t[8];
          *(long *)${SLOT} = 0;
          pthread_barrier_init(&start, 0, 8);
          for (int i = 0; i < 8; i++) pthread_create(&t[i], 0, call, 0);
          for (int i = 0; i < 8; i++) pthread_join(t[i], 0);
        }
        puts("survived");
      }`),
      ...FIXED_CALLEE,
    );
    expect(output).toContain('survived');
  });

  it('reaches a resolver anywhere but its slot only near', () => {
    expect(jumps.ifuncStub(STUB, addr(0x7fff_0000_0000), SLOT)).toHaveLength(jumps.ifuncStubBytes);
    expect(() => jumps.ifuncStub(STUB, CALLEE, addr(0x7fff_0000_0000))).toThrow(/does not reach/);
  });
});
