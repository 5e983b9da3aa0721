/** An edit that is live already is recognised, whatever it brought into the process. */
import { describe, expect, it } from 'vitest';
import { attach } from '../support/hcr.js';
import { MAIN_C, buildInline } from '../support/inline-program.js';

const SHOW_C = '#include <stdio.h>\nvoid show(void) { printf("old"); }\n';
const KEPT = '__attribute__((noipa))';

describe('an edit that is live already', () => {
  it.each([
    ['a static variable', 'static int calls;', '++calls > 0'],
    ['a variable', 'int calls;', '++calls > 0'],
    ['a static variable of a function', '', '({ static int calls; ++calls > 0; })'],
    ['an initialised array', 'static int steps[] = {1, 2, 3};', 'steps[1]++ > 0'],
    ['a table of constants', 'static const int steps[] = {1, 2, 3};', 'steps[*&one] > 0'],
    ['a static function', `static ${KEPT} int more(void) { return 1; }`, 'more()'],
    ['a function', `${KEPT} int more(void) { return 1; }`, 'more()'],
    ['a recursive function', `${KEPT} int more(int n) { return n ? more(n - 1) : 1; }`, 'more(3)'],
    [
      'a pointer to a function',
      `static ${KEPT} int more(void) { return 1; }`,
      '({ int (*volatile p)(void) = more; p(); })',
    ],
    [
      'a function with a variable',
      `static int calls; static ${KEPT} int more(void) { return ++calls; }`,
      'more() > 0',
    ],
  ])('is not made live again: %s is new', async (_, before, value) => {
    using program = await buildInline({ 'main.c': MAIN_C, 'show.c': SHOW_C });
    await using target = await program.start();
    await target.waitForLine(/^old$/);
    program.write(
      'show.c',
      `#include <stdio.h>\nstatic volatile int one = 1;\n${before}\nvoid show(void) { printf("new %d", (${value}) + (one - 1)); }\n`,
    );
    expect((await attach(target.pid, ['show'])).generation).toBe(1);
    await target.waitForLine(/^new [1-9]/);
    const again = await attach(target.pid, ['show']);
    expect(again.functions).toEqual([]);
    expect(again.generation).toBe(1);
    program.edit('show.c', '"new %d"', '"newer %d"');
    expect((await attach(target.pid, ['show'])).generation).toBe(2);
    await target.waitForLine(/^newer [1-9]/);
  });
});
