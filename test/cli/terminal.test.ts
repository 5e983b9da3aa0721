import { describe, expect, it } from 'vitest';
import { lookOf, type Sink } from '../../src/terminal/look.js';
import { Terminal } from '../../src/cli/terminal.js';

const sink = (isTTY: boolean): Sink & { text: string } => ({
  isTTY,
  columns: 40,
  text: '',
  write(text: string) {
    this.text += text;
  },
});

describe('lookOf', () => {
  it.each([
    ['a terminal', true, {}, true],
    ['no terminal', false, {}, false],
    ['NO_COLOR', true, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR', true, { NO_COLOR: '' }, true],
    ['TERM=dumb', true, { TERM: 'dumb' }, false],
  ])('with %s', (_, terminal, environment, colour) => {
    expect(lookOf(sink(terminal), environment).colour).toBe(colour);
  });

  it.each([
    [{ LANG: 'en_GB.UTF-8' }, true],
    [{ LANG: 'en_GB.UTF-8', LC_ALL: 'C' }, false],
    [{ LC_CTYPE: 'C.utf8', LC_ALL: '' }, true],
    [{}, false],
  ])('takes the encoding from %j', (environment, unicode) => {
    expect(lookOf(sink(true), environment).unicode).toBe(unicode);
  });
});

describe('progress', () => {
  const progressOn = async (
    terminal: boolean,
    environment: Record<string, string>,
    options = {},
  ) => {
    const stderr = sink(terminal);
    await new Terminal(sink(true), stderr, environment).whileReporting(options, (report) => {
      report({ stage: 'build', command: `gcc ${'-Wall '.repeat(30)}` });
      return Promise.resolve();
    });
    return stderr.text;
  };

  it('is one line within the width, and gone at the end', async () => {
    const text = await progressOn(true, {});
    expect(text).toMatch(/^\r\u001b\[Khcr: compiling: gcc[^\n]*\r\u001b\[K$/);
    expect(text.split('\r\u001b[K')[1]?.length).toBeLessThan(40);
  });

  it.each([
    ['no terminal', false, {}, {}],
    ['a terminal that cannot rewrite', true, { TERM: 'dumb' }, {}],
    ['--quiet', true, {}, { quiet: true }],
    ['--json', true, {}, { json: true, verbose: true }],
  ])('is silent with %s', async (_, terminal, environment, options) => {
    expect(await progressOn(terminal, environment, options)).toBe('');
  });
});
