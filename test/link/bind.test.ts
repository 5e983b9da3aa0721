import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Addr } from '../../src/core/address.js';
import { type HcrError, isHcrError } from '../../src/core/failure.js';
import type { Binding } from '../../src/link/bind.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { type EditedObject, EditedProgram, MAIN, type ReadOptions } from './edited-program.js';

let shop: Workshop;
beforeAll(() => {
  shop = new Workshop();
});
afterAll(() => shop[Symbol.dispose]());

/** What a name of the edited object is bound to. */
function bindingOf(object: EditedObject, name: string): Binding {
  const symbol = [...object.edited.unit.object.symbols].find(
    (candidate) => candidate.name === name,
  );
  if (symbol === undefined) throw new Error(`the object has no symbol ${name}`);
  return object.binder.bind(symbol);
}

function addressOf(object: EditedObject, name: string): Addr | undefined {
  const binding = bindingOf(object, name);
  return binding.kind === 'live' ? binding.address : undefined;
}

function refusalOf(action: () => unknown): HcrError | undefined {
  try {
    action();
  } catch (error) {
    if (isHcrError(error)) return error;
    throw error;
  }
  return undefined;
}

async function edit(
  before: string,
  after: string,
  check: (object: EditedObject, program: EditedProgram) => void,
  {
    flags = ['-O1', '-g', '-fPIE'],
    others = {},
    options = {},
    inside = 'use',
  }: {
    readonly flags?: readonly string[];
    readonly others?: Readonly<Record<string, string>>;
    readonly options?: ReadOptions;
    readonly inside?: string;
  } = {},
): Promise<void> {
  await using program = await EditedProgram.start(
    shop,
    { 'main.c': MAIN, 'unit.c': before, ...others },
    flags,
  );
  check(program.read('unit.c', after, flags, inside, options), program);
}

describe('a variable that the program has', () => {
  const UNIT = `
    int open = 1; static int own = 2; int zero; static long quiet[8]; int common_one;
    const int constant = 3; static const char table[4] = {1, 2, 3, 4};
    void use(void) { open++; own++; zero++; quiet[own & 7]++; common_one += constant + table[own & 3]; }`;
  const NAMES = ['open', 'own', 'zero', 'quiet', 'common_one'];

  it.each(['-O0', '-O2', '-Os'])(
    'keeps its address, initialised or not, static or not: %s',
    async (level) => {
      await edit(
        UNIT,
        UNIT.replaceAll('own++', 'own += 2'),
        (object, program) => {
          for (const name of NAMES)
            expect([name, addressOf(object, name)]).toEqual([name, program.addressOf(name)]);
        },
        { flags: [level, '-g', '-fPIE'] },
      );
    },
  );

  it('keeps it too when it was a common symbol', async () => {
    const unit = 'int tentative; void use(void) { tentative++; }';
    await edit(
      unit,
      unit.replace('++', '--'),
      (object, program) => {
        expect(addressOf(object, 'tentative')).toBe(program.addressOf('tentative'));
      },
      { flags: ['-O1', '-g', '-fPIE', '-fcommon'] },
    );
  });

  it('keeps it when its initialiser was edited', async () => {
    await edit(UNIT, UNIT.replace('own = 2', 'own = 99'), (object, program) => {
      expect(addressOf(object, 'own')).toBe(program.addressOf('own'));
    });
  });

  it('is told from one of the same name in another file', async () => {
    const other = `static int own = 50; void other(void) { own++; }`;
    await edit(
      UNIT,
      UNIT,
      (object, program) => {
        const [mine] = program.addressesOf('own').filter((address) => {
          const value = program.image.target.memory.read(address, 4);
          return new DataView(value.buffer).getInt32(0, true) === 2;
        });
        expect(addressOf(object, 'own')).toBe(mine);
      },
      { others: { 'other.c': other } },
    );
  });

  it('is told from one of the same name in another file of the same name', async () => {
    shop.run('mkdir', '-p', 'sub');
    const other = `static int own = 50; static __attribute__((noinline)) void bump(void) { own++; } void other(void) { bump(); }`;
    const unit = `static int own = 2; static __attribute__((noinline)) void bump(void) { own += 3; } void use(void) { bump(); }`;
    const bind = (withoutDebug: boolean): Promise<void> =>
      edit(
        unit,
        unit,
        (object, program) => {
          const [mine] = program.addressesOf('own').filter((address) => {
            const value = program.image.target.memory.read(address, 4);
            return new DataView(value.buffer).getInt32(0, true) === 2;
          });
          expect(addressOf(object, 'own')).toBe(mine);
        },
        {
          others: { 'sub/unit.c': other },
          options: { withoutDebug },
          flags: ['-O1', '-g', '-fPIE'],
          inside: 'use',
        },
      );
    await bind(false);
    // Without debug information nothing tells whose it is.
    await expect(bind(true)).rejects.toThrow('cannot be told apart');
  });
});

describe('a constant', () => {
  const UNIT = `
    struct node { int (*fn)(int); const char *name; };
    int f(int x) { return x + 1; }
    const int open[4] = {1, 2, 3, 4};
    static const char *const words[] = {"one", "two", "three"};
    static const struct node nodes[] = {{f, "f"}, {f, "g"}};
    static const double factors[3] = {1.5, 2.5, 3.5};
    volatile int at;
    void use(void) { at = open[at & 3] + words[at % 3][0] + nodes[at & 1].fn(1) + nodes[1].name[0] + (int)factors[at % 3]; }`;
  const NAMES = ['open', 'words', 'nodes', 'factors'];

  describe.each(['-O0', '-O1', '-O2', '-O3', '-Os'])('%s', (level) => {
    it.each(['-fno-pie', '-fPIE'])(
      'keeps its address while its content is the same: %s',
      async (pic) => {
        await edit(
          UNIT,
          UNIT.replace('at & 3]', 'at & 1]'),
          (object, program) => {
            for (const name of NAMES)
              expect([name, addressOf(object, name)]).toEqual([name, program.addressOf(name)]);
          },
          { flags: [level, '-g', pic, pic === '-fPIE' ? '-pie' : '-no-pie'] },
        );
      },
    );
  });

  it.each([
    ['open', '3, 4}', '3, 5}'],
    ['words', '"two"', '"TWO"'],
    ['nodes', '{f, "g"}', '{f, "h"}'],
    ['factors', '2.5', '2.25'],
  ])('%s is fresh when its content changed, and the others are not', async (changed, from, to) => {
    await edit(UNIT, UNIT.replace(from, to), (object, program) => {
      for (const name of NAMES) {
        const expected = name === changed ? undefined : program.addressOf(name);
        expect([name, addressOf(object, name)]).toEqual([name, expected]);
      }
    });
  });

  it('that only the compiler has a name for is always fresh', async () => {
    const unit = `
      #include <string.h>
      volatile int at; const char *volatile text;
      void use(void) { text = __func__; switch (at) { case 0: at = 17; break; case 1: at = 4; break; case 2: at = 99; break; case 3: at = 1; break; case 4: at = 55; break; default: at = 3; } }`;
    await edit(
      unit,
      unit,
      (object) => {
        for (const symbol of object.edited.unit.object.symbols) {
          if (/^(__func__|CSWTCH)/.test(symbol.name))
            expect(bindingOf(object, symbol.name).kind).toBe('fresh');
        }
      },
      { flags: ['-O2', '-g', '-fPIE'] },
    );
  });
});

describe('static variables of functions', () => {
  const fn = (name: string, first: number): string =>
    `int ${name}(void) { static int n = ${first}; n += 3; return n; }`;
  const use = (...names: string[]): string =>
    `void use(void) { ${names.map((name) => `${name}();`).join(' ')} }`;

  /** The value of each function's own `n`, as the binding finds it. */
  function valuesOf(object: EditedObject, program: EditedProgram): number[] {
    const { object: file } = object.edited.unit;
    return [...file.symbols]
      .filter(({ name }) => /^n(\.\d+)?$/.test(name))
      .map((symbol) => {
        const binding = object.binder.bind(symbol);
        if (binding.kind !== 'live') return -1;
        const value = program.image.target.memory.read(binding.address, 4);
        return new DataView(value.buffer).getInt32(0, true);
      });
  }

  /** What each `n` of the object starts with, from its own data. */
  function initialsOf(object: EditedObject): number[] {
    const { object: file } = object.edited.unit;
    return [...file.symbols]
      .filter(({ name }) => /^n(\.\d+)?$/.test(name))
      .map((symbol) => {
        const section = file.sections[symbol.sectionIndex];
        const bytes = section === undefined ? new Uint8Array(4) : file.bytesOf(section);
        return new DataView(bytes.buffer, bytes.byteOffset).getInt32(symbol.value, true);
      });
  }

  it('follow their functions when these change places and so their numbers', async () => {
    const functions = [fn('a', 10), fn('b', 20), fn('c', 30)];
    const before = [...functions, use('a', 'b', 'c')].join('\n');
    const after = [functions[2], functions[0], functions[1], use('c', 'a', 'b')].join('\n');
    for (const level of ['-O0', '-O1', '-O2', '-Os']) {
      await edit(
        before,
        after,
        (object, program) => {
          expect(initialsOf(object).sort()).toEqual([10, 20, 30]);
          expect(valuesOf(object, program)).toEqual(initialsOf(object));
        },
        { flags: [level, '-g', '-fPIE'] },
      );
    }
  });

  it('follow their functions when one was added between them or removed', async () => {
    const [a, b, c] = [fn('a', 10), fn('b', 20), fn('c', 30)];
    await edit(
      [a, c, use('a', 'c')].join('\n'),
      [a, b, c, use('a', 'b', 'c')].join('\n'),
      (object, program) => {
        expect(valuesOf(object, program)).toEqual(
          initialsOf(object).map((n) => (n === 20 ? -1 : n)),
        );
      },
    );
    await edit(
      [a, b, c, use('a', 'b', 'c')].join('\n'),
      [a, c, use('a', 'c')].join('\n'),
      (object, program) => {
        expect(valuesOf(object, program)).toEqual(initialsOf(object));
      },
    );
  });

  it('of two blocks of one function keep their order', async () => {
    const blocks = (extra: string): string => `
      long two(void) { long sum = 0; ${extra}
        { static int n = 10; n++; sum += n; } { static int n = 20; n++; sum += n; } return sum; }
      ${use('two')}`;
    await edit(blocks(''), blocks('sum++;'), (object, program) => {
      expect(valuesOf(object, program)).toEqual(initialsOf(object));
    });
  });

  it('are found by their order without debug information, while there are as many', async () => {
    const [a, b] = [fn('a', 10), fn('b', 20)];
    const before = [a, b, use('a', 'b')].join('\n');
    await edit(
      before,
      before.replace('n += 3', 'n += 4'),
      (object, program) => {
        expect(valuesOf(object, program)).toEqual(initialsOf(object));
      },
      { options: { withoutDebug: true } },
    );
  });

  it('are refused without debug information when their number changed', async () => {
    const [a, b, c] = [fn('a', 10), fn('b', 20), fn('c', 30)];
    await edit(
      [a, c, use('a', 'c')].join('\n'),
      [a, b, c, use('a', 'b', 'c')].join('\n'),
      (object, program) => {
        const refusal = refusalOf(() => valuesOf(object, program));
        expect(refusal?.code).toBe('function-not-patchable');
        expect(refusal?.hint).toContain('-g');
      },
      { flags: ['-O1', '-fPIE'], options: { withoutDebug: true } },
    );
  });
});

describe('a function', () => {
  it('that the program has is its original entry, static or not', async () => {
    const unit = (n: number): string => `
      static __attribute__((noinline, noclone)) int own(int x) { return x * ${n}; }
      __attribute__((noinline)) int open(int x) { return own(x) - 1; }
      int (*volatile kept)(int);
      void use(void) { kept = own; kept = open; open(3); }`;
    await edit(unit(2), unit(3), (object, program) => {
      expect(addressOf(object, 'own')).toBe(program.addressOf('own'));
      expect(addressOf(object, 'open')).toBe(program.addressOf('open'));
    });
  });

  it('that is new is fresh, and so is a new variable', async () => {
    await edit(
      'void use(void) {}',
      `
      static int fresh_variable = 4; int fresh_open;
      static __attribute__((noinline)) int helper(int x) { return x + fresh_variable++ + fresh_open++; }
      void use(void) { helper(1); }`,
      (object) => {
        for (const name of ['helper', 'fresh_variable', 'fresh_open']) {
          expect(bindingOf(object, name).kind).toBe('fresh');
        }
      },
    );
  });
});

describe('a name that nothing defines', () => {
  it('is unresolved-symbol, with names that are near', async () => {
    await edit(
      'int compute_total(int x) { return x; } void use(void) { compute_total(1); }',
      'int compute_totals(int x); void use(void) { compute_totals(1); }',
      (object) => {
        const refusal = refusalOf(() => bindingOf(object, 'compute_totals'));
        expect(refusal?.code).toBe('unresolved-symbol');
        expect(refusal?.hint).toContain('compute_total');
      },
    );
  });

  it('of libc is found although the program never imported it', async () => {
    await edit(
      'void use(void) {}',
      '#include <stdlib.h>\nvoid use(void) { srandom(1); }',
      (object, program) => {
        expect(addressOf(object, 'srandom')).toBe(program.libraryAddress(/^libc\.so/, 'srandom'));
      },
    );
  });
});

describe('variables that share one section', () => {
  it('are found where the program has them at the same distances, and refused where not', async () => {
    // Without -fdata-sections both are in .data; the assembly keeps them there in any case.
    const unit = (order: readonly string[]): string => `
      ${order.map((name) => `int ${name} __attribute__((section(".data.shared"))) = 5;`).join('\n')}
      void use(void) { one++; two++; three++; }`;
    await edit(unit(['one', 'two', 'three']), unit(['one', 'two', 'three']), (object, program) => {
      for (const name of ['one', 'two', 'three'])
        expect(addressOf(object, name)).toBe(program.addressOf(name));
    });
    await edit(unit(['one', 'two', 'three']), unit(['two', 'one', 'three']), (object) => {
      expect(refusalOf(() => addressOf(object, 'one'))?.code).toBe('function-not-patchable');
    });
  });
});
