import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decoder } from '../../src/arch/decoder.js';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { fingerprintOf } from '../../src/patch/fingerprint.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { type EditedObject, EditedProgram, MAIN } from '../link/edited-program.js';
import { ELSEWHERE, SUBJECT } from './subject.js';

let shop: Workshop;
let decoder: Decoder;
beforeAll(async () => {
  shop = new Workshop();
  decoder = await x8664.loadDecoder();
});
afterAll(() => shop[Symbol.dispose]());

const LEVELS = ['-O0', '-O1', '-O2', '-O3', '-Os'];
const PIC = {
  'no-pie': [['-fno-pie'], ['-no-pie']],
  PIE: [['-fPIE'], ['-pie']],
  'PIC, PIE': [['-fPIC'], ['-pie']],
  'PIC, no-pie': [['-fPIC'], ['-no-pie']],
  'no PLT': [['-fPIE', '-fno-plt'], ['-pie']],
  'no PLT, bound at start, no relaxing': [
    ['-fPIE', '-fno-plt'],
    ['-pie', '-Wl,-z,now,--no-relax'],
  ],
  CET: [
    ['-fPIE', '-fcf-protection'],
    ['-pie', '-Wl,-z,ibtplt'],
  ],
} as const;
type Pic = keyof typeof PIC;
const MATRIX = (Object.keys(PIC) as Pic[]).flatMap((pic) =>
  LEVELS.map((level) => [level, pic] as const),
);

/** Each edit with the functions that it changes. */
const EDITS: readonly (readonly [
  what: string,
  from: string,
  to: string,
  changed: readonly string[],
])[] = [
  ['a number', 'return x + 1;', 'return x + 2;', ['small']],
  ['a string', '"text"', '"Text"', ['strings']],
  ['one string of a table', '"two"', '"TWO"', ['strings']],
  ['a floating constant', '1.25', '1.5', ['floats']],
  ['a case of a switch', 'return counter * 3', 'return counter * 5', ['switches']],
  ['a value of a switch that is a table', 'return 99', 'return 98', ['maps']],
  ['the variable that is written', 'table[2] = x', 'table[7] = x', ['switches']],
  ['another variable of the same type', 'data_elsewhere += open', 'open_data += open', ['foreign']],
  ['the library function that is called', 'strchr(p, 3)', 'strrchr(p, 3)', ['library']],
  [
    'the function that is called',
    'return open_elsewhere(x + 1)',
    'return fibonacci(x + 1)',
    ['foreign'],
  ],
  [
    'the function whose address is taken',
    'table, compare)',
    'table, (int (*)(const void *, const void *))small)',
    ['sorts'],
  ],
  ['which static is called', 'return even(x) + (int)', 'return odd(x) + (int)', ['uses_statics']],
  ['the direction of a comparison', 's > 1000', 's < 1000', ['loops']],
  ['an argument', 'puts(names[x % 3]);', 'puts(names[x % 2]);', ['strings']],
];

const differing = (object: EditedObject): string[] =>
  object
    .states()
    .filter(({ live, comparison }) => live !== undefined && !comparison.same)
    .map(({ fn }) => fn.name)
    .sort();

const start = (
  sources: Readonly<Record<string, string>>,
  level: string,
  pic: Pic,
): Promise<EditedProgram> =>
  EditedProgram.start(
    shop,
    { 'main.c': MAIN, ...sources },
    [level, '-g', ...PIC[pic][0]],
    [...PIC[pic][1], '-lm'],
  );

describe('code that was compiled again, function by function', () => {
  it.each(MATRIX)('is the code that runs, in every function: %s %s', async (level, pic) => {
    const flags = [level, '-g', ...PIC[pic][0]];
    await using program = await start(
      { 'subject.c': SUBJECT, 'elsewhere.c': ELSEWHERE },
      level,
      pic,
    );
    const object = program.read('subject.c', SUBJECT, flags, 'use', { decoder });
    expect(object.states().length).toBeGreaterThan(15);
    expect(differing(object)).toEqual([]);
  });

  // Nothing of libc is copied into it, so the linker gives it an empty hash table.
  it.each(['PIE', 'no-pie'] as const)(
    'is so in a program that exports nothing: %s',
    async (pic) => {
      const main =
        '#include <unistd.h>\nint main(void) { write(1, "ready\\n", 6); for (;;) pause(); }';
      const unit = '#include <stdlib.h>\nint f(const char *s) { return atoi(s) + rand(); }';
      const flags = ['-O1', '-g', '-fno-builtin', ...PIC[pic][0]];
      await using program = await EditedProgram.start(
        shop,
        { 'main.c': main, 'unit.c': unit },
        flags,
        PIC[pic][1],
      );
      expect(differing(program.read('unit.c', unit, flags, 'f', { decoder }))).toEqual([]);
    },
  );

  it.each(LEVELS)('needs no decoder where the bytes already agree: %s', async (level) => {
    const flags = [level, '-g', '-fPIE'];
    await using program = await EditedProgram.start(
      shop,
      { 'main.c': MAIN, 'subject.c': SUBJECT, 'elsewhere.c': ELSEWHERE },
      [...flags, '-ffunction-sections', '-fdata-sections'],
      ['-pie', '-lm'],
    );
    const object = program.read('subject.c', SUBJECT, flags, 'use');
    expect(differing(object)).toEqual([]);
  });
});

describe('an edit', () => {
  it.each([
    ['-O0', 'PIE'],
    ['-O1', 'no-pie'],
    ['-O2', 'PIE'],
    ['-O2', 'no PLT'],
    ['-O3', 'no-pie'],
    ['-Os', 'PIC, PIE'],
  ] as const)('is seen in exactly the functions that it changes: %s %s', async (level, pic) => {
    const flags = [level, '-g', ...PIC[pic][0]];
    await using program = await start(
      { 'subject.c': SUBJECT, 'elsewhere.c': ELSEWHERE },
      level,
      pic,
    );
    for (const [what, from, to, changed] of EDITS) {
      expect(SUBJECT.split(from)).toHaveLength(2);
      const object = program.read('subject.c', SUBJECT.replace(from, to), flags, 'use', {
        decoder,
      });
      const found = differing(object);
      expect([what, found]).toEqual([what, changed]);
    }
  });
});

describe('the fingerprint of a function', () => {
  const fingerprints = ({ edited, binder }: EditedObject): Map<string, string> =>
    new Map(
      edited.unit.functions.map((fn) => [fn.name, fingerprintOf(fn, edited.unit, binder, x8664)]),
    );

  it.each([
    ['-O0', 'PIE'],
    ['-O2', 'no-pie'],
    ['-O2', 'PIE'],
    ['-O3', 'PIC, PIE'],
    ['-Os', 'PIE'],
  ] as const)(
    'is the same for every compilation of it, and another exactly where it was edited: %s %s',
    async (level, pic) => {
      const flags = [level, '-g', ...PIC[pic][0]];
      await using program = await start(
        { 'subject.c': SUBJECT, 'elsewhere.c': ELSEWHERE },
        level,
        pic,
      );
      const read = (text: string) => fingerprints(program.read('subject.c', text, flags, 'use'));
      const first = read(SUBJECT);
      expect(read(SUBJECT)).toEqual(first);
      expect(read(SUBJECT.replaceAll('\nNOINLINE', '\n\n/* moved down */\nNOINLINE'))).toEqual(
        first,
      );
      for (const [what, from, to, changed] of EDITS) {
        const now = read(SUBJECT.replace(from, to));
        const others = [...first]
          .filter(([name, print]) => now.get(name) !== print)
          .map(([name]) => name);
        expect([what, others.sort()]).toEqual([what, changed]);
      }
    },
  );

  it('does not change when another function gets new constants, strings and statics', async () => {
    const flags = ['-O2', '-g', '-fPIE'];
    await using program = await start(
      { 'subject.c': SUBJECT, 'elsewhere.c': ELSEWHERE },
      '-O2',
      'PIE',
    );
    const read = (text: string) => fingerprints(program.read('subject.c', text, flags, 'use'));
    const first = read(SUBJECT);
    const added = `NOINLINE double added(int x) { static int calls; static const char *const names[] = {"aaa", "zzz"}; puts(names[x & 1]); puts("an earlier string"); return ++calls * 7.125; }\nNOINLINE int strings`;
    const second = read(SUBJECT.replace('NOINLINE int strings', added));
    for (const [name, print] of first) expect([name, second.get(name)]).toEqual([name, print]);
  });
});
