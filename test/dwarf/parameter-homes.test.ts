import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { isHcrError } from '../../src/core/failure.js';
import { DW_AT, DW_FORM, DW_OP, DW_TAG } from '../../src/dwarf/constants.js';
import type { DebugInfo } from '../../src/dwarf/debug-info.js';
import { openObjectDebugInfo } from '../../src/dwarf/object-debug-info.js';
import {
  accountsForAll,
  type NameAddress,
  parameterHomes,
} from '../../src/dwarf/parameter-homes.js';
import { EM } from '../../src/elf/constants.js';
import { bytesInMemory } from '../../src/elf/file-bytes.js';
import { readObjectFile } from '../../src/elf/object-file.js';
import { debugInfoOf, u32 } from './built-unit.js';
import { dumpedHomes } from './dump-homes.js';
import { expectMalformed } from './malformed.js';
import { nm } from './oracles.js';
import { useSamples } from './samples.js';

const samples = useSamples();

const CLONES_C = `
struct s { int a, b; long c; };
int sink(int x);
#ifndef MEMBER
#define MEMBER b
#endif
#ifndef SEVEN
#define SEVEN 7
#endif
#define KEPT static __attribute__((noinline))
int own, other;
/* .constprop: an unused parameter, a constant one, a floating one, an address. */
KEPT int unused(struct s *p, int a, int n) { return sink(p->b) + p->b * a; }
KEPT int constant(int a, int k, int b) { return sink(a) * k + b * sink(k); }
KEPT int floating(double d, float f, int x) { sink(x * d); return x * d + f; }
KEPT int address(int *p, int x) { *p += sink(x); return *p + sink(*p); }
KEPT int function(int (*f)(int), int x) { return f(x) + sink(f == sink); }
/* .isra: a pointer is replaced by what it points to, a structure by its member. */
KEPT int pointed(struct s *p, int x) { return sink(p->MEMBER) * x; }
KEPT int whole(struct s p, int x) { return sink(p.MEMBER) * x; }
KEPT int result(int x) { sink(x); return x + 1; }
/* Overwritten before their first instructions. */
__attribute__((noinline)) int overwritten(int a, int b) { a = 7; sink(a); return a + b; }
__attribute__((noinline)) int moved(int a, int b) { a = b; return sink(a) + a + b; }
int many(struct s x, double y, int i, int j, int k, int l, int m, int n) {
  return x.a + y + sink(n) + i + j + k + l + m;
}
int use(struct s *p, int n) {
  result(n); result(n + 1);
  return unused(p, n, 3) + unused(p, n + 1, 4) + constant(n, SEVEN, n + 2)
    + constant(n + 1, SEVEN, n) + floating(0.0, 1.5f, n) + floating(0.0, 1.5f, n + 1)
    + address(&own, n) + address(&own, n + 1) + function(sink, n) + function(sink, n + 1)
    + pointed(p, n) + pointed(p + 1, n + 1) + whole(*p, n) + whole(*p, n + 1);
}
`;

const MAIN_C = `
__attribute__((noipa)) int sink(int x) { return x; }
int main(void) { struct s s[2] = {}; return use(s, 3) + overwritten(1, 2) + moved(1, 2)
  + many(*s, 1, 2, 3, 4, 5, 6, 7); }
`;

let built = 0;

/** An executable, or with `-c` an object. */
function build(...options: readonly string[]): string {
  built += 1;
  const source = options.includes('-c') ? CLONES_C : CLONES_C + MAIN_C;
  const always = ['gcc', '-O2', '-g', '-fno-inline'];
  return samples.build(`clones${built}.c`, source, ...always, ...options);
}

/** By the name and the entry of each function in one piece. */
function homesIn(info: DebugInfo, nameAddress?: NameAddress): Map<string, readonly string[]> {
  const homes = new Map<string, readonly string[]>();
  for (const unit of info.units()) {
    for (const entry of unit.functions()) {
      const found = parameterHomes(entry, nameAddress);
      if (found !== undefined && entry.die().has(DW_AT.low_pc))
        homes.set(`${entry.name} ${entry.entry}`, found);
    }
  }
  return homes;
}

/** Of an object's functions, all in one section, by name. */
function homesByName(path: string, nameAddress?: NameAddress): Map<string, readonly string[]> {
  const homes = homesIn(samples.openObject(path), nameAddress);
  return new Map(Array.from(homes, ([key, found]) => [key.split(' ')[0] ?? '', found]));
}

/** The number after it is never the same. */
const withoutNumbers = (homes: readonly string[]): readonly string[] =>
  homes.map((home) => home.replace(/incomparable \d+/, 'incomparable'));

test('gcc makes the clones that the tests are about', () => {
  const names = nm(build('-c')).map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining([
      'unused.constprop.0',
      'constant.constprop.0',
      'floating.constprop.0',
      'address.constprop.0',
      'function.constprop.0',
      'pointed.isra.0',
      'whole.isra.0',
      'result.isra.0',
    ]),
  );
});

describe('agrees with readelf', () => {
  test.each([
    ['version 5', ['-gdwarf-5']],
    ['version 4', ['-gdwarf-4']],
    ['version 3', ['-gdwarf-3', '-gstrict-dwarf']],
    ['the 64-bit format', ['-gdwarf-5', '-gdwarf64']],
    ['version 4 in the 64-bit format', ['-gdwarf-4', '-gdwarf64']],
    ['version 5 without views', ['-gdwarf-5', '-gno-variable-location-views']],
    ['version 5 in a section for each function', ['-gdwarf-5', '-ffunction-sections']],
    ['version 4 in a section for each function', ['-gdwarf-4', '-ffunction-sections']],
    ['version 5 of a program at a fixed place', ['-gdwarf-5', '-no-pie', '-fno-pie']],
    ['version 5 without optimisation', ['-gdwarf-5', '-O0']],
    ['version 5 optimised at link time', ['-gdwarf-5', '-flto']],
  ])('in %s', (_, options) => {
    const path = build(...options);
    const dumped = dumpedHomes(path);
    expect(dumped.size).toBeGreaterThan(10);
    const homes = homesIn(samples.open(path));
    expect(new Map(Array.from(homes, ([key, found]) => [key, withoutNumbers(found)]))).toEqual(
      dumped,
    );
  });

  test.each([['-gdwarf-5'], ['-gdwarf-4'], ['-gdwarf-5', '-gz']])(
    'in an object of %s',
    (...options) => {
      const path = build('-c', ...options);
      const dumped = new Map(
        Array.from(dumpedHomes(path), ([key, found]) => [key.split(' ')[0] ?? '', found]),
      );
      expect(dumped.size).toBeGreaterThan(10);
      const homes = homesByName(path);
      expect(new Map(Array.from(homes, ([key, found]) => [key, withoutNumbers(found)]))).toEqual(
        dumped,
      );
    },
  );

  test.each(['o2', 'os', 'dwarf4', 'sections', 'lto', 'classes', 'classesDwarf4'] as const)(
    'for all functions of %s',
    (name) => {
      const path = samples.path(name);
      const dumped = [...dumpedHomes(path).values()].map((homes) => homes.join()).toSorted();
      const homes = [...homesIn(samples.debugInfo(name)).values()];
      expect(homes.map((found) => withoutNumbers(found).join()).toSorted()).toEqual(dumped);
    },
  );
});

describe('clones', () => {
  test('say where the parameters are that they kept, and what the others are', () => {
    const homes = homesByName(build('-c'));
    expect(homes.get('unused')).toEqual(['55', '54', 'fa{parameter 2}9f']);
    expect(homes.get('constant')).toEqual(['55', 'const:7', '54']);
    expect(homes.get('floating')).toEqual(['const:0x0000000000000000', 'const:0x0000c03f', '55']);
    // The member is in rdi, which the debug information doesn't say.
    expect(homes.get('pointed')).toEqual(['fa{parameter 0}9f', '54']);
    expect(homes.get('function')).toEqual(['nowhere', '55']);
  });

  test('are the same whatever sections they are in', () => {
    const together = homesByName(build('-c'), () => 'own');
    for (const options of [
      ['-ffunction-sections', '-fdata-sections'],
      ['-gdwarf-4'],
      ['-fPIC'],
      ['-gdwarf-4', '-ffunction-sections', '-fdata-sections'],
    ]) {
      const apart = homesByName(build('-c', ...options), () => 'own');
      expect(apart.get('unused')).toEqual(together.get('unused'));
      expect(apart).toEqual(together);
    }
  });

  test('are the same in the program and in the object', () => {
    const program = homesIn(samples.open(build()), () => 'own');
    const object = homesByName(build('-c'), () => 'own');
    for (const [key, found] of program) {
      const name = key.split(' ')[0] ?? '';
      // Of a function in another file the object can say nothing.
      if (name !== 'function' && object.has(name))
        expect([name, found]).toEqual([name, object.get(name)]);
    }
  });

  test('differ when another constant is passed', () => {
    const seven = homesByName(build('-c')).get('constant');
    const eight = homesByName(build('-c', '-DSEVEN=8')).get('constant');
    expect([seven?.[1], eight?.[1]]).toEqual(['const:7', 'const:8']);
  });

  test('differ when what was a constant is passed', () => {
    const homes = homesByName(build('-c', '-DSEVEN=n'));
    expect(homes.get('constant')).toEqual(['55', '54', '51']);
  });

  test('that left something out do not account for all parameters', () => {
    const a = homesByName(build('-c', '-DMEMBER=a'));
    const b = homesByName(build('-c', '-DMEMBER=b'));
    // Called in two ways, and no word of it: one is passed p->a, the other p->b.
    expect(a.get('pointed')).toEqual(b.get('pointed'));
    for (const name of ['pointed', 'whole', 'unused', 'function', 'address']) {
      expect([name, accountsForAll(b.get(name) ?? [])]).toEqual([name, false]);
    }
    for (const name of ['constant', 'floating', 'many', 'use', 'overwritten']) {
      expect([name, accountsForAll(b.get(name) ?? [])]).toEqual([name, true]);
    }
  });
});

describe('addresses', () => {
  test('without a name are unequal to themselves', () => {
    const path = build('-c');
    const homes = () => homesByName(path).get('address') ?? [];
    expect(homes()).toHaveLength(2);
    expect(homes()[0]).toMatch(/^incomparable/);
    expect(homes()[0]).not.toBe(homes()[0]);
    expect(homes()[1]).toBe('55');
  });

  test('count by their names', () => {
    const path = build();
    const own = nm(path).find(({ name }) => name === 'own');
    const homes = homesIn(samples.open(path), (address) => `at ${address}`);
    const found = [...homes].find(([key]) => key.startsWith('address '))?.[1];
    expect(found).toEqual([`03{at ${own?.value}}9f`, '55']);
  });
});

test('a parameter overwritten at once is where it is before that', () => {
  const homes = homesByName(build('-c'));
  expect(homes.get('overwritten')).toEqual(['55', '54']);
  expect(homes.get('moved')).toEqual(['55', '54']);
});

test('a function without code has none', () => {
  const functions = [...samples.openObject(build('-c')).units()].flatMap((u) => u.functions());
  const declared = functions.find(({ name }) => name === 'sink');
  expect(declared?.isDeclaration).toBe(true);
  expect(declared && parameterHomes(declared)).toBeUndefined();
});

describe('built by hand', () => {
  /** An abstract function with two parameters, and a body. */
  const open = (bodyParameters: readonly number[], extraAbbrevs: readonly number[] = []) =>
    debugInfoOf({
      version: 5,
      abbrevs: [
        ...[1, DW_TAG.compile_unit, 1, 0, 0],
        ...[2, DW_TAG.subprogram, 1, DW_AT.inline, DW_FORM.data1, 0, 0],
        ...[3, DW_TAG.formal_parameter, 0, 0, 0],
        ...[4, DW_TAG.base_type, 0, DW_AT.encoding, DW_FORM.data1, DW_AT.byte_size, DW_FORM.data1],
        ...[0, 0],
        ...[5, DW_TAG.subprogram, 1, DW_AT.abstract_origin, DW_FORM.ref4],
        ...[DW_AT.low_pc, DW_FORM.addr, DW_AT.high_pc, DW_FORM.data1, 0, 0],
        ...[6, DW_TAG.formal_parameter, 0, DW_AT.abstract_origin, DW_FORM.ref4],
        ...[DW_AT.location, DW_FORM.exprloc, 0, 0],
        ...[7, DW_TAG.formal_parameter, 0, DW_AT.location, DW_FORM.exprloc, 0, 0],
        ...extraAbbrevs,
      ],
      // Offsets from the unit's start: 12 unit, 13 function, 15 and 16 parameters, 18 type.
      entries: [
        ...[1, 2, 1, 3, 3, 0, 4, 5, 4],
        ...[5, ...u32(13), ...u32(0x1000), ...u32(0), 0x10, ...bodyParameters, 0, 0],
      ],
    });
  const homes = (bodyParameters: readonly number[]) => {
    const [unit] = open(bodyParameters).units();
    const entry = unit?.functions().find((candidate) => candidate.entry !== undefined);
    return entry && parameterHomes(entry);
  };
  const second = (expression: readonly number[]) =>
    homes([6, ...u32(16), expression.length, ...expression])?.[1];

  test('parameters are in the order of their declaration', () => {
    expect(homes([6, ...u32(16), 1, 0x54, 6, ...u32(15), 1, 0x55])).toEqual(['55', '54']);
  });

  test('one that the body leaves out is absent', () => {
    expect(homes([6, ...u32(16), 1, 0x55])).toEqual(['absent', '55']);
    expect(homes([])).toEqual(['absent', 'absent']);
    expect(accountsForAll(homes([6, ...u32(16), 1, 0x55]) ?? [])).toBe(false);
  });

  test('one that only the body has, or has twice, comes last', () => {
    const twice = [6, ...u32(15), 1, 0x55, 7, 1, 0x51, 6, ...u32(15), 1, 0x54];
    expect(homes(twice)).toEqual(['55', 'absent', '+51', '+54']);
  });

  test('an empty expression is nowhere', () => {
    expect(second([])).toBe('nowhere');
  });

  test('types are told apart by what they are', () => {
    expect(second([DW_OP.regval_type, 17, 18])).toBe('a511{5:4}');
    expect(second([DW_OP.const_type, 18, 2, 1, 2, DW_OP.convert, 0])).toBe('a4{5:4}0102a8{}');
    expect(second([DW_OP.deref_type, 4, 13])).toMatch(/^incomparable/);
  });

  test('parameters are told apart by their number', () => {
    expect(second([DW_OP.GNU_parameter_ref, ...u32(15)])).toBe('fa{parameter 0}');
    expect(second([DW_OP.GNU_parameter_ref, ...u32(18)])).toMatch(/^incomparable/);
  });

  test('a value as wide as an address may be one', () => {
    const wide = [...u32(0x4010), ...u32(0)];
    expect(second([DW_OP.implicit_value, 8, ...wide])).toMatch(/^incomparable/);
    expect(second([DW_OP.implicit_value, 4, ...u32(0x4010)])).toBe('9e[10400000]');
    const half = [0, 0, 0, 0, 0, 0, 0xe0, 0x3f];
    expect(second([DW_OP.implicit_value, 8, ...half])).toBe('9e[000000000000e03f]');
  });

  test('frame offsets without a frame base, thread-locals and the unknown are incomparable', () => {
    for (const expression of [
      [DW_OP.fbreg, 0],
      [DW_OP.const4u, ...u32(0), DW_OP.form_tls_address],
      [0xf1, 0],
      [0xff],
    ]) {
      expect(second(expression)).toMatch(/^incomparable/);
    }
  });

  test('an expression cut short is damage', () => {
    expectMalformed(() => second([DW_OP.const4u, 1]));
    expectMalformed(() => second([DW_OP.entry_value, 5, 0x55]));
    expectMalformed(() => second([DW_OP.GNU_parameter_ref, ...u32(17)]));
  });

  test('expressions within expressions end', () => {
    let expression: number[] = [0x55];
    for (let depth = 0; depth < 30; depth++) {
      expression = [DW_OP.entry_value, expression.length, ...expression];
    }
    expect(second(expression)).toMatch(/^incomparable/);
    expect(second([DW_OP.entry_value, 1, 0x55, DW_OP.stack_value])).toBe('a3(55)9f');
  });
});

test.each(['-gdwarf-5', '-gdwarf-4'])('survives flipped bytes in an object of %s', (version) => {
  const sound = new Uint8Array(readFileSync(build('-c', version)));
  const { elf } = readObjectFile(bytesInMemory(sound), EM.X86_64, 'sound');
  const sections = elf.sections.filter(({ name }) =>
    /^\.debug_(loc|loclists|info|abbrev)$/.test(name),
  );
  expect(sections).toHaveLength(3);
  const flip = fc.record({
    section: fc.constantFrom(...sections),
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    byte: fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 })),
  });
  fc.assert(
    fc.property(fc.array(flip, { minLength: 1, maxLength: 8 }), (flips) => {
      const bytes = sound.slice();
      for (const { section, at, byte } of flips) {
        bytes[section.offset + Math.floor(at * section.sizeBytes)] = byte;
      }
      const attempt = <T>(read: () => T): T | undefined => {
        try {
          return read();
        } catch (error) {
          if (isHcrError(error, 'malformed-file')) return undefined;
          if (isHcrError(error, 'unsupported-relocation')) return undefined;
          throw error;
        }
      };
      const debug = attempt(() =>
        openObjectDebugInfo(
          readObjectFile(bytesInMemory(bytes), EM.X86_64, 'damaged'),
          x8664.relocations,
        ),
      );
      for (const unit of attempt(() => [...(debug?.info.units() ?? [])]) ?? []) {
        for (const entry of attempt(() => unit.functions()) ?? []) {
          attempt(() => parameterHomes(entry));
        }
      }
    }),
    { numRuns: 100 },
  );
});
