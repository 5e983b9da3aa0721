import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jumps } from '../../../src/arch/x86-64/jumps.js';
import { addr } from '../../../src/core/address.js';
import { cArray, Workshop } from './build-with-gcc.js';

let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
});
afterAll(() => shop[Symbol.dispose]());

/** What objdump makes of bytes at an address: `mnemonic operands`, one an instruction. */
function disassemble(bytes: Uint8Array, at: number): readonly string[] {
  shop.write('code.bin', bytes);
  const vma = `--adjust-vma=0x${at.toString(16)}`;
  return shop
    .run(
      'objdump',
      '-D',
      '-b',
      'binary',
      '-m',
      'i386:x86-64',
      vma,
      '--no-show-raw-insn',
      'code.bin',
    )
    .split('\n')
    .flatMap((line) => /^\s+[0-9a-f]+:\s+(.*)$/.exec(line)?.[1]?.replace(/\s+/g, ' ').trim() ?? []);
}

describe('direct jumps', () => {
  it.each([
    [0x401000, 0x401005],
    [0x401000, 0x7fff_0000],
    [0x7f00_0000_0000, 0x7eff_8000_0005],
    [0x7f00_0000_0000, 0x7f00_8000_0004],
  ])('jumps near from %i to %i', (from, to) => {
    const code = jumps.near(addr(from), addr(to));
    expect(code).toHaveLength(jumps.nearBytes);
    expect(disassemble(code ?? new Uint8Array(), from)).toEqual([`jmp 0x${to.toString(16)}`]);
  });

  it('has no near jump one byte beyond its reach', () => {
    const from = 0x7f00_0000_0000;
    const end = from + jumps.nearBytes;
    expect(jumps.near(addr(from), addr(end + jumps.nearReachBytes))).toBeDefined();
    expect(jumps.near(addr(from), addr(end + jumps.nearReachBytes + 1))).toBeUndefined();
    expect(jumps.near(addr(from), addr(end - jumps.nearReachBytes - 1))).toBeDefined();
    expect(jumps.near(addr(from), addr(end - jumps.nearReachBytes - 2))).toBeUndefined();
  });

  it('jumps short up to 127 bytes forth and 128 back', () => {
    const from = 0x401000;
    for (const distance of [0, 127, -128, -1]) {
      const to = from + 2 + distance;
      const code = jumps.short(addr(from), addr(to));
      expect(code).toHaveLength(jumps.shortBytes);
      expect(disassemble(code ?? new Uint8Array(), from)).toEqual([`jmp 0x${to.toString(16)}`]);
    }
    expect(jumps.short(addr(from), addr(from + 2 + 128))).toBeUndefined();
    expect(jumps.short(addr(from), addr(from + 2 - 129))).toBeUndefined();
  });

  it('jumps anywhere through a far stub, wherever it stands', () => {
    const to = 0x20000000;
    const code = jumps.farStub(addr(to));
    expect(code).toHaveLength(jumps.farStubBytes);
    const output = shop.runC(
      'far',
      `
      #include <stdio.h>
      #include <string.h>
      #include <sys/mman.h>
      __attribute__((section(".callee"))) int callee(int x) { return x + 1; }
      unsigned char stub[] = ${cArray(code)};
      int main(void) {
        unsigned char *page = mmap(0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memcpy(page + 3, stub, sizeof stub);
        printf("%d", ((int (*)(int))(page + 3))(41));
      }`,
      '-no-pie',
      `-Wl,--section-start=.callee=0x${to.toString(16)}`,
    );
    expect(output).toBe('42');
  });
});

describe('landing pads', () => {
  it('counts endbr64 and nothing like it', () => {
    expect(jumps.landingPadBytes(Uint8Array.of(0xf3, 0x0f, 0x1e, 0xfa, 0xc3))).toBe(4);
    expect(jumps.landingPadBytes(Uint8Array.of(0xf3, 0x0f, 0x1e, 0xfb, 0xc3))).toBe(0); // endbr32
    expect(jumps.landingPadBytes(Uint8Array.of(0xf3, 0x0f, 0x1e))).toBe(0);
    expect(jumps.landingPadBytes(Uint8Array.of(0x55))).toBe(0);
  });
});

describe('padding', () => {
  it('knows what gas fills with, up to every length of one instruction and beyond', () => {
    for (let length = 1; length <= 32; length += 1) {
      for (const largest of [1, 9, 11]) {
        shop.write('nops.s', `.nops ${length}, ${Math.min(largest, length)}\nret\n`);
        shop.run('as', '-o', 'nops.o', 'nops.s');
        const bytes = shop.section('nops.o', '.text');
        expect(jumps.paddingBytes(bytes), disassemble(bytes, 0).join('; ')).toBe(length);
      }
    }
  });

  it.each(['generic64', 'k8', 'core2', 'znver3', 'nocona'])(
    'knows what gas aligns with for %s',
    (tune) => {
      for (let length = 1; length < 64; length += 1) {
        shop.write('align.s', `.balign 64\n.skip ${64 - length}, 0xc3\n.balign 64\nret\n`);
        shop.run('as', `-mtune=${tune}`, '-o', 'align.o', 'align.s');
        const bytes = shop.section('align.o', '.text').subarray(64 - length);
        expect(jumps.paddingBytes(bytes), disassemble(bytes, 0).join('; ')).toBe(length);
      }
    },
  );

  it('takes the 15-byte form that ends in cs nopw', () => {
    const longest = [0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0];
    expect(jumps.paddingBytes(Uint8Array.from(longest))).toBe(15);
    expect(disassemble(Uint8Array.from(longest), 0)).toHaveLength(1);
    // One more prefix and the processor no longer decodes it.
    expect(jumps.paddingBytes(Uint8Array.from([0x66, ...longest]))).toBe(0);
  });

  it('takes int3, and mixes', () => {
    expect(jumps.paddingBytes(Uint8Array.of(0xcc, 0xcc, 0x66, 0x90, 0x90, 0xcc, 0x55))).toBe(6);
  });

  it.each([
    ['pause', [0xf3, 0x90]],
    ['endbr64', [0xf3, 0x0f, 0x1e, 0xfa]],
    ['xchg %r8,%rax', [0x49, 0x90]],
    ['add %al,(%rax)', [0x00, 0x00]],
    ['nop %eax', [0x0f, 0x1f, 0xc0]],
    ['ret', [0xc3]],
    ['a nop cut short', [0x0f, 0x1f, 0x84, 0x00]],
    ['nothing', []],
  ])('does not take %s', (_, bytes) => {
    expect(jumps.paddingBytes(Uint8Array.from(bytes))).toBe(0);
  });

  it('stops before an instruction that does not fit', () => {
    expect(jumps.paddingBytes(Uint8Array.of(0x90, 0x0f, 0x1f))).toBe(1);
    expect(jumps.paddingBytes(Uint8Array.of(0x90, 0x66))).toBe(1);
  });
});

describe('nearTarget', () => {
  it('tells where a near jump leads, and nothing of other bytes', () => {
    const from = addr(0x401000);
    for (const to of [0x400000, 0x401000, 0x401005, 0x5000_0000].map(addr)) {
      expect(jumps.nearTarget(jumps.near(from, to) ?? new Uint8Array(), from)).toBe(to);
    }
    for (const bytes of [[], [0xe9, 0, 0, 0], [0xe8, 0, 0, 0, 0], [0xeb, 0, 0, 0, 0]])
      expect(jumps.nearTarget(Uint8Array.from(bytes), from)).toBeUndefined();
    // Below the first address there is.
    expect(jumps.nearTarget(Uint8Array.of(0xe9, 0, 0, 0, 0x80), addr(0x1000))).toBeUndefined();
  });
});
