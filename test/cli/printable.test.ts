import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatFailure } from '../../src/cli/failure-output.js';
import { formatPatch } from '../../src/cli/format-patch.js';
import { printable, printableFailure, printableJson } from '../../src/terminal/printable.js';
import { Terminal } from '../../src/cli/terminal.js';
import { HcrError } from '../../src/core/failure.js';
import { patchReport, patched } from './reports.js';

/** Sets the title of a window, clears the screen, types, turns the direction, forges a line. */
const HOSTILE = 'f\u001b]0;title\u0007\u001b[2J\u009b31m\u202e\u2066\r\nhcr: done\u0000\u007f';
/** What no output may hold. */

const RAW = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069]/;

describe('printable', () => {
  it('shows what would steer a terminal, in every text of a report', () => {
    const shown = printable({ name: HOSTILE, list: [HOSTILE], inner: { notes: [HOSTILE] }, n: 7 });
    expect(shown.name).toBe(
      'f\\x1b]0;title\\x07\\x1b[2J\\x9b31m\\u202e\\u2066\\nhcr: done\\x00\\x7f',
    );
    expect(JSON.stringify(shown)).not.toMatch(RAW);
    expect(shown.n).toBe(7);
    expect(shown.inner.notes[0]).toContain('\n');
  });

  it('leaves other text alone, of any script', () => {
    for (const text of ['operator()<int>', 'größe', '関数', 'מלל', '→ ✓ …', '\u{1f600}', 'a\tb'])
      expect(printable(text)).toBe(text);
  });

  it('keeps the lines of a compiler and drops its colours', () => {
    const failure = printableFailure(
      new HcrError({
        code: 'compile-failed',
        source: HOSTILE,
        command: `gcc ${HOSTILE}`,
        diagnostics: 'a.c:1: \u001b[01;31merror:\u001b[m x\n  1 | \u001b]52;c;YQ==\u0007y',
        exitCode: 1,
      }),
    );
    expect(failure.message).toContain('a.c:1: error: x\n  1 | ');
    expect(failure.message).not.toMatch(RAW);
    expect(failure.hint).not.toMatch(RAW);
    expect(failure.message.split('\n')).toHaveLength(3);
  });

  it('leaves nothing raw in any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(RAW);
        expect(printableJson({ text })).not.toMatch(RAW);
        expect(JSON.parse(printableJson({ text }))).toEqual({ text });
      }),
    );
  });
});

describe('what reaches a terminal', () => {
  const LOOK = { colour: false, unicode: true, width: 80, rewritable: true };

  it('holds nothing raw in a report, a failure, JSON and a line of progress', async () => {
    const written = { out: '', error: '' };
    const terminal = new Terminal(
      { write: (text) => (written.out += text) },
      { write: (text) => (written.error += text) },
      {},
    );
    const report = patchReport({ functions: [patched(HOSTILE)], notes: [HOSTILE] });
    terminal.answer(
      {},
      report,
      (r) => r,
      (r, look) => formatPatch(r, 'patch', look),
    );
    terminal.answer(
      { json: true },
      report,
      (r) => r,
      () => '',
    );
    const failure = new HcrError(
      { code: 'function-not-found', function: HOSTILE, near: [HOSTILE], where: HOSTILE },
      { cause: new Error(HOSTILE) },
    );
    terminal.fail({ verbose: true }, failure);
    terminal.fail({ json: true }, failure);
    await terminal.whileReporting({ verbose: true }, (progress) => {
      progress({ stage: 'log', text: HOSTILE });
      progress({ stage: 'build', command: HOSTILE });
      progress({ stage: 'waiting', reason: HOSTILE });
      return Promise.resolve();
    });
    for (const text of Object.values(written)) {
      expect(text).toContain('title');
      expect(text).not.toMatch(RAW);
    }
    expect(formatFailure(failure, LOOK, true)).not.toMatch(RAW);
  });
});
