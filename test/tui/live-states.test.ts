import { describe, expect, it } from 'vitest';
import { withLiveStates } from '../../src/tui/model/live-states.js';
import type { StatusReport } from '../../src/app/report.js';
import { row, status } from './cockpit-values.js';

const ROWS = [row('f', { entry: '0x10' }), row('g', { entry: '0x20' }), row('inlined')];

/** Generations by number: their parent, and entry and body of each function. */
function recorded(
  live: number,
  generations: readonly (readonly [number, number, Record<string, string>])[],
): StatusReport {
  return {
    ...status(0),
    generation: live,
    generations: generations.map(([generation, parent, bodies]) => ({
      generation,
      parent,
      publishedAt: '2026-01-02T03:04:05.000Z',
      functions: Object.entries(bodies).map(([entry, body]) => ({
        name: entry,
        module: 'm',
        entry,
        body,
        reason: 'changed' as const,
      })),
      bytes: 1,
      state: 'live' as const,
    })),
  };
}

const states = (report: StatusReport): number[] =>
  withLiveStates(ROWS, report).map(({ listing }) => listing.generation);

describe('the generation of a function', () => {
  it('is the newest one on the way from the live one to the original that changed it', () => {
    const all = [
      [1, 0, { '0x10': '0x100' }],
      [2, 1, { '0x20': '0x200' }],
      [3, 1, { '0x10': '0x300' }],
    ] as const;
    expect(states(recorded(2, all))).toEqual([1, 2, 0]);
    expect(states(recorded(3, all))).toEqual([3, 0, 0]);
    expect(states(recorded(0, all))).toEqual([0, 0, 0]);
  });

  it('is the original where an edit was taken back', () => {
    const all = [
      [1, 0, { '0x10': '0x100' }],
      [2, 1, { '0x10': '0x10' }],
    ] as const;
    expect(states(recorded(2, all))).toEqual([0, 0, 0]);
  });

  it('is found in a record that leads in a circle', () => {
    expect(states(recorded(1, [[1, 1, { '0x10': '0x100' }]]))).toEqual([1, 0, 0]);
  });

  it('leaves the rows alone where nothing has changed', () => {
    expect(withLiveStates(ROWS, recorded(0, []))).toBe(ROWS);
  });
});
