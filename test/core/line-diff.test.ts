import fc from 'fast-check';
import { expect, it } from 'vitest';
import { diffLines } from '../../src/core/line-diff.js';

const lines = (text: string) => Array.from(text, (key) => ({ key, text: key }));

it('keeps what both have and pairs what was replaced', () => {
  expect(diffLines(lines('abcdx'), lines('abXdex'))).toEqual([
    { op: 'same', old: 'a', new: 'a' },
    { op: 'same', old: 'b', new: 'b' },
    { op: 'changed', old: 'c', new: 'X' },
    { op: 'same', old: 'd', new: 'd' },
    { op: 'added', old: '', new: 'e' },
    { op: 'same', old: 'x', new: 'x' },
  ]);
});

it('loses and invents no line, and keeps their order', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 });
  fc.assert(
    fc.property(text, text, (before, after) => {
      const rows = diffLines(lines(before), lines(after));
      expect(rows.map((row) => row.old).join('')).toBe(before);
      expect(rows.map((row) => row.new).join('')).toBe(after);
      for (const row of rows) if (row.op === 'same') expect(row.old).toBe(row.new);
    }),
  );
});
