import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dryRunOfMake } from '../../src/build/make-dry-run.js';
import { until } from '../support/until.js';
import { TemporaryTree } from './temporary-tree.js';
import { TimeOnRequest, pidIn } from './time-on-request.js';

const COMPILE = 'a.o: a.c\n\tgcc -DX -c -o $@ $<\n';

function dryRun(tree: TemporaryTree, goal?: string) {
  return dryRunOfMake({
    directory: tree.path,
    makefile: 'Makefile',
    edited: ['a.c'],
    ...(goal === undefined ? {} : { goal }),
  });
}

/** The first words of what would be compiled, with the folder; or why it is not known. */
async function commandsOf(tree: TemporaryTree, goal?: string): Promise<unknown> {
  const run = await dryRun(tree, goal);
  if (typeof run === 'string') return run;
  return run.entries.map(({ words, directory }) => [
    words.join(' '),
    directory.slice(tree.path.length),
  ]);
}

describe('dryRunOfMake', () => {
  it('tells the command of an object that is up to date', async () => {
    using tree = new TemporaryTree({ Makefile: COMPILE, 'a.c': '', 'a.o': '' });
    expect(await commandsOf(tree)).toEqual([['gcc -DX -c -o a.o a.c', '']]);
  });

  it.each([
    '$(MAKE) -C sub FLAG="-DF=1 2"',
    'cd sub && $(MAKE) FLAG="-DF=1 2"',
    "@(cd sub; $(MAKE) FLAG='-DF=1 2')",
    '-cd sub;$(MAKE) FLAG="-DF=1 2"',
    '$(MAKE) -C sub FLAG="-DF=1 2" SHELL=/bin/bash',
  ])('follows %s', async (line) => {
    using tree = new TemporaryTree({
      Makefile: `all:\n\t${line}\n`,
      'sub/Makefile': `a.o: a.c\n\t+touch ran\n\tgcc '$(FLAG)' -c a.c\n`,
      'sub/a.c': '',
      'sub/a.o': '',
    });
    expect(await commandsOf(tree)).toEqual([['gcc -DF=1 2 -c a.c', '/sub']]);
    expect(existsSync(tree.at('sub/ran'))).toBe(false);
  });

  it('follows a make that is told the name of the system, and no other computed goal', async () => {
    using tree = new TemporaryTree({
      Makefile:
        'all: ; $(MAKE) `uname`\nLinux: a.o\nodd: ; $(MAKE) `echo a.o; touch ran`\n' + COMPILE,
      'a.c': '',
    });
    expect(await commandsOf(tree)).toHaveLength(1);
    expect(await commandsOf(tree, 'odd')).toEqual([]);
    expect(readdirSync(tree.path).sort()).toEqual(['Makefile', 'a.c']);
  });

  it('runs none of the lines that make runs in a dry run, and makes no makefile', async () => {
    using tree = new TemporaryTree({
      Makefile: [
        'all: a.o',
        '\t+touch plus',
        '\t$(MAKE) -v && touch and',
        '\ttouch before; $(MAKE) -v',
        '\t$(MAKE) -v; touch after',
        '\t$(MAKE) $$(touch substituted)',
        '\tfor i in 1; do $(MAKE) -v; touch loop; done',
        '\t+@if true; then touch if; fi',
        'Makefile: a.c',
        '\ttouch makefile; touch $@',
        'new.mk: ; touch $@',
        'old.mk: a.c ; echo FLAG=2 > $@',
        '-include new.mk old.mk',
        COMPILE,
      ].join('\n'),
      'old.mk': 'FLAG = 1\n',
      'a.c': '',
    });
    const before = readdirSync(tree.path);
    expect(await commandsOf(tree)).toEqual([['gcc -DX -c -o a.o a.c', '']]);
    expect(readdirSync(tree.path)).toEqual(before);
    expect(readFileSync(tree.at('old.mk'), 'utf8')).toBe('FLAG = 1\n');
  });

  it('knows what makefiles compute, also with the shell of their choice, where it is used', async () => {
    using tree = new TemporaryTree({
      Makefile: `SHELL = /bin/bash\nNOW := $(shell [[ a == a ]] && echo -DNOW)\nLATER = $(shell [[ a == a ]] && echo -DLATER)\na.o: a.c ; gcc $(NOW) $(LATER) -c a.c\n`,
      'a.c': '',
    });
    expect(await commandsOf(tree)).toEqual([['gcc -DNOW -DLATER -c a.c', '']]);
  });

  it('names the makefiles that were read', async () => {
    using tree = new TemporaryTree({
      Makefile: 'include in/x.mk\nall: ; $(MAKE) -C sub\n',
      'in/x.mk': '',
      'sub/Makefile': 'include ../in/x.mk y.mk\na.o: a.c ; gcc -c a.c\n',
      'sub/y.mk': '',
      'sub/a.c': '',
    });
    const run = await dryRun(tree);
    expect(typeof run === 'string' ? run : [...run.makefiles].sort()).toEqual(
      ['Makefile', 'in/x.mk', 'in/x.mk', 'sub/Makefile', 'sub/y.mk'].map((name) => tree.at(name)),
    );
  });

  it('ends a make that takes too long, with all that it started', async () => {
    using tree = new TemporaryTree({
      Makefile: `X := $(shell echo $$$$ > pid; exec sleep 1000)\n${COMPILE}`,
      'a.c': '',
    });
    using time = new TimeOnRequest();
    const run = dryRunOfMake({
      directory: tree.path,
      makefile: 'Makefile',
      edited: [],
      timeoutMs: 500,
    });
    const pid = await until('it has started something', () => pidIn(tree.at('pid')));
    time.pass(500);
    expect(await run).toBe('its dry run took over 0.5 s');
    await until('that has ended', () => !existsSync(`/proc/${pid}/fd/0`));
  });

  it.each([
    ['$(error no)\n', /no\.  Stop|failed/],
    ['all: b.o\n', /No rule/],
  ])('says why %j tells nothing', async (text, reason) => {
    using tree = new TemporaryTree({ Makefile: text });
    expect(await commandsOf(tree)).toMatch(reason);
  });
});
