import { chmodSync, existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type DiscoveryInput, discoverCompileCommand } from '../../src/build/compile-command.js';
import { TemporaryTree } from './temporary-tree.js';

const GCC = 'GNU C17 12.2.0 -mtune=generic -march=x86-64 -g -O2';

/** How `a.c` of a program that was compiled in the folder of the tree is found to be compiled. */
function discover(tree: TemporaryTree, more: Partial<DiscoveryInput> = {}) {
  const unit = { name: 'a.c', compDir: tree.path, producer: GCC };
  return discoverCompileCommand({ unit, overrides: {}, searchRoots: [tree.path], ...more });
}

async function consulted(tree: TemporaryTree, more?: Partial<DiscoveryInput>): Promise<string[]> {
  const { consulted: sources } = await discover(tree, more);
  return sources
    .filter(({ origin }) => origin === 'make')
    .map(
      ({ place = '', outcome, detail }) => `${outcome} ${place.slice(tree.path.length)} ${detail}`,
    );
}

describe('flags from make', () => {
  it('are those of the make above, which hands variables down', async () => {
    using tree = new TemporaryTree({
      Makefile: 'all: ; cd sub && $(MAKE) FLAG=-DFROM_ABOVE\n',
      'sub/Makefile': 'FLAG = -DOWN\na.o: a.c ; gcc -O2 $(FLAG) -c a.c\n',
      'sub/a.c': '',
    });
    const unit = { name: 'a.c', compDir: tree.at('sub'), producer: GCC };
    expect(await discover(tree, { unit })).toMatchObject({
      origin: 'make',
      args: ['-O2', '-DFROM_ABOVE'],
      directory: tree.at('sub'),
      place: tree.at('Makefile'),
    });
  });

  // As automake's makefiles have it.
  it('are those of the program where it is not clear what all is, and not those of a rule that was never used', async () => {
    using tree = new TemporaryTree({
      Makefile:
        'all: ; for d in .; do $(MAKE) prog; done\nprog: prog-a.o\nprog-a.o: a.c ; gcc -O2 -DNDEBUG -c -o $@ a.c\n.c.o: ; gcc -O2 -c $<\n',
      'a.c': '',
    });
    const found = await discover(tree, { module: tree.at('prog') });
    expect(found.args).toEqual(['-O2', '-DNDEBUG']);
    expect(found.place).toBe(`${tree.at('Makefile')} (prog)`);
    expect((await discover(tree)).origin).toBe('dwarf');
    tree.write('a.o', '');
    expect((await discover(tree)).place).toBe(`${tree.at('Makefile')} (a.o)`);
  });

  it.each([
    ['-O0', /compiles with -O0, and the program was compiled without/],
    ['-O2 -ffast-math', /compiles with -ffast-math/],
    ['-O2 -D"X=$$(date)"', /can only be read by a shell/],
  ])('are passed over with the reason: %s', async (flags, reason) => {
    using tree = new TemporaryTree({ Makefile: `a.o: a.c ; gcc ${flags} -c a.c\n`, 'a.c': '' });
    expect((await discover(tree)).origin).toBe('dwarf');
    expect((await consulted(tree))[0]).toMatch(reason);
  });

  it('are passed over where another compiler is called', async () => {
    using tree = new TemporaryTree({ Makefile: 'a.o: a.c ; clang -O2 -c a.c\n', 'a.c': '' });
    expect((await consulted(tree))[0]).toMatch(
      /its compiler is clang, that of the program was not/,
    );
  });

  it('are not asked for where everybody may write to the makefile, its folder, or one that it includes', async () => {
    using tree = new TemporaryTree({
      Makefile: 'include in/x.mk\na.o: a.c ; gcc -O2 -DX -c a.c\n',
      'in/x.mk': '',
      'a.c': '',
    });
    expect((await discover(tree)).origin).toBe('make');
    chmodSync(tree.at('in/x.mk'), 0o666);
    expect((await consulted(tree))[0]).toMatch(/in\/x\.mk, which it includes: everybody may write/);
    chmodSync(tree.at('in/x.mk'), 0o644);
    chmodSync(tree.at('Makefile'), 0o666);
    expect((await consulted(tree))[0]).toMatch(/passed over \/Makefile everybody may write to it/);
    chmodSync(tree.at('Makefile'), 0o644);
    chmodSync(tree.path, 0o777);
    expect((await consulted(tree))[0]).toMatch(/everybody may write to its folder/);
    chmodSync(tree.path, 0o700);
  });

  it('are asked for anew when a makefile was written', async () => {
    using tree = new TemporaryTree({
      Makefile: 'include x.mk\na.o: a.c ; gcc -O2 $(FLAG) -c a.c\n',
      'x.mk': 'FLAG = -DONE\n',
      'a.c': '',
    });
    expect((await discover(tree)).args).toEqual(['-O2', '-DONE']);
    tree.write('x.mk', 'FLAG = -DSECOND\n');
    expect((await discover(tree)).args).toEqual(['-O2', '-DSECOND']);
  });

  it.each(['a.c; touch ran', 'a$(shell touch ran).c', '-f.c', 'a b.c', '`touch ran`.c'])(
    'are never asked for with words of the program that are more than a name: %j',
    async (name) => {
      using tree = new TemporaryTree({
        Makefile: 'all: ; $(MAKE) -C . sub\nsub: ; gcc -O2 -DX -c a.c\n',
        [name]: '',
        'a.c': '',
      });
      const unit = { name, compDir: tree.path, producer: GCC };
      const { origin } = await discover(tree, { unit, module: tree.at(`${name}/x`) });
      expect(origin).toBe('dwarf');
      expect(existsSync(tree.at('ran'))).toBe(false);
    },
  );

  it('are not asked for of a program with a root of its own', async () => {
    using tree = new TemporaryTree({ Makefile: 'a.o: a.c ; gcc -O2 -DX -c a.c\n', 'a.c': '' });
    expect((await discover(tree, { isForeign: true })).origin).toBe('dwarf');
  });
});
