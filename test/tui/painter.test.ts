import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paintOver } from '../../src/tui/painter.js';

const SIZE = { columns: 10, rows: 4 };

/** The little of a terminal that the painter speaks to. */
function obey(screen: readonly string[], bytes: string): string[] {
  const shown = [...screen];
  const erased = bytes.matchAll(
    /\u001b\[(\d+);1H([^\u001b]*)(\u001b\[0m)?(\u001b\[K)?(\u001b\[J)?/g,
  );
  for (const [, row, text = '', , rest, below] of erased) {
    const at = Number(row) - 1;
    if (below === undefined) {
      const kept = rest === undefined ? (shown[at] ?? '').slice(text.length) : '';
      shown[at] = text + kept;
    } else shown.length = Math.min(shown.length, at);
  }
  return shown;
}

const aFrame = fc.array(fc.stringMatching(/^[a-c]{0,10}$/), { maxLength: 4 });

describe('painting one frame over another', () => {
  it('leaves the newer one on the screen, whatever the two are', () => {
    fc.assert(
      fc.property(aFrame, aFrame, (before, after) => {
        expect(obey(before, paintOver(before, after, SIZE))).toEqual(after);
      }),
    );
  });

  it('writes nothing for a frame that is there', () => {
    expect(paintOver(['a', 'b'], ['a', 'b'], SIZE)).toBe('');
  });

  it('writes only the line that differs', () => {
    const bytes = paintOver(['a', 'b', 'c'], ['a', 'x', 'c'], SIZE);
    expect(bytes).toContain('x');
    expect(bytes).not.toMatch(/[abc](?!\[)/);
  });

  it('does not erase at the end of a full line, which would take its last character', () => {
    expect(paintOver(undefined, ['0123456789'], { columns: 10, rows: 1 })).not.toContain(
      '\u001b[K',
    );
  });

  it('does not erase below the last line of the screen, which would take that', () => {
    const bytes = paintOver(undefined, ['a', 'b', 'c', 'd'], SIZE);
    expect(bytes).not.toContain('\u001b[J');
  });
});
