import { describe, expect, it } from 'vitest';
import { discoverCompileCommand } from '../../src/build/compile-command.js';
import { dependenciesOf, parseDependencyRule } from '../../src/build/dependencies.js';
import { IncludeTexts } from '../../src/build/include-texts.js';
import { TemporaryTree } from './temporary-tree.js';

describe('parseDependencyRule', () => {
  it('joins continued lines and undoes the escapes of make', () => {
    expect(parseDependencyRule('unit: a.c \\\n my\\ header.h \\\r\n c\\#.h d$$.h\n')).toEqual([
      ...['a.c', 'my header.h', 'c#.h', 'd$.h'],
    ]);
  });

  it('finds nothing in a text that is no rule', () => {
    expect(parseDependencyRule('nonsense')).toEqual([]);
  });
});

describe.each(['gcc', 'clang'])('dependenciesOf with %s', (cc) => {
  it('names headers that only define macros, and those with odd names', async () => {
    using tree = new TemporaryTree({
      'a.c': '#include "only macros.h"\n#ifdef DEEP\n#include "in/deep.h"\n#endif\nint x = ONE;\n',
      'only macros.h': '#define ONE 1\n',
      'in/deep.h': '',
    });
    const command = (cflags: string) =>
      discoverCompileCommand({
        overrides: { source: tree.at('a.c'), cc, cflags },
        searchRoots: [],
      });
    const found = await dependenciesOf(await command(''));
    // gcc names its own stdc-predef.h as well.
    expect(found?.filter((path) => path.startsWith(tree.path))).toEqual([
      ...[tree.at('a.c'), tree.at('only macros.h')],
    ]);
    expect(await dependenciesOf(await command('-DDEEP'))).toContain(tree.at('in/deep.h'));
    tree.write('a.c', '#include "gone.h"\n');
    expect(await dependenciesOf(await command(''))).toBeUndefined();
  });
});

describe('IncludeTexts', () => {
  const reaches = (files: Readonly<Record<string, string>>, name: string): boolean => {
    using tree = new TemporaryTree(files);
    const paths = Object.keys(files).map((file) => tree.at(file));
    return new IncludeTexts(paths).mayReach([tree.at('a.c')], new Set([name]));
  };

  it('follows includes through other headers', () => {
    const files = { 'a.c': '#include "b.h"\n', 'b.h': ' # include <x/c.h>\n', 'x/c.h': '' };
    expect(reaches(files, 'c.h')).toBe(true);
    expect(reaches(files, 'd.h')).toBe(false);
  });

  it('says no for headers of the system and goes round in no circle', () => {
    const files = {
      'a.c': '#include <stdio.h>\n#include <stdarg.h>\n#include <vector>\n#include "b.h"\n',
      'b.h': '#include "b.h"\n',
    };
    expect(reaches(files, 'd.h')).toBe(false);
  });

  it('says yes to what it cannot follow: a name from a macro, a header it does not know', () => {
    expect(reaches({ 'a.c': '#include WHICH\n' }, 'd.h')).toBe(true);
    expect(reaches({ 'a.c': '#include "elsewhere.h"\n' }, 'd.h')).toBe(true);
  });
});
