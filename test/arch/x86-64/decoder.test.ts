import { copyFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decoder, Flow, Instruction, StackEffect } from '../../../src/arch/decoder.js';
import { loadDecoder } from '../../../src/arch/x86-64/decoder.js';
import { addr } from '../../../src/core/address.js';
import { Workshop } from './build-with-gcc.js';
import { type Listed, listing } from './objdump.js';
import { avx512 } from './set-all-registers.js';

let shop: Workshop;
let decoder: Decoder;
beforeAll(async () => {
  shop = new Workshop();
  decoder = await loadDecoder();
  copyFileSync(new URL('programs/vectors.c', import.meta.url), shop.path('vectors.c'));
});
afterAll(() => shop[Symbol.dispose]());

/** One instruction of assembly, decoded at an address. */
function one(assembly: string, address = 0x401000): Instruction {
  shop.write('one.s', `${assembly}\n`);
  shop.run('as', '-o', 'one.o', 'one.s');
  const [instruction] = decoder.decode(shop.section('one.o', '.text'), addr(address));
  if (!instruction) throw new Error(`${assembly} does not decode`);
  return instruction;
}

/** What flow an instruction has, told from objdump's text. */
function flowOf({ text }: Listed): Flow {
  const [, mnemonic = '', operand = ''] =
    /^(?:(?:bnd|notrack|data16|rex\.W|repz|repnz|cs|ds|lock|xacquire|xrelease) +)*([a-z0-9]+)(?:,p[nt])? *(.*)$/.exec(
      text,
    ) ?? [];
  const indirect = operand.startsWith('*');
  if (mnemonic === 'jmp') return indirect ? 'indirect-jump' : 'jump';
  if (mnemonic === 'call') return indirect ? 'indirect-call' : 'call';
  if (/^(j[a-z]+|loop\w*|xbegin)$/.test(mnemonic)) return 'conditional-jump';
  if (mnemonic === 'ret') return 'return';
  if (/^(ud[012]|int3|hlt)$/.test(mnemonic)) return 'stop';
  return 'next';
}

/** Decodes the bytes objdump listed and expects its boundaries, flows and targets. */
function expectSame(listed: readonly Listed[]): void {
  const first = listed[0];
  if (!first) throw new Error('nothing listed');
  const decoded = decoder.decode(
    Uint8Array.from(listed.flatMap(({ bytes }) => bytes)),
    addr(first.address),
  );
  const ours = decoded.map(({ address, lengthBytes, flow, target }) => ({
    address,
    lengthBytes,
    flow,
    target,
  }));
  const theirs = listed.map((line) => {
    const flow = flowOf(line);
    const direct = ['jump', 'conditional-jump', 'call'].includes(flow);
    const target = direct ? /\b([0-9a-f]+)(?: <|$)/.exec(line.text)?.[1] : undefined;
    return {
      address: line.address,
      lengthBytes: line.bytes.length,
      flow,
      target: target === undefined ? undefined : Number.parseInt(target, 16),
    };
  });
  // Compared piecewise: a difference in one of a hundred thousand is to be readable.
  for (const [i, line] of theirs.entries()) {
    if (JSON.stringify(line) !== JSON.stringify(ours[i])) {
      expect(ours[i], listed[i]?.text).toEqual(line);
    }
  }
  expect(ours).toHaveLength(theirs.length);
}

describe('against objdump', () => {
  it('finds the boundaries, flows and targets of libc', () => {
    const libc = /=> (\S*libc\.so\.6)/.exec(shop.run('ldd', '/bin/sh'))?.[1] ?? '';
    const [, start = '0'] =
      /\.text\s+PROGBITS\s+([0-9a-f]+)/.exec(shop.run('readelf', '-SW', libc)) ?? [];
    const from = Number.parseInt(start, 16) + 0x20000;
    const listed = listing(shop, libc, [
      `--start-address=${from}`,
      `--stop-address=${from + 0x60000}`,
    ]);
    expect(listed.length).toBeGreaterThan(50_000);
    // The first may begin, and the last may end, within an instruction.
    expectSame(listed.slice(64, -2));
  });

  const flags = [
    '-O0',
    '-O2',
    '-Os',
    '-O3 -mavx2 -mfma',
    '-O3 -march=skylake-avx512',
    '-O2 -fcf-protection=full',
  ];
  it.each(flags)('finds those of gcc %s', (options) => {
    shop.run('gcc', '-c', '-g0', ...options.split(' '), '-o', 'vectors.o', 'vectors.c');
    expectSame(listing(shop, 'vectors.o'));
  });
});

describe('flow', () => {
  it.each<[string, Flow]>([
    ['syscall', 'next'],
    ['int $0x80', 'next'],
    ['int3', 'stop'],
    ['ud2', 'stop'],
    ['hlt', 'stop'],
    ['notrack jmp *%rax', 'indirect-jump'],
    ['jmp *8(%rip)', 'indirect-jump'],
    ['call *8(%rax)', 'indirect-call'],
    ['repz ret', 'return'],
    ['bnd jmp .', 'jump'],
    ['jrcxz .', 'conditional-jump'],
    ['loop .', 'conditional-jump'],
    ['xbegin .', 'conditional-jump'],
    ['endbr64', 'next'],
  ])('of %s is %s', (assembly, flow) => {
    expect(one(assembly).flow).toBe(flow);
  });

  it('stops at the first byte that does not decode', () => {
    const code = Uint8Array.of(0x90, 0x06, 0x90);
    expect(decoder.decode(code, addr(0x1000))).toHaveLength(1);
    expect(decoder.decode(Uint8Array.of(0x90, 0xe8, 1, 2), addr(0x1000))).toHaveLength(1);
    expect(decoder.decode(new Uint8Array(), addr(0x1000))).toEqual([]);
  });

  it('has no target below 0', () => {
    const [call] = decoder.decode(Uint8Array.of(0xe8, 0, 0, 0, 0x80), addr(0));
    expect(call).toMatchObject({ flow: 'call', target: undefined, lengthBytes: 5 });
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (code) => {
        const instructions = decoder.decode(code, addr(0x1000));
        const used = instructions.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
        expect(used).toBeLessThanOrEqual(code.length);
        for (const { reads, writes, kills, shape } of instructions) {
          expect([typeof reads, typeof writes, kills & ~writes, typeof shape]).toEqual([
            'bigint',
            'bigint',
            0n,
            'string',
          ]);
        }
        expect(decoder.format(code, addr(0x1000))).toHaveLength(instructions.length);
      }),
      { numRuns: 500 },
    );
  });
});

describe('shape', () => {
  const same: readonly [string, string][] = [
    ['mov 0x1234(%rip),%eax', 'mov 0x5678(%rip),%eax'],
    ['movl $1,0x1234(%rip)', 'movl $1,0x5678(%rip)'],
    ['mov $0x401000,%edi', 'mov $0x402000,%edi'],
    ['movabs $0x1234567812345678,%rax', 'movabs $0x4234567812345678,%rax'],
    ['mov 0x401000(,%rax,8),%rcx', 'mov 0x402000(,%rax,8),%rcx'],
    ['call .+0x100', 'call .+0x7777'],
    ['jmp .+10', 'jmp .+0x1000'],
    ['je .+10', 'je .-0x1000'],
  ];
  it.each(same)('of %s is that of %s', (a, b) => {
    expect(one(a).shape).toBe(one(b).shape);
  });

  const different: readonly [string, string][] = [
    ['mov 0x1234(%rip),%eax', 'mov 0x1234(%rip),%ecx'],
    ['mov 8(%rax),%ecx', 'mov 16(%rax),%ecx'],
    ['mov 0x1234(%rip),%eax', 'lea 0x1234(%rip),%eax'],
    ['je .+10', 'jne .+10'],
    ['jmp .+10', 'call .+10'],
    ['cmpl $1,0x1234(%rip)', 'cmpl $2,0x1234(%rip)'],
    ['mov 0x401000(,%rax,8),%rcx', 'mov 0x401000(,%rax,4),%rcx'],
  ];
  it.each(different)('of %s is not that of %s', (a, b) => {
    expect(one(a).shape).not.toBe(one(b).shape);
  });

  it.each([
    ['cmpl $0x12345678,0x1234(%rip)', 2, 6],
    ['mov 0x401000(,%rax,8),%rcx', 4, 0],
    ['mov $0x401000,%edi', 0, 1],
    ['call .+0x1000', 1, 0],
    ['je .+0x1000', 2, 0],
    ['add %rax,%rcx', 0, 0],
  ])('of %s has its fields at %i and %i', (assembly, displacementOffset, immediateOffset) => {
    expect(one(assembly)).toMatchObject({ displacementOffset, immediateOffset });
  });
});

describe('registers', () => {
  it.each([
    ['mov %al,%cl', ['rax'], ['rcx'], []],
    ['mov $1,%ah', [], ['rax'], []],
    ['mov $1,%ax', [], ['rax'], []],
    ['mov $1,%eax', [], ['rax'], ['rax']],
    ['mov (%rdi,%rsi,8),%r15d', ['rsi', 'rdi'], ['r15'], ['r15']],
    ['mov %sil,%r8b', ['rsi'], ['r8'], []],
    ['xor %ecx,%ecx', [], ['rcx', 'flags'], ['rcx', 'flags']],
    ['inc %rdx', ['rdx'], ['rdx', 'flags'], []],
    ['shl %cl,%eax', ['rax', 'rcx'], ['rax', 'flags'], []],
    ['cmovl %ecx,%eax', ['rax', 'rcx', 'flags'], ['rax'], []],
    ['movss %xmm1,%xmm2', ['xmm1', 'xmm2'], ['zmm2'], []],
    ['movss (%rax),%xmm2', ['rax'], ['zmm2'], ['xmm2']],
    ['vmovss (%rax),%xmm2', ['rax'], ['zmm2'], ['zmm2']],
    ['vaddps %ymm1,%ymm2,%ymm3', ['ymm1', 'ymm2'], ['zmm3'], ['zmm3']],
    ['vpxor %xmm9,%xmm9,%xmm9', [], ['zmm9'], ['zmm9']],
    ['vmovaps %zmm17,%zmm18{%k3}', ['zmm17', 'zmm18', 'k3'], ['zmm18'], []],
    ['kmovw %k1,%eax', ['k1'], ['rax'], ['rax']],
    ['syscall', ['rax', 'rdx', 'rsi', 'rdi', 'r8', 'r9', 'r10'], ['rax', 'rcx', 'r11'], []],
    ['cpuid', ['rax', 'rcx'], ['rax', 'rcx', 'rdx', 'rbx'], ['rdx', 'rbx']],
    ['fldl (%rax)', ['rax'], [], []],
  ])('of %s: reads %j, writes %j, kills %j', (assembly, reads, writes, kills) => {
    const instruction = one(assembly);
    expect(
      [instruction.reads, instruction.writes, instruction.kills].map((set) => decoder.namesOf(set)),
    ).toEqual([reads, writes, kills]);
  });

  it('of vzeroupper are upper parts, of vzeroall whole ones, of xsave all', () => {
    const upper = one('vzeroupper');
    expect(upper.reads).toBe(0n);
    expect(upper.writes & decoder.baseline).toBe(0n);
    expect(decoder.namesOf(upper.kills)).toHaveLength(16);
    expect(one('vzeroall').kills).toBe(upper.kills | (one('vzeroall').writes & decoder.baseline));
    expect(decoder.namesOf(one('xsave (%rdi)').reads)).toEqual(
      expect.arrayContaining(['rax', 'rdx', 'rdi', 'zmm0', 'zmm31', 'k7']),
    );
    expect(one('xrstor (%rdi)').kills).toBe(0n);
  });

  it('of calls are as the convention has them', () => {
    const names = (set: bigint): readonly string[] => decoder.namesOf(set);
    expect(names(decoder.returned)).toEqual(['rax', 'rdx', 'zmm0', 'zmm1']);
    expect(names(decoder.passed).slice(0, 8)).toEqual([
      'rax',
      'rcx',
      'rdx',
      'rsi',
      'rdi',
      'r8',
      'r9',
      'r10',
    ]);
    expect(names(decoder.callClobbered & ~decoder.baseline)).toHaveLength(32 + 8);
    expect(names(decoder.callClobbered)).not.toContain('rbx');
  });
});

it.each<[string, StackEffect]>([
  ['push %rax', { kind: 'moves', bytes: -8 }],
  ['pop %rbp', { kind: 'moves', bytes: 8 }],
  ['pushfq', { kind: 'moves', bytes: -8 }],
  ['sub $24,%rsp', { kind: 'moves', bytes: -24 }],
  ['add $0x128,%rsp', { kind: 'moves', bytes: 0x128 }],
  ['sub $-128,%rsp', { kind: 'moves', bytes: 128 }],
  ['lea -8(%rsp),%rsp', { kind: 'moves', bytes: -8 }],
  ['and $-32,%rsp', { kind: 'aligns', to: 32 }],
  ['leave', { kind: 'unwinds' }],
  ['call .', { kind: 'moves', bytes: 0 }],
  ['mov %rsp,%rax', { kind: 'moves', bytes: 0 }],
  ['orq $0,(%rsp)', { kind: 'moves', bytes: 0 }],
  ['sub %rax,%rsp', { kind: 'unknown' }],
  ['mov %rbp,%rsp', { kind: 'unknown' }],
  ['lea -40(%rbp),%rsp', { kind: 'unknown' }],
  ['lea 8(%rsp,%rax),%rsp', { kind: 'unknown' }],
  ['pop %rsp', { kind: 'unknown' }],
])('sees what %s does to the stack', (assembly, effect) => {
  expect(one(assembly).stack).toEqual(effect);
});

it('tells padding', () => {
  expect(one('nopw 0x0(%rax,%rax,1)').isPadding).toBe(true);
  expect(one('xchg %ax,%ax').isPadding).toBe(true);
  expect(one('int3').isPadding).toBe(true);
  expect(one('pause').isPadding).toBe(false);
  expect(one('endbr64').isPadding).toBe(false);
});

it('formats as people read it', () => {
  const code = Uint8Array.of(0x48, 0x8b, 0x47, 0x08, 0xe9, 0xf7, 0x0f, 0x00, 0x00);
  expect(decoder.format(code, addr(0x401000))).toEqual(['mov 8(%rdi),%rax', 'jmp 0x402000']);
});

it('leaves nothing behind in wasm memory', async () => {
  const { __wasm } = (await import('iced-x86')) as unknown as {
    readonly __wasm: { readonly memory: { readonly buffer: ArrayBuffer } };
  };
  shop.run(
    'gcc',
    '-c',
    '-O3',
    ...(avx512 ? ['-march=native'] : []),
    '-o',
    'vectors.o',
    'vectors.c',
  );
  const code = shop.section('vectors.o', '.text');
  const use = (): void => {
    for (const { reads, writes, shape } of decoder.decode(code, addr(0x401000))) {
      expect(reads | writes).toBeTypeOf('bigint');
      expect(shape).not.toBe('');
    }
    decoder.format(code, addr(0x401000));
  };
  use();
  const before = __wasm.memory.buffer.byteLength;
  for (let i = 0; i < 30; i += 1) use();
  expect(__wasm.memory.buffer.byteLength).toBe(before);
});
