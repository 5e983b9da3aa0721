import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patterns } from '../../src/arch/x86-64/patterns.js';
import { addr } from '../../src/core/address.js';
import { Workshop } from './x86-64/build-with-gcc.js';

let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
});
afterAll(() => shop[Symbol.dispose]());

let count = 0;

interface Assembled {
  readonly compiled: Uint8Array;
  readonly live: Uint8Array;
  /** Of the linked code. */
  readonly at: number;
  readonly symbols: ReadonlyMap<string, number>;
  /** Offset of the field that needs the GOT. */
  readonly field: number;
}

/** One instruction as gas made it and as ld left it. */
function link(instruction: string, ...options: readonly string[]): Assembled {
  const name = `got${count++}`;
  shop.write(
    `${name}.s`,
    `.text\n.globl _start\n_start:\n.nops 5\n${instruction}\n.nops 5\n.Lend:\n.globl x\nx: ret\n.size _start, .Lend-_start\n`,
  );
  shop.run('as', '-o', `${name}.o`, `${name}.s`);
  shop.run('ld', ...options, '-o', name, `${name}.o`);
  const [, offset = ''] =
    /^([0-9a-f]+) .*GOTPCREL/m.exec(shop.run('objdump', '-r', `${name}.o`)) ?? [];
  const symbols = new Map(
    [...shop.run('nm', name).matchAll(/^([0-9a-f]+) . (\S+)$/gm)].map(
      ([, at = '', symbol = '']) => [symbol, Number(`0x${at}`)],
    ),
  );
  const length = (symbols.get('x') ?? 0) - (symbols.get('_start') ?? 0);
  return {
    compiled: shop.section(`${name}.o`, '.text').slice(0, length),
    live: shop.section(name, '.text').slice(0, length),
    at: symbols.get('_start') ?? 0,
    symbols,
    field: Number(`0x${offset}`),
  };
}

const REGISTERS = ['rax', 'rcx', 'rbx', 'rsi', 'r8', 'r12', 'r13', 'r15'];
const LINKS = {
  'a position-independent program': ['-pie'],
  'a program at a fixed address': ['-no-pie'],
} as const;

describe.each(Object.entries(LINKS))('a GOT access that ld relaxed in %s', (_, options) => {
  it.each([
    ...REGISTERS.map((register) => `mov x@GOTPCREL(%rip), %${register}`),
    ...['add', 'cmp', 'sub', 'and', 'xor'].map((name) => `${name} x@GOTPCREL(%rip), %rdx`),
    'cmp x@GOTPCREL(%rip), %r9',
    'test %rbx, x@GOTPCREL(%rip)',
    'test %r14, x@GOTPCREL(%rip)',
    'call *x@GOTPCREL(%rip)',
    'jmp *x@GOTPCREL(%rip)',
  ])('is recognised and leads to the symbol: %s', (instruction) => {
    const { compiled, live, at, symbols, field } = link(instruction, ...options);
    const access = patterns.gotAccess(compiled, live, field);
    expect(access).toBeDefined();
    if (access === undefined) return;
    const target = access.target(addr(at + field));
    if (access.kind === 'address') expect(target).toBe(symbols.get('x'));
    // All that differs lies in the range that counts as equal.
    const differing = [...live.keys()].filter((i) => live[i] !== compiled[i]);
    for (const i of differing) expect(i >= access.start && i < access.end).toBe(true);
    // And nothing of the neighbours does.
    expect(access.start).toBeGreaterThanOrEqual(5);
    expect(access.end).toBeLessThanOrEqual(live.length - 5);
  });
});

describe('a GOT access that was left alone', () => {
  it.each(['mov x@GOTPCREL(%rip), %rax', 'call *x@GOTPCREL(%rip)', 'cmp x@GOTPCREL(%rip), %rdx'])(
    'leads to its slot: %s',
    (instruction) => {
      const { compiled, live, at, field } = link(instruction, '-no-pie', '--no-relax');
      const access = patterns.gotAccess(compiled, live, field);
      expect(access?.kind).toBe('slot');
      const listed = shop.run('objdump', '-d', `got${count - 1}`);
      const [, slot = ''] = /\(%rip\).*# ([0-9a-f]+)/.exec(listed) ?? [];
      expect(access?.target(addr(at + field))).toBe(Number(`0x${slot}`));
    },
  );
});

describe('a GOT access', () => {
  it('is not found where the instructions differ', () => {
    const { compiled, live, field } = link('mov x@GOTPCREL(%rip), %rax', '-pie');
    const other = Uint8Array.from(live);
    other[field - 1] = 0x15; // %rdx
    expect(patterns.gotAccess(compiled, other, field)).toBeUndefined();
    expect(patterns.gotAccess(compiled, live, 1)).toBeUndefined();
    expect(patterns.gotAccess(compiled, live, live.length - 3)).toBeUndefined();
  });
});

describe('pltSlot', () => {
  it.each([
    ['lazy', ['-Wl,-z,lazy']],
    ['bound at start', ['-Wl,-z,now']],
    ['with landing pads', ['-fcf-protection', '-Wl,-z,ibtplt']],
    ['without', ['-fcf-protection=none']],
  ])('is the slot that objdump shows for every PLT entry: %s', (_, flags) => {
    shop.write(
      'plt.c',
      '#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\nint main(void) { puts("x"); free(malloc(3)); return abs(rand()) + getpid(); }',
    );
    shop.run('gcc', '-O1', '-fPIE', '-pie', '-fno-builtin', ...flags, '-o', 'plt', 'plt.c');
    const listed = shop.run('objdump', '-d', 'plt');
    const entries = [...listed.matchAll(/^([0-9a-f]+) <(\w+)@plt>:\n([\s\S]*?)\n\n/gm)];
    expect(entries.map(([, , name]) => name).sort()).toEqual(
      expect.arrayContaining(['abs', 'free', 'getpid', 'malloc', 'puts', 'rand']),
    );
    for (const [, at = '', , body = ''] of entries) {
      const code = [...body.matchAll(/^ +[0-9a-f]+:\t([0-9a-f ]+?)(?: *\t|$)/gm)].flatMap(
        ([, bytes = '']) =>
          bytes
            .trim()
            .split(' ')
            .map((byte) => Number.parseInt(byte, 16)),
      );
      const [, slot = ''] = /jmp .*# ([0-9a-f]+)/.exec(body) ?? [];
      expect(patterns.pltSlot(Uint8Array.from(code), addr(Number(`0x${at}`)))).toBe(
        Number(`0x${slot}`),
      );
    }
  });

  it('is none for code that is no PLT entry', () => {
    for (const code of [
      [],
      [0xff],
      [0xff, 0x25, 0, 0, 0],
      [0xff, 0x15, 0, 0, 0, 0],
      [0xe9, 0, 0, 0, 0, 0],
    ]) {
      expect(patterns.pltSlot(Uint8Array.from(code), addr(0x1000))).toBeUndefined();
    }
  });
});

describe('what a function says of itself', () => {
  it('is found, and leads to another place once it was pointed there', () => {
    shop.write(
      'self.s',
      '.text\nf: push %rbx\ncall f\nlea f(%rip), %rax\nlea f(%rip), %r9\ncall g\nmov f(%rip), %rax\njmp f\npop %rbx\nret\ng: ret\n',
    );
    shop.run('as', '-o', 'self.o', 'self.s');
    const code = shop.section('self.o', '.text');
    const fields = patterns.selfReferences(code, 0);
    expect(fields).toHaveLength(3);
    const to = addr(0x700000);
    for (const field of fields) {
      expect(patterns.retarget(code, field, addr(0x400000 + field), to)).toBe(true);
    }
    shop.write('self.bin', code);
    const listed = shop.run(
      'objdump',
      '-D',
      '-b',
      'binary',
      '-m',
      'i386:x86-64',
      '--adjust-vma=0x400000',
      'self.bin',
    );
    expect(listed.match(/0x700000/g)).toHaveLength(3);
    expect(listed).toMatch(/call\s+0x700000/);
    expect(listed).toMatch(/jmp\s+0x400000/);
  });

  it('cannot be pointed further than 2 GiB', () => {
    const code = new Uint8Array(8);
    expect(patterns.retarget(code, 1, addr(0x100000000), addr(0x100000000 + 2 ** 31 + 4))).toBe(
      false,
    );
    expect(code.every((byte) => byte === 0)).toBe(true);
    expect(patterns.retarget(code, 1, addr(0x100000000), addr(0x100000000 + 2 ** 31 + 3))).toBe(
      true,
    );
  });
});
