/** Functions that share an entry, on purpose or because linkers fold identical code. */
import { describe, expect, it } from 'vitest';
import { attach, refusalOf, reload } from '../support/hcr.js';
import { MAIN_C, buildInline } from '../support/inline-program.js';

const NOINLINE = '__attribute__((noipa))';

describe('aliases', () => {
  const files = {
    'main.c': MAIN_C,
    'show.c': `#include <stdio.h>
int whole(int x); int also(int x); int perhaps(int x);
void show(void) { printf("%d %d %d", whole(3), also(4), perhaps(5)); }
`,
    'whole.c': `${NOINLINE} int whole(int x) { return x * 3 + 1; }
int also(int x) __attribute__((alias("whole")));
int perhaps(int x) __attribute__((weak, alias("whole")));
`,
  };

  it.each(['gcc', 'clang'])('run the new code by every name, and it is said: %s', async (cc) => {
    using program = await buildInline(files, ['-O2', '-g'], cc);
    await using target = await program.start();
    await target.waitForLine(/^10 13 16$/);
    program.edit('whole.c', 'x * 3 + 1', 'x * 3 + 2');
    const flags = cc === 'clang' ? ['--cflags', '-O2'] : [];
    const { functions, notes } = await attach(target.pid, ['also'], flags);
    await target.waitForLine(/^11 14 17$/);
    expect(functions).toHaveLength(1);
    expect(notes.join('\n')).toContain('the new code runs by every name');
  });
});

describe('a weak function', () => {
  it('that another source replaces is left alone', async () => {
    using program = await buildInline({
      'main.c': MAIN_C,
      'show.c': `#include <stdio.h>
int hook(int x);
void show(void) { printf("%d", hook(3)); }
`,
      'weak.c': `__attribute__((weak, noipa)) int hook(int x) { return x + 1; }
`,
      'strong.c': `${NOINLINE} int hook(int x) { return x * 100; }
`,
    });
    await using target = await program.start();
    await target.waitForLine(/^300$/);
    program.edit('weak.c', 'x + 1', 'x + 2');
    const { functions } = await reload(target.pid, [program.at('weak.c')]);
    expect(functions).toEqual([]);
    program.edit('strong.c', 'x * 100', 'x * 200');
    expect((await reload(target.pid, [program.at('strong.c')])).functions).toHaveLength(1);
    await target.waitForLine(/^600$/);
  });
});

describe('identical code that the linker folded', () => {
  it('is refused, also when the twin is in another source', async () => {
    const twin = (name: string): string =>
      `${NOINLINE} int ${name}(int x) { return x * 77 + 5; }\n`;
    using program = await buildInline(
      {
        'main.c': MAIN_C,
        'show.c': `#include <stdio.h>
int one(int x); int two(int x);
void show(void) { printf("%d %d", one(1), two(2)); }
`,
        'one.c': twin('one'),
        'two.c': twin('two'),
      },
      ['-O2', '-g', '-ffunction-sections', '-fuse-ld=lld', '-Wl,--icf=all'],
    );
    await using target = await program.start();
    await target.waitForLine(/^82 159$/);
    program.edit('one.c', '77', '78');
    const { code, message } = await refusalOf(['attach', target.pid, '--func', 'one']);
    expect(code).toBe('function-not-patchable');
    expect(message).toContain('two');
  });
});
