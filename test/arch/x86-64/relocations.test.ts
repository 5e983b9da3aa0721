import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { R_X86_64 } from '../../../src/arch/x86-64/relocation-types.js';
import { relocations } from '../../../src/arch/x86-64/relocations.js';
import { isHcrError } from '../../../src/core/failure.js';
import { Workshop } from './build-with-gcc.js';

const R = R_X86_64;

interface Record {
  readonly offset: number;
  readonly type: number;
  readonly symbol: string;
  readonly A: number;
}

let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
});
afterAll(() => shop[Symbol.dispose]());

/** The relocations of one section, as readelf prints them. */
function recordsOf(object: string, section: string): readonly Record[] {
  const text = shop.run('readelf', '-rW', object);
  const part = text.split(`section '.rela${section}'`)[1]?.split('Relocation section')[0] ?? '';
  return [...part.matchAll(/^([0-9a-f]{16})\s+([0-9a-f]{16})\s+R_X86_64_\w+\s*(.*)$/gm)].map(
    ([, offset, info, rest]) => {
      const named = /(?:[0-9a-f]{16}\s+)?(\S+)\s+([+-])\s+([0-9a-f]+)$/.exec(rest ?? '');
      const plain = /^([0-9a-f]+)$/.exec((rest ?? '').trim());
      const size = named?.[3] ?? plain?.[1] ?? '0';
      return {
        offset: Number.parseInt(offset ?? '', 16),
        type: Number(BigInt(`0x${info ?? '0'}`) & 0xffffffffn),
        symbol: named?.[1] ?? '',
        A: Number(BigInt.asIntN(64, BigInt(`0x${size}`) * (named?.[2] === '-' ? -1n : 1n))),
      };
    },
  );
}

interface LinkedSymbol {
  readonly value: number;
  readonly size: number;
}

function symbolsOf(file: string): ReadonlyMap<string, LinkedSymbol> {
  const symbols = new Map<string, LinkedSymbol>();
  for (const line of shop.run('readelf', '-sW', file).split('\n')) {
    const match = /^\s+\d+:\s+([0-9a-f]{16})\s+(\S+)\s+\w+\s+\w+\s+\w+\s+\S+\s+(\S+)$/.exec(line);
    if (match) {
      const [, value = '0', size = '0', name = ''] = match;
      symbols.set(name, { value: Number.parseInt(value, 16), size: Number(size) });
    }
  }
  for (const line of shop.run('readelf', '-SW', file).split('\n')) {
    const match = /\]\s+(\.\S+)\s+\w+\s+([0-9a-f]{16})/.exec(line);
    if (match) symbols.set(match[1] ?? '', { value: Number.parseInt(match[2] ?? '', 16), size: 0 });
  }
  return symbols;
}

/** Size of the thread-local block up to the thread pointer. */
function tlsBlock(file: string): { readonly start: number; readonly sizeBytes: number } {
  const match =
    /^\s+TLS\s+\S+\s+(0x[0-9a-f]+)\s+\S+\s+\S+\s+(0x[0-9a-f]+)\s+\w\s+(0x[0-9a-f]+)/m.exec(
      shop.run('readelf', '-lW', file),
    );
  if (!match) return { start: 0, sizeBytes: 0 };
  const align = Number(match[3]);
  return { start: Number(match[1]), sizeBytes: Math.ceil(Number(match[2]) / align) * align };
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Links one section of the object with hcr's rules and expects ld's bytes. */
function expectSameAsLd(object: string, linked: string, section: string): ReadonlySet<string> {
  const symbols = symbolsOf(linked);
  const tls = tlsBlock(linked);
  const theirs = shop.section(linked, section);
  const ours = shop.section(object, section).slice();
  const base = symbols.get(section)?.value ?? 0;
  const got = symbols.get('_GLOBAL_OFFSET_TABLE_')?.value ?? NaN;
  const seen = new Set<string>();
  for (const { offset, type, symbol, A } of recordsOf(object, section)) {
    const rule = relocations.rule(type);
    expect(rule, relocations.nameOf(type)).toBeDefined();
    if (!rule) continue;
    seen.add(rule.name);
    const P = base + offset;
    const found = relocations.read(type, theirs, offset, { A, P });
    const target = symbols.get(symbol) ?? { value: 0, size: 0 };
    let S: number;
    switch (rule.needs) {
      case 'address':
        S = (symbol === '' ? 0 : target.value) - (rule.fromGotBase ? got : 0);
        break;
      case 'got-base':
        S = got;
        break;
      case 'size':
        S = target.size;
        break;
      case 'tp-offset':
        S = target.value - tls.sizeBytes - (symbol.startsWith('.') ? tls.start : 0);
        break;
      default:
        S = found; // a stub or slot that ld made: see the tests that look into it
    }
    if (rule.needs !== 'nothing') expect(found, `${rule.name} ${symbol} at ${offset}`).toBe(S);
    expect(relocations.apply(type, ours, offset, { S, A, P })).toBe(true);
  }
  expect(hexOf(ours)).toBe(hexOf(theirs));
  return seen;
}

function link(name: string, flags: readonly string[]): string {
  shop.run('ld', '--no-relax', '--discard-none', ...flags, '-o', name, `${name}.o`);
  return name;
}

function assemble(name: string, source: string): string {
  shop.write(`${name}.s`, source);
  shop.run('as', '-o', `${name}.o`, `${name}.s`);
  return `${name}.o`;
}

describe('against ld', () => {
  it('fills every kind of plain field as ld does', () => {
    const object = assemble(
      'plain',
      `
      .globl _start, object, near
      .text
_start:
      movl $object, %eax
      movq $object+8, %rax
      movabs $object-4, %rax
      lea object(%rip), %rax
      cmpl $0x12345678, object+16(%rip)
      cmpb $1, object(%rip)
      movw $tiny, %ax
      movb $tiny, %al
      call near@PLT
      jmp near
near: ret
      .quad object - .
      .long object - .
      .word near - . + 3
      .byte near - . + 3
      .long object@SIZE
      .quad object@SIZE + 2
      .section .rodata
      .long near - .
      .data
      .quad near
      .skip 8
      .type object, @object
object: .skip 24
      .size object, 24
`,
    );
    const linked = link('plain', ['-Ttext=0x401000', '--defsym=tiny=0x42']);
    const seen = expectSameAsLd(object, linked, '.text');
    for (const name of [
      '32',
      '32S',
      '64',
      'PC32',
      'PLT32',
      '16',
      '8',
      'PC64',
      'SIZE32',
      'SIZE64',
    ]) {
      expect(seen).toContain(`R_X86_64_${name}`);
    }
    expectSameAsLd(object, linked, '.data');
    expectSameAsLd(object, linked, '.rodata');
  });

  it('counts from the base of the GOT', () => {
    const object = assemble(
      'large',
      `
      .globl _start, object, near
      .text
_start:
1:    movabs $_GLOBAL_OFFSET_TABLE_-1b, %r11
      lea _GLOBAL_OFFSET_TABLE_(%rip), %rbx
      movabs $object@GOTOFF, %rax
      movabs $object@GOTOFF+12, %rax
      movabs $object@GOT, %rax
      movabs $near@PLTOFF, %rax
      .quad object@GOTPLT
      .long object@GOT
near: ret
      .data
      .skip 32
object: .quad 0
`,
    );
    const linked = link('large', ['-Ttext=0x401000']);
    const seen = expectSameAsLd(object, linked, '.text');
    const names = ['GOTPC64', 'GOTPC32', 'GOTOFF64', 'GOT64', 'PLTOFF64', 'GOTPLT64', 'GOT32'];
    expect([...seen].sort()).toEqual(names.map((name) => `R_X86_64_${name}`).sort());
    const symbols = symbolsOf(linked);
    const text = shop.section(linked, '.text');
    const slots = shop.section(linked, '.got');
    const base = symbols.get('_GLOBAL_OFFSET_TABLE_')?.value ?? NaN;
    for (const { offset, type, A } of recordsOf(object, '.text')) {
      const S = relocations.read(type, text, offset, { A, P: 0x401000 + offset }) + base;
      const { needs, fromGotBase } = relocations.rule(type) ?? {};
      if (needs === 'branch') expect(S).toBe(symbols.get('near')?.value);
      if (needs !== 'got' || fromGotBase !== true) continue;
      const at = S - (symbols.get('.got')?.value ?? NaN);
      const held = new DataView(slots.buffer).getBigUint64(at, true);
      expect(Number(held)).toBe(symbols.get('object')?.value);
    }
  });

  it('finds GOT slots that hold the address of their symbol', () => {
    const object = assemble(
      'got',
      `
      .globl _start, object
      .text
_start:
      mov object@GOTPCREL(%rip), %rax
      .byte 0xff, 0x35
      .reloc ., R_X86_64_GOTPCREL, object-4
      .long 0
      call *object@GOTPCREL(%rip)
      .quad object@GOTPCREL
      cmpl $7, object@GOTPCREL(%rip)
      .data
      .skip 32
object: .quad 0
`,
    );
    const linked = link('got', ['-Ttext=0x401000']);
    const seen = expectSameAsLd(object, linked, '.text');
    expect([...seen].sort()).toEqual([
      'R_X86_64_GOTPCREL',
      'R_X86_64_GOTPCREL64',
      'R_X86_64_GOTPCRELX',
      'R_X86_64_REX_GOTPCRELX',
    ]);
    const symbols = symbolsOf(linked);
    const text = shop.section(linked, '.text');
    const got = shop.section(linked, '.got');
    for (const { offset, type, A } of recordsOf(object, '.text')) {
      const P = 0x401000 + offset;
      const slot =
        relocations.read(type, text, offset, { A, P }) - (symbols.get('.got')?.value ?? 0);
      const held = new DataView(got.buffer).getBigUint64(slot, true);
      expect(Number(held)).toBe(symbols.get('object')?.value);
    }
  });

  it('fills thread-local offsets of an executable', () => {
    const object = assemble(
      'exec_tls',
      `
      .globl _start
      .text
_start:
      mov %fs:first@tpoff, %eax
      lea second@tpoff+4(%rax), %rcx
      movabs $second@tpoff, %rax
      .section .debug_info
      .quad second@dtpoff
      .long first@dtpoff
      .section .tdata,"awT",@progbits
      .balign 16
first: .long 1
      .long 2
second: .quad 3
`,
    );
    const linked = link('exec_tls', ['-Ttext=0x401000']);
    const seen = expectSameAsLd(object, linked, '.text');
    expect(seen).toContain('R_X86_64_TPOFF32');
    expect(seen).toContain('R_X86_64_TPOFF64');
    const debug = expectSameAsLd(object, linked, '.debug_info');
    expect(debug).toContain('R_X86_64_DTPOFF64');
    expect(debug).toContain('R_X86_64_DTPOFF32');
  });

  it('finds the pairs, descriptors and offsets of a shared object’s thread-locals', () => {
    const object = assemble(
      'shared_tls',
      `
      .globl variable, early, described
      .text
general:
      .byte 0x66
      lea variable@tlsgd(%rip), %rdi
      .word 0x6666
      rex64
      call __tls_get_addr@PLT
local:
      lea hidden@tlsld(%rip), %rdi
      call __tls_get_addr@PLT
      lea hidden@dtpoff(%rax), %rcx
initial:
      mov early@gottpoff(%rip), %rax
descriptor:
      lea described@tlsdesc(%rip), %rax
      call *described@tlscall(%rax)
      .section .tbss,"awT",@nobits
variable: .skip 4
early: .skip 4
described: .skip 4
hidden: .skip 4
`,
    );
    const linked = link('shared_tls', ['-shared']);
    const seen = expectSameAsLd(object, linked, '.text');
    for (const name of [
      'TLSGD',
      'TLSLD',
      'DTPOFF32',
      'GOTTPOFF',
      'GOTPC32_TLSDESC',
      'TLSDESC_CALL',
    ]) {
      expect(seen).toContain(`R_X86_64_${name}`);
    }
    const dynamic = new Map(
      [
        ...shop.run('readelf', '-rW', linked).matchAll(/^([0-9a-f]{16})\s+\S+\s+(R_X86_64_\w+)/gm),
      ].map(([, at, type]) => [Number.parseInt(at ?? '', 16), type]),
    );
    const text = shop.section(linked, '.text');
    const base = symbolsOf(linked).get('.text')?.value ?? 0;
    const slotKinds = recordsOf(object, '.text')
      .filter(({ type }) => relocations.rule(type)?.pcRelative && type !== R.R_X86_64_PLT32)
      .map(({ offset, type, A }) => [
        relocations.rule(type)?.needs,
        dynamic.get(relocations.read(type, text, offset, { A, P: base + offset })),
      ]);
    expect(slotKinds).toEqual([
      ['tls-index', 'R_X86_64_DTPMOD64'],
      ['tls-module', 'R_X86_64_DTPMOD64'],
      ['got-tp-offset', 'R_X86_64_TPOFF64'],
      ['tls-descriptor', 'R_X86_64_TLSDESC'],
    ]);
  });

  const source = `
    extern int printf(const char *, ...);
    int counter = 3; static double table[8] = {1, 2, 3}; static __thread long mine = 4;
    const char *const names[] = {"a", "b", "c"};
    long f(int n) { counter += n; table[n & 7] *= 1.5; mine += n; return mine + (long)names[n & 1]; }
    long g(int n) {
      switch (n) { case 0: return f(1); case 1: return 7; case 2: return f(n) * 3; case 3: return 9;
        case 4: counter = 77; return 12; case 5: return f(8); default: return printf("%d", n); } }
    int printf(const char *s, ...) { return counter + (int)f(s[0]); }
    void _start(void) { g(counter); }`;
  it.each([
    ['-O2 -fno-pic', ['-O2', '-fno-pic'], []],
    ['-O0 -fno-pic', ['-O0', '-fno-pic'], []],
    ['-O2 -fPIE', ['-O2', '-fPIE'], ['-pie', '--no-dynamic-linker']],
    ['-Os -fPIC', ['-Os', '-fPIC'], []],
    ['-O2 -mcmodel=medium', ['-O2', '-fno-pic', '-mcmodel=medium'], []],
    ['-O2 -mcmodel=large', ['-O2', '-fno-pic', '-mcmodel=large'], []],
  ])('links gcc %s code to ld’s bytes', (label, cflags, ldflags) => {
    const name = `c${label.replaceAll(/\W/g, '')}`;
    shop.write(`${name}.c`, source);
    shop.run('gcc', '-c', '-fcf-protection=none', '-ftls-model=local-exec', ...cflags, `${name}.c`);
    // A script without output sections: each section of the object becomes one of its own.
    shop.write('orphans.ld', 'SECTIONS { . = 0x401000; }');
    link(name, ['-T', 'orphans.ld', ...ldflags]);
    expect(expectSameAsLd(`${name}.o`, name, '.text').size).toBeGreaterThan(0);
    expectSameAsLd(`${name}.o`, name, '.rodata');
  });

  it.each([
    ['R_X86_64_PC32', '.long far - .', 0x1_0000_0000],
    ['R_X86_64_32', '.long far', 0x1_0000_0000],
    ['R_X86_64_32S', 'movq $far, %rax', 0x8000_0000],
  ])('refuses the %s overflow that ld refuses', (name, line, far) => {
    const object = assemble('overflow', `.globl _start, far\n.text\n_start: ${line}\n`);
    const place = 0x401000;
    const attempt = (): string =>
      shop.run('ld', '-Ttext=0x401000', `--defsym=far=${far + place}`, '-o', 'overflow', object);
    expect(attempt).toThrow(/truncated to fit/);
    const [record] = recordsOf(object, '.text');
    expect(record?.type).toBe(Object.entries(R).find(([key]) => key === name)?.[1]);
    const bytes = new Uint8Array(16).fill(0xaa);
    const { type = 0, A = 0, offset = 0 } = record ?? {};
    expect(relocations.apply(type, bytes, offset, { S: far + place, A, P: place + offset })).toBe(
      false,
    );
    expect(bytes).toEqual(new Uint8Array(16).fill(0xaa));
  });
});

describe('fields', () => {
  const limits: readonly [number, number, number][] = [
    // type, least and greatest value that fits
    [R.R_X86_64_32, 0, 2 ** 32 - 1],
    [R.R_X86_64_32S, -(2 ** 31), 2 ** 31 - 1],
    [R.R_X86_64_PC32, -(2 ** 31), 2 ** 31 - 1],
    [R.R_X86_64_PLT32, -(2 ** 31), 2 ** 31 - 1],
    [R.R_X86_64_GOTPCRELX, -(2 ** 31), 2 ** 31 - 1],
    [R.R_X86_64_TPOFF32, -(2 ** 31), 2 ** 31 - 1],
    [R.R_X86_64_16, -(2 ** 15), 2 ** 16 - 1],
    [R.R_X86_64_8, -(2 ** 7), 2 ** 8 - 1],
    [R.R_X86_64_PC8, -(2 ** 7), 2 ** 7 - 1],
  ];

  it.each(limits)('type %i holds %i to %i and nothing beyond', (type, least, greatest) => {
    const P = 0x7f00_0000_0000;
    for (const [value, fits] of [
      [least - 1, false],
      [least, true],
      [greatest, true],
      [greatest + 1, false],
    ] as const) {
      const bytes = new Uint8Array(12).fill(0xcc);
      const S = relocations.rule(type)?.pcRelative ? value + P + 4 : value + 4;
      expect(relocations.apply(type, bytes, 2, { S, A: -4, P })).toBe(fits);
      if (!fits) expect(bytes).toEqual(new Uint8Array(12).fill(0xcc));
      expect(bytes[1]).toBe(0xcc);
      expect(bytes[2 + (relocations.rule(type)?.widthBytes ?? 0)]).toBe(0xcc);
    }
  });

  it('reads back what it wrote, for any addend and place', () => {
    const types = Object.values(R).filter((type) => {
      const width = relocations.rule(type)?.widthBytes ?? 0;
      return width >= 4;
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.integer({ min: 0, max: 2 ** 47 }),
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.integer({ min: -(2 ** 20), max: 2 ** 20 }),
        (type, P, distance, A) => {
          const rule = relocations.rule(type);
          const S = rule?.pcRelative ? P + distance : distance;
          const bytes = new Uint8Array(8);
          fc.pre(relocations.apply(type, bytes, 0, { S, A, P }));
          expect(relocations.read(type, bytes, 0, { A, P })).toBe(S);
        },
      ),
    );
  });

  it('keeps all bits of a user-space address and of a negative offset in 64-bit fields', () => {
    const bytes = new Uint8Array(8);
    for (const S of [0x7fff_ffff_fff8, -0x1234_5678_9abc]) {
      relocations.apply(R.R_X86_64_64, bytes, 0, { S, A: 3, P: 0 });
      expect(new DataView(bytes.buffer).getBigInt64(0, true)).toBe(BigInt(S) + 3n);
      expect(relocations.read(R.R_X86_64_64, bytes, 0, { A: 3, P: 0 })).toBe(S);
    }
  });

  it('has no rule for what only a dynamic linker handles, yet names it', () => {
    for (const type of [R.R_X86_64_COPY, R.R_X86_64_RELATIVE, R.R_X86_64_TLSDESC, 4711]) {
      expect(relocations.rule(type)).toBeUndefined();
    }
    expect(relocations.nameOf(R.R_X86_64_RELATIVE)).toBe('R_X86_64_RELATIVE');
    expect(relocations.nameOf(4711)).toBe('R_X86_64_4711?');
  });

  it('refuses a field that is not inside the section', () => {
    const outside = (offset: number) => (): void =>
      void relocations.apply(R.R_X86_64_PC32, new Uint8Array(8), offset, { S: 0, A: 0, P: 0 });
    for (const offset of [5, 8, -1, 2 ** 40, Number.NaN]) {
      expect(outside(offset)).toThrow(expect.toSatisfy((e) => isHcrError(e, 'malformed-file')));
    }
  });
});
