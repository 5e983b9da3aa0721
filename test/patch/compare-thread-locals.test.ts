/** Accesses to thread-local variables that linkers relaxed: unedited code is the code that runs, and
 *  code that means another variable is not. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decoder } from '../../src/arch/decoder.js';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { type EditedObject, EditedProgram, MAIN } from '../link/edited-program.js';

let shop: Workshop;
let decoder: Decoder;
beforeAll(async () => {
  shop = new Workshop();
  decoder = await x8664.loadDecoder();
});
afterAll(() => shop[Symbol.dispose]());

const NOINLINE = '__attribute__((noinline))';
const UNIT = `
static __thread long first = 1, second = 2;
static __thread long table[20];
extern __thread long elsewhere, other;
${NOINLINE} long one(long x) { first += x; return first; }
${NOINLINE} long several(long x) { first += x; second -= x; table[x & 7] = second; return first * second; }
${NOINLINE} long outside(long x) { elsewhere += x; return elsewhere + other; }
${NOINLINE} long *address(void) { return &elsewhere; }
${NOINLINE} long branches(long x) { if (x > 3) return one(x) + second; if (x < -3) first++; return several(x) + table[2]; }
void use(void) { one(1); several(2); outside(3); address(); branches(4); }`;
const ELSEWHERE = '__thread long elsewhere = 4, other = 5;';

interface Build {
  readonly compiler: string;
  readonly flags: string;
  readonly link: string;
  /** What shows in the program that its linker relaxed. */
  readonly relaxed: RegExp;
}

const LOAD_THREAD_POINTER = /mov\s+%fs:0x0,%rax/;
const IMMEDIATE = /\$0xffffffff|-0x[0-9a-f]+\(%r/;
const BUILDS: readonly Build[] = [
  ...['-pie', '-no-pie', '-pie -fuse-ld=lld'].flatMap((link) => [
    { compiler: 'gcc', flags: '-O2 -fPIC', link, relaxed: LOAD_THREAD_POINTER },
    { compiler: 'gcc', flags: '-O0 -fPIC -fno-plt', link, relaxed: LOAD_THREAD_POINTER },
    {
      compiler: 'gcc',
      flags: '-O1 -fPIC -ftls-model=local-dynamic',
      link,
      relaxed: LOAD_THREAD_POINTER,
    },
    { compiler: 'gcc', flags: '-O2 -fPIC -mtls-dialect=gnu2', link, relaxed: /xchg\s+%ax,%ax/ },
    { compiler: 'gcc', flags: '-O2 -fPIE', link, relaxed: IMMEDIATE },
    { compiler: 'clang', flags: '-O2 -fPIC', link, relaxed: LOAD_THREAD_POINTER },
  ]),
  {
    compiler: 'gcc',
    flags: '-O2 -fPIC -mcmodel=large',
    link: '-no-pie',
    relaxed: LOAD_THREAD_POINTER,
  },
];

const differing = (object: EditedObject): string[] =>
  object
    .states()
    .filter(({ comparison }) => !comparison.same)
    .map(({ fn }) => fn.name)
    .sort();

describe('thread-local accesses that the linker relaxed', () => {
  it.each(BUILDS)(
    'are as compiled: $compiler $flags $link',
    async ({ compiler, flags, link, relaxed }) => {
      const all = ['-g', ...flags.split(' ')];
      const sources = { 'main.c': MAIN, 'unit.c': UNIT, 'elsewhere.c': ELSEWHERE };
      await using program = await EditedProgram.start(
        shop,
        sources,
        all,
        link.split(' '),
        compiler,
      );
      expect(shop.run('objdump', '-d', '--no-show-raw-insn', program.program)).toMatch(relaxed);
      const read = (text: string): EditedObject =>
        program.read('unit.c', text, all, 'use', { decoder });
      expect(differing(read(UNIT))).toEqual([]);
      const swapped = UNIT.replace('return elsewhere + other', 'return elsewhere + elsewhere');
      expect(differing(read(swapped))).toEqual(['outside']);
      const another = UNIT.replace(
        '{ first += x; return first; }',
        '{ second += x; return second; }',
      );
      expect(differing(read(another))).toEqual(['one']);
    },
  );
});
