/** What compilers made of real programs that nobody had edited, and that was once taken for changed:
 *  each case is reduced from one of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decoder } from '../../src/arch/decoder.js';
import { x8664 } from '../../src/arch/x86-64/machine.js';
import { fingerprintOf } from '../../src/patch/fingerprint.js';
import { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { type EditedObject, EditedProgram, MAIN } from '../link/edited-program.js';

let shop: Workshop;
let decoder: Decoder;
beforeAll(async () => {
  shop = new Workshop();
  decoder = await x8664.loadDecoder();
});
afterAll(() => shop[Symbol.dispose]());

const differing = (object: EditedObject): string[] =>
  object
    .states()
    .filter(({ live, comparison }) => live !== undefined && !comparison.same)
    .map(({ fn }) => fn.name)
    .sort();

interface Idiom {
  readonly name: string;
  readonly source: string;
  /** Linked before it. */
  readonly elsewhere?: string;
  /** What shows in the object that the compiler made it so. */
  readonly shownBy: readonly [program: string, flags: string, output: RegExp];
  /** An edit, and the function that it changes. */
  readonly edit: readonly [from: string, to: string, changed: string];
}

const IDIOMS: readonly Idiom[] = [
  {
    name: 'a cold part jumps back behind a branch that is shorter in the program',
    source: `
#include <string.h>
typedef unsigned char *text;
static inline unsigned long length(text s) {
  switch (s[-1] & 7) {
  case 0: return s[-1] >> 3;
  case 1: return s[-3];
  case 2: return *(unsigned short *)(s - 5);
  case 3: return *(unsigned *)(s - 9);
  case 4: return *(unsigned long *)(s - 17);
  }
  return 0;
}
static __attribute__((noinline)) int before(int x) { return x * 3; }
int compare(text a, text b) {
  if (a == 0) return before(1);
  unsigned long first = length(a), second = length(b);
  int order = memcmp(a, b, first < second ? first : second);
  return order == 0 ? (first > second ? 1 : before(order)) : order;
}`,
    shownBy: ['objdump', '-d', /<compare\.cold>:(.*\n)+.*jmp/],
    edit: ['return 0', 'return 7', 'compare'],
  },
  {
    name: 'a number is half of a vector',
    source: `
struct range { double min, max; };
void widen(struct range *a, struct range *b) {
  a->min = -180.0; a->max = 180.0;
  b->min = -85.0; b->max = 85.0;
}
int outside(double x, double y) { return x > 180.0 || x < -180.0 || y > 85.0 || y < -85.0; }`,
    elsewhere: `
struct range { double min, max; };
void shrink(struct range *a, struct range *b) {
  a->min = -85.0; a->max = 85.0;
  b->min = -1.0; b->max = 1.0;
}`,
    // At half of 16 bytes.
    shownBy: ['readelf', '-sW', /0{15}8 .* \.LC\d/],
    edit: ['x > 180.0', 'x > 85.0', 'outside'],
  },
  {
    name: 'a pointer is counted from below a string',
    source: `
int order(const char *digits, int step) {
  const char *limit = "922337203685477580";
  int difference = 0;
  for (int i = 0; difference == 0 && i < 18; i++) difference = (digits[i * step] - limit[i]) * 10;
  return difference == 0 ? digits[18 * step] - '8' : difference;
}`,
    shownBy: ['objdump', '-dr', /lea.*\n.*\.LC0-0x5/],
    edit: ['9223', '9224', 'order'],
  },
];

describe('unedited code in which', () => {
  it.each(IDIOMS)(
    '$name is the code that runs',
    async ({ source, elsewhere = '', shownBy, edit }) => {
      const flags = ['-O2', '-g', '-fPIE'];
      await using program = await EditedProgram.start(
        shop,
        { 'main.c': `${MAIN}\nvoid use(void) {}`, 'elsewhere.c': elsewhere, 'idiom.c': source },
        flags,
        ['-pie'],
      );
      const again = program.read('idiom.c', source, flags, undefined, { decoder });
      const [tool, flag, output] = shownBy;
      expect(shop.run(tool, flag, again.path)).toMatch(output);
      expect(differing(again)).toEqual([]);
      const [from, to, changed] = edit;
      const edited = program.read('idiom.c', source.replace(from, to), flags, undefined, {
        decoder,
      });
      expect(differing(edited)).toEqual([changed]);
      // As a later patch tells whether the body that it finds is already the edited one.
      const print = (object: EditedObject): string =>
        fingerprintOf(object.fn(changed), object.edited.unit, object.binder, x8664);
      expect(print(edited)).not.toBe(print(again));
    },
  );
});
