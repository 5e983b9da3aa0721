import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { type Addr, addr, offsetBy } from '../../src/core/address.js';
import { isHcrError } from '../../src/core/failure.js';
import type { Part } from '../../src/core/part.js';
import { type Layout, layOut } from '../../src/link/layout.js';
import { type LinkedImage, linkAt } from '../../src/link/link.js';
import { isCode, objectsIn } from '../../src/link/object-unit.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { type EditedObject, EditedProgram, MAIN } from './edited-program.js';
import { linkWithLd } from './link-with-ld.js';

let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
});
afterAll(() => shop[Symbol.dispose]());

const UNIT = `
#include <stdio.h>
#include <stdlib.h>
#define NOINLINE __attribute__((noinline, noclone))
struct node { int (*fn)(int); const char *name; int *data; };
int shared_counter = 5;
static int file_static = 7;
static long zeroed[100];
static int pair[2] = {1, 2};
static char flag;
const int public_table[8] = {1, 2, 4, 8, 16, 32, 64, 128};
static const double weights[4] = {0.5, 0.25, 0.125, 0.0625};
static const char *const names[] = {"one", "two", "three", "four"};
extern int maybe[] __attribute__((weak));
static NOINLINE int helper(int x) { file_static += x; return x * 3; }
NOINLINE int other(int x) { shared_counter += x; return x - 1; }
static struct node nodes[] = {{helper, "helper", &shared_counter}, {other, "other", &pair[1]}};
static const struct node const_nodes[] = {{helper, "h", &pair[1]}, {other, "o", &file_static}};
NOINLINE int target(int x, double d) {
  static int calls;
  static const char *last = "never";
  calls++;
  file_static = 12345;
  if (zeroed[7] == 5 || flag == 'x') pair[1] = 77;
  zeroed[9] = -3;
  flag = 'y';
  switch (x) {
  case 0: pair[0] = x; break;
  case 1: pair[0] = x * 3; break;
  case 2: pair[0] = helper(x); break;
  case 3: pair[0] = x ^ 21; break;
  case 4: pair[0] = other(x << 2); break;
  case 5: pair[0] = x % 5; break;
  case 6: pair[0] = x / 2; break;
  case 7: pair[0] = target(-x, d * 2.75); break;
  default: pair[0] = ~x; break;
  }
  last = names[x & 3];
  if (d > weights[x & 3] * 3.25) { puts("a message"); last = "changed"; }
  if (maybe) x += maybe[1];
  if (x < 0) { printf("%s %d %f\\n", last, calls, d); abort(); }
  nodes[x & 1].fn(public_table[x & 7]);
  return const_nodes[x & 1].fn(x) + *nodes[1].data + EDIT;
}
void use(void) { target(1, 2.0); }
`;
const edit = (n: number): string => UNIT.replace('EDIT', String(n));

const PIC = {
  '-fno-pie': ['-fno-pie', '-no-pie'],
  '-fPIE': ['-fPIE', '-pie'],
  '-fPIC': ['-fPIC', '-pie'],
} as const;
const MATRIX = (Object.keys(PIC) as (keyof typeof PIC)[]).flatMap((pic) =>
  ['-O0', '-O1', '-O2', '-O3', '-Os'].map((level) => [level, pic] as const),
);

/** Code models, and relocations that only they use. */
const CODE_MODELS = [
  ['-O0 -fPIC -mcmodel=large', ['GOTPC64', 'GOTOFF64', 'GOT64', 'PLTOFF64']],
  ['-O2 -fPIC -mcmodel=large', ['GOTPC64', 'GOTOFF64', 'PLTOFF64']],
  ['-O2 -fno-pie -mcmodel=large', ['64']],
  ['-O1 -fPIC -mcmodel=medium -mlarge-data-threshold=0', ['GOTPC32', 'GOTOFF64']],
  ['-O2 -fno-pie -mcmodel=medium -mlarge-data-threshold=0', ['64']],
] as const;

interface Linked {
  readonly object: EditedObject;
  readonly layout: Layout;
  readonly image: LinkedImage;
  bytesAt(address: number, lengthBytes: number): Uint8Array;
}

/** Links a function of the edited object into a made-up area near the program. */
function linkNear(
  program: EditedProgram,
  object: EditedObject,
  roots: string[],
  distance = -0x2000000,
): Linked {
  const { range } = program.module;
  const layout = layOut(
    roots.map((name) => ({ fn: object.fn(name), entry: program.addressOf(name), stub: undefined })),
    [],
    object.edited.unit,
    object.binder,
    x8664,
  );
  // A program at a fixed address has no room below it.
  const base =
    Math.ceil(
      (range.start + distance > 0x100000 ? range.start : range.start - 2 * distance) / 4096,
    ) * 4096;
  const start = base + distance;
  const starts: Record<Part, Addr> = {
    data: addr(start),
    readonly: addr(start + 0x100000),
    code: addr(start + 0x200000),
  };
  const image = linkAt(layout, starts, x8664);
  return {
    object,
    layout,
    image,
    bytesAt(address, lengthBytes) {
      const part = image.parts.find(
        (each) => address >= each.start && address < each.start + each.bytes.length,
      );
      if (part === undefined) throw new Error(`nothing is linked at 0x${address.toString(16)}`);
      return part.bytes.slice(address - part.start, address - part.start + lengthBytes);
    },
  };
}

const int32 = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getInt32(at, true);
const uint64 = (bytes: Uint8Array, at = 0): bigint =>
  new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true);

/** Where a name that the object does not define is, without asking hcr. */
function foreignAddress(program: EditedProgram, name: string): Addr | undefined {
  return program.addressesOf(name)[0] ?? program.libraryAddress(/^libc\.so/, name);
}

/** Compares each section that hcr linked with what ld makes of it, at the same addresses. */
function expectAsLd(program: EditedProgram, linked: Linked, roots: string[]): void {
  const { object, layout, image } = linked;
  const file = object.edited.unit.object;
  const sectionOf = (name: string) => file.sections.find((section) => section.name === name);
  for (const { section } of layout.sections.values()) {
    const at = image.addressInSection(section, 0);
    const size = section.sizeBytes;
    if (at === undefined || size === 0) continue;
    const isTable = !isCode(section) && objectsIn(file, section).length === 0;
    // A table's labels and the way back of a cold part follow the new body; all else means entries.
    const meansLabels = isTable || section.name.startsWith('.text.unlikely.');
    const sections = new Map<string, number>();
    for (const other of file.sections) {
      const placed = image.addressInSection(other, 0);
      const [symbol] = file.symbolsIn(other);
      const isRoot = roots.some((name) => object.fn(name).section === other);
      const live = symbol === undefined ? undefined : program.addressesOf(symbol.name)[0];
      if (other === section && placed !== undefined) sections.set(other.name, placed);
      else if (isRoot && !meansLabels && live !== undefined) sections.set(other.name, live);
      else if (placed !== undefined) sections.set(other.name, placed);
      else if (live !== undefined && symbol !== undefined)
        sections.set(other.name, live - symbol.value);
    }
    const symbols = new Map<string, number>();
    for (const name of roots) symbols.set(name, program.addressOf(name));
    for (const symbol of file.symbols) {
      if (
        symbol.home !== 'undefined' ||
        symbol.name === '' ||
        symbol.name === '_GLOBAL_OFFSET_TABLE_'
      )
        continue;
      const real = foreignAddress(program, symbol.name);
      const isNear = real === undefined || Math.abs(real - at) < 2 ** 31 - 2 ** 24;
      const stub = [...layout.stubs.values()].find(
        ({ binding }) => binding.kind === 'live' && binding.address === real,
      );
      const start = image.parts.find(({ part }) => part === 'code')?.start ?? 0;
      symbols.set(symbol.name, isNear || stub === undefined ? (real ?? 0) : start + stub.offset);
      if (!isNear && stub !== undefined) {
        // jmp *0(%rip), and the address.
        const code = linked.bytesAt(start + stub.offset, 14);
        expect([...code.subarray(0, 6)]).toEqual([0xff, 0x25, 0, 0, 0, 0]);
        expect(uint64(code, 6)).toBe(BigInt(real));
      }
    }
    const got = Math.ceil((at + 0x4000000) / 4096) * 4096;
    const ld = linkWithLd(shop, {
      object: file,
      path: object.path,
      section: section.name,
      sections,
      symbols,
      got,
    });
    const ours = linked.bytesAt(at, size);
    const readonly = image.parts.find(({ part }) => part === 'readonly')?.start ?? 0;
    const gotBase = layout.gotBase && readonly + layout.gotBase.offset;
    for (const { relocation, rule, symbol } of layout.references.filter(
      (each) => each.section === section,
    )) {
      const { offset: field, type, addend: A } = relocation;
      const { needs, fromGotBase, widthBytes } = rule;
      const read = (bytes: Uint8Array, base: number | undefined): number =>
        x8664.relocations.read(type, bytes, field, { A, P: at + field }) +
        (fromGotBase ? (base ?? NaN) : 0);
      const [ourS, ldS] = [read(ours, gotBase), read(ld.bytes, ld.gotBase)];
      const name = symbol.name || (sectionOf(symbol.name)?.name ?? '');
      const foreign = symbol.home === 'undefined' ? foreignAddress(program, name) : undefined;
      if (needs === 'got') {
        const expected = foreign === undefined ? ld.slotAt(ldS) : BigInt(foreign);
        expect([name, uint64(linked.bytesAt(ourS, 8))]).toEqual([name, expected]);
      } else if (needs === 'got-base') {
        expect([ourS, ldS]).toEqual([gotBase, ld.gotBase]);
      } else if (widthBytes === 8) {
        // 64 bits reach what ld was given a stub for. A local alias means the function's entry.
        const [, aliased = name] = /^(.*)\.localalias$/.exec(name) ?? [];
        const entry = aliased === name ? undefined : program.addressOf(aliased);
        const expected = program.ownPltEntry(name) ?? foreign ?? entry ?? ldS;
        expect([name, ourS]).toEqual([name, expected]);
      } else continue;
      ours.set(ld.bytes.subarray(field, field + widthBytes), field);
    }
    // A call of itself that the assembler resolved: ld leaves it in the new body, hcr has it go
    // through the entry.
    for (let field = 1; field + 4 <= size; field++) {
      if (ld.bytes[field - 1] !== 0xe8 || field + 4 + int32(ld.bytes, field) !== 0) continue;
      const [name = ''] = roots.filter((root) => object.fn(root).section === section);
      expect(at + field + 4 + int32(ours, field)).toBe(program.addressOf(name));
      ours.set(ld.bytes.subarray(field, field + 4), field);
    }
    const differing = [...ours.keys()].filter((i) => ours[i] !== ld.bytes[i]);
    const where = layout.references.filter(
      ({ section: home, relocation: { offset } }) =>
        home === section && differing.some((i) => i >= offset && i < offset + 8),
    );
    const described = where.map(
      ({ rule, symbol, relocation }) => `${rule.name} ${symbol.name} at ${relocation.offset}`,
    );
    expect({ section: section.name, differing, described }).toEqual({
      section: section.name,
      differing: [],
      described: [],
    });
  }
}

describe('an edited function, linked into a live program', () => {
  it.each(MATRIX)('is what ld makes of it at the same addresses: %s %s', async (level, pic) => {
    const flags = [level, '-g', ...PIC[pic].slice(0, 1)];
    await using program = await EditedProgram.start(
      shop,
      { 'main.c': MAIN, 'unit.c': edit(0) },
      flags,
      PIC[pic].slice(1),
    );
    const object = program.read('unit.c', edit(1), flags, 'target');
    const linked = linkNear(program, object, ['target']);
    expectAsLd(program, linked, ['target']);
    // All writable variables of the unit keep their addresses: none is linked anew.
    expect(linked.layout.sizeBytes.data).toBe(0);
    const names = [...linked.layout.sections.keys()].map(({ name }) => name);
    expect(names.filter((name) => /public_table|weights/.test(name))).toEqual([]);
    expect(names).toContain('.text.target');
    expect(names).not.toContain('.text.helper');
    expect(names).not.toContain('.text.other');
  });

  it.each(CODE_MODELS)('is so too in other code models: %s', async (flags, names) => {
    const [level = '', ...model] = flags.split(' ');
    const all = [level, '-g', ...model];
    await using program = await EditedProgram.start(
      shop,
      { 'main.c': MAIN, 'unit.c': edit(0) },
      all,
      [flags.includes('-fno-pie') ? '-no-pie' : '-pie'],
    );
    const object = program.read('unit.c', edit(1), all, 'target');
    const linked = linkNear(program, object, ['target']);
    const used = new Set(linked.layout.references.map(({ rule }) => rule.name.slice(9)));
    expect([...used]).toEqual(expect.arrayContaining([...names]));
    expectAsLd(program, linked, ['target']);
    expect(linked.layout.sizeBytes.data).toBe(0);
  });

  it.each(['-O0', '-O2'])(
    'is so too when every function of its file is replaced: %s',
    async (level) => {
      const flags = [level, '-g', '-fPIE'];
      await using program = await EditedProgram.start(
        shop,
        { 'main.c': MAIN, 'unit.c': edit(0) },
        flags,
      );
      const object = program.read('unit.c', edit(1), flags, 'target');
      const roots = ['target', 'other', 'helper', 'use'];
      expectAsLd(program, linkNear(program, object, roots), roots);
    },
  );

  it('is so too above the program, and at the edge of what a call reaches', async () => {
    const flags = ['-O2', '-g', '-fPIE'];
    await using program = await EditedProgram.start(
      shop,
      { 'main.c': MAIN, 'unit.c': edit(0) },
      flags,
    );
    const object = program.read('unit.c', edit(1), flags, 'target');
    for (const distance of [0x2000000, -0x70000000, 0x70000000]) {
      expectAsLd(program, linkNear(program, object, ['target'], distance), ['target']);
    }
  });

  it('out of reach of the program’s data is refused as out-of-reach, naming what', async () => {
    const flags = ['-O2', '-g', '-fPIE'];
    await using program = await EditedProgram.start(
      shop,
      { 'main.c': MAIN, 'unit.c': edit(0) },
      flags,
    );
    const object = program.read('unit.c', edit(1), flags, 'target');
    let refusal: unknown;
    try {
      linkNear(program, object, ['target'], -0x100000000);
    } catch (error) {
      refusal = error;
    }
    expect(isHcrError(refusal, 'out-of-reach')).toBe(true);
    expect(String(refusal)).toMatch(/R_X86_64_PC32/);
  });
});

// An immediate behind the displacement moves the addend: whoever guesses the variable from it is off.
const IMMEDIATES = `
static struct { char c; short s; int i; long l; } first = {1, 2, 3, 4}, second = {5, 6, 7, 8};
static int third[4] = {9, 9, 9, 9};
__attribute__((noinline)) int target(int x) {
  first.c = 0x11; first.s = 0x2222; first.i = 0x33333333; first.l = -0x44444444L;
  second.c = 0x11; second.s = 0x2222; second.i = 0x33333333; second.l = -0x44444444L;
  third[0] = 7; third[1] = 8; third[2] = 0x77777777; third[3] = 1;
  if (first.c == 3) x++;
  if (second.s == 1234) x++;
  if (third[3] == 0x12345678) x++;
  third[2] += 1000;
  third[1] &= 0x7fffffff;
  return x + EDIT;
}
int uses(void) { return first.c + second.s + third[target(1)]; }
void use(void) { uses(); }
`;

describe('a variable named through its section', () => {
  it.each(['-O0', '-O1', '-O2', '-Os'])(
    'is the right one whatever immediate follows the displacement: %s',
    async (level) => {
      const flags = [level, '-g', '-fPIE'];
      const text = (n: number): string => IMMEDIATES.replace('EDIT', String(n));
      await using program = await EditedProgram.start(
        shop,
        { 'main.c': MAIN, 'unit.c': text(0) },
        flags,
      );
      const object = program.read('unit.c', text(1), flags, 'target');
      const linked = linkNear(program, object, ['target']);
      expectAsLd(program, linked, ['target']);
      // And by objdump: every address that the code refers to lies in one of the variables.
      const code = object.fn('target');
      const at = linked.image.addressOf(code) ?? addr(0);
      shop.write('body.bin', linked.bytesAt(at, code.sizeBytes));
      const listed = shop.run(
        'objdump',
        '-D',
        '-b',
        'binary',
        '-m',
        'i386:x86-64',
        `--adjust-vma=${at}`,
        'body.bin',
      );
      const referred = [...listed.matchAll(/# 0x([0-9a-f]+)/g)].map(([, found]) =>
        Number(`0x${found ?? ''}`),
      );
      expect(referred.length).toBeGreaterThan(5);
      const homes = [
        [program.addressOf('first'), 16],
        [program.addressOf('second'), 16],
        [program.addressOf('third'), 16],
      ] as const;
      for (const address of referred) {
        const isConstant = linked.image.parts.some(
          ({ part, start, bytes }) =>
            part === 'readonly' && address >= start && address < start + bytes.length,
        );
        expect(
          isConstant || homes.some(([start, size]) => address >= start && address < start + size),
        ).toBe(true);
      }
    },
  );
});

describe('a recursive static function', () => {
  it('calls itself, and hands out its address, through its entry', async () => {
    const text = (n: number): string => `
      int (*volatile kept)(int);
      static __attribute__((noinline, noclone)) int target(int x) { kept = target; return x <= 0 ? ${n} : target(x - 1) * kept(x - 2); }
      int uses(int x) { return target(x); }
      void use(void) { uses(3); }`;
    for (const level of ['-O0', '-O2']) {
      const flags = [level, '-g', '-fPIE'];
      await using program = await EditedProgram.start(
        shop,
        { 'main.c': MAIN, 'unit.c': text(0) },
        flags,
      );
      const object = program.read('unit.c', text(1), flags, 'uses');
      const linked = linkNear(program, object, ['target']);
      const fn = object.fn('target');
      const at = linked.image.addressOf(fn) ?? addr(0);
      shop.write('body.bin', linked.bytesAt(at, fn.sizeBytes));
      const listed = shop.run(
        'objdump',
        '-D',
        '-b',
        'binary',
        '-m',
        'i386:x86-64',
        `--adjust-vma=${at}`,
        'body.bin',
      );
      const entry = program.addressOf('target').toString(16);
      expect(listed).toMatch(new RegExp(`lea .*# 0x${entry}`));
      expect(listed).not.toMatch(new RegExp(`call\\s+0x${at.toString(16)}$`, 'm'));
      expect(listed).toMatch(new RegExp(`call\\s+0x${entry}`));
    }
  });
});

describe('thread-local variables of the executable', () => {
  const TLS = (n: number): string => `
    static __thread int own = 5;
    static __thread long zeroed[20];
    __thread int open = 6;
    extern __thread int elsewhere;
    __attribute__((noinline)) int target(int x) { own += x; zeroed[3] = x; open++; elsewhere = own; return own + ${n}; }
    void use(void) { target(1); }`;
  const OTHER = '__thread char shift[3]; __thread int elsewhere = 9;';

  it.each(['-fno-pie', '-fPIE'])(
    'are at the offsets that ld gave them in the program: %s',
    async (pic) => {
      const flags = ['-O1', '-g', pic];
      const link = [pic === '-fPIE' ? '-pie' : '-no-pie'];
      await using program = await EditedProgram.start(
        shop,
        { 'main.c': MAIN, 'unit.c': TLS(0), 'other.c': OTHER },
        flags,
        link,
      );
      const object = program.read('unit.c', TLS(1), flags, 'target');
      const linked = linkNear(program, object, ['target']);
      const fn = object.fn('target');
      const at = linked.image.addressOf(fn) ?? addr(0);
      const offsets = (code: Uint8Array, name: string): string[] => {
        shop.write(name, code);
        const listed = shop.run(
          'objdump',
          '-D',
          '-b',
          'binary',
          '-m',
          'i386:x86-64',
          `--adjust-vma=${at}`,
          name,
        );
        return [...listed.matchAll(/%fs:(0x[0-9a-f]+)/g)].map(([, offset = '']) => offset);
      };
      const live = program.image.target.memory.read(program.addressOf('target'), fn.sizeBytes);
      const ours = offsets(linked.bytesAt(at, fn.sizeBytes), 'ours.bin');
      const theirs = offsets(live, 'live.bin');
      // `elsewhere` is read through a slot here and was relaxed to an immediate by ld.
      expect(ours.length).toBeGreaterThanOrEqual(3);
      expect(theirs.filter((offset) => ours.includes(offset))).toEqual(ours);
      for (const { binding, offset } of linked.layout.slots.values()) {
        if (binding.kind !== 'thread-local') continue;
        const start = linked.image.parts.find(({ part }) => part === 'readonly')?.start ?? addr(0);
        const slot = uint64(linked.bytesAt(offsetBy(start, offset), 8));
        const code = Buffer.from(live).toString('hex');
        const field = Buffer.alloc(4);
        field.writeInt32LE(Number(BigInt.asIntN(64, slot)));
        expect(code).toContain(field.toString('hex'));
      }
    },
  );
});

describe('a libc function that the program never imported', () => {
  it('is reached by a stub where it is too far for a call', async () => {
    const text = (body: string): string => `
      #include <stdio.h>
      #include <string.h>
      #include <stdlib.h>
      __attribute__((noinline)) int target(int x) { ${body} return x; }
      void use(void) { target(1); }`;
    const flags = ['-O1', '-g', '-fPIC'];
    await using program = await EditedProgram.start(
      shop,
      { 'main.c': MAIN, 'unit.c': text('') },
      flags,
    );
    const object = program.read(
      'unit.c',
      text('x += rand(); fputs("x", stderr);'),
      flags,
      'target',
    );
    expectAsLd(program, linkNear(program, object, ['target']), ['target']);
  });

  it('leaves a far variable that the code takes for near to be compiled otherwise: out-of-reach', async () => {
    const text = (body: string): string => `
      #include <stdio.h>
      __attribute__((noinline)) int target(int x) { ${body} return x; }
      void use(void) { target(1); }`;
    const flags = ['-O1', '-g', '-fPIE'];
    await using program = await EditedProgram.start(
      shop,
      { 'main.c': MAIN, 'unit.c': text('') },
      flags,
    );
    const object = program.read('unit.c', text('fputs("x", stderr);'), flags, 'target');
    let refusal: unknown;
    try {
      linkNear(program, object, ['target']);
    } catch (error) {
      refusal = error;
    }
    expect(isHcrError(refusal, 'out-of-reach')).toBe(true);
    expect(isHcrError(refusal) && refusal.hint).toContain('-fPIC');
  });

  it('that is an IFUNC is reached by a stub which calls its resolver, unless it is resolved already', async () => {
    const text = (body: string): string => `
      #include <string.h>
      __attribute__((noinline)) unsigned long target(const char *s) { ${body} }
      void use(void) { target("x"); }`;
    const flags = ['-O1', '-g', '-fPIE', '-fno-builtin'];
    await using program = await EditedProgram.start(
      shop,
      { 'main.c': MAIN, 'unit.c': text('return *s;') },
      flags,
    );
    const object = program.read('unit.c', text('return strspn(s, "ab");'), flags, 'target');
    const linked = linkNear(program, object, ['target']);
    const stub = [...linked.layout.stubs.values()][0];
    expect(stub).toBeDefined();
    const start = linked.image.parts.find(({ part }) => part === 'code')?.start ?? addr(0);
    const resolver = program.libraryAddress(/^libc\.so/, 'strspn') ?? 0;
    if (stub?.binding.kind === 'ifunc') {
      expect(stub.binding.symbol.address).toBe(resolver);
      const code = linked.bytesAt(start + stub.offset, x8664.jumps.ifuncStubBytes);
      const address = Buffer.alloc(8);
      address.writeBigUInt64LE(BigInt(resolver));
      expect(Buffer.from(code).includes(address)).toBe(true);
      expect(linked.layout.sizeBytes.data).toBe(8);
    } else {
      expect(stub?.binding.kind).toBe('live');
      expect((stub?.binding.kind === 'live' && stub.binding.address) || 0).not.toBe(resolver);
    }
  });
});

describe('a weak symbol that nothing defines', () => {
  const WEAK = (n: number): string => `
    extern int maybe(int) __attribute__((weak));
    extern int perhaps __attribute__((weak));
    __attribute__((noinline)) int target(int x) {
      if (maybe) x += maybe(x);
      if (&perhaps) x += perhaps;
      return x + ${n};
    }
    void use(void) { target(1); }`;

  it.each(Object.keys(PIC) as (keyof typeof PIC)[])(
    'is 0, and a call that its test guards is no reason to refuse: %s',
    async (pic) => {
      const flags = ['-O1', '-g', PIC[pic][0]];
      await using program = await EditedProgram.start(
        shop,
        { 'main.c': MAIN, 'unit.c': WEAK(0) },
        flags,
        PIC[pic].slice(1),
      );
      const object = program.read('unit.c', WEAK(1), flags, 'target');
      for (const symbol of object.edited.unit.object.symbols) {
        if (!/maybe|perhaps/.test(symbol.name)) continue;
        expect(object.binder.bind(symbol)).toEqual({ kind: 'absent', name: symbol.name });
      }
      const linked = linkNear(program, object, ['target']);
      const readonly = linked.image.parts.find(({ part }) => part === 'readonly');
      for (const { offset } of linked.layout.slots.values()) {
        expect(uint64(readonly?.bytes ?? new Uint8Array(), offset)).toBe(0n);
      }
    },
  );
});
