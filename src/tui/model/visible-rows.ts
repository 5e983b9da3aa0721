/** Which functions are shown: a filter, then an incremental fuzzy search. */
import fuzzysort from 'fuzzysort';
import type { FunctionRow } from './function-row.js';
import type { Cockpit, Filter, Mark } from './state.js';

/** More than anybody looks through; the search stays quick in the largest programs. */
const MAX_FOUND = 2000;

type Choice = Pick<Cockpit, 'rows' | 'marks' | 'filter' | 'query'>;

/** Indices into the rows. Without a query they keep the order of the list, which patches do not
 *  change; with one the best come first. */
export function visibleRows({ rows, marks, filter, query }: Choice): readonly number[] {
  const words = query.trim();
  if (words === '')
    return rows.flatMap((row, index) => (passes(row, marks, filter) ? [index] : []));
  const all = candidatesOf(rows, rows.length);
  const candidates =
    filter === 'all'
      ? all
      : all.filter(({ index }) => {
          const row = rows[index];
          return row !== undefined && passes(row, marks, filter);
        });
  const found = fuzzysort.go(words, candidates, { key: 'name', limit: MAX_FOUND, threshold: 0 });
  return found.map(({ obj }) => obj.index);
}

function passes(
  { key, isMine, listing }: FunctionRow,
  marks: ReadonlyMap<string, Mark>,
  filter: Filter,
): boolean {
  switch (filter) {
    case 'all':
      return true;
    case 'changed':
      return marks.has(key);
    case 'patched':
      return listing.state === 'patched';
    case 'mine':
      return isMine;
  }
}

interface Candidate {
  readonly index: number;
  readonly name: ReturnType<typeof fuzzysort.prepare>;
}

/** Preparing takes longer than searching, and the rows stay the same from key to key. */
const CANDIDATES = new WeakMap<readonly FunctionRow[], Candidate[]>();

/** Names of the rows, prepared for the search.
 *  @param count so many at least: before anybody types, they can be prepared a few at a time */
export function candidatesOf(rows: readonly FunctionRow[], count: number): readonly Candidate[] {
  const known = CANDIDATES.get(rows) ?? [];
  CANDIDATES.set(rows, known);
  for (const { name } of rows.slice(known.length, count))
    known.push({ index: known.length, name: fuzzysort.prepare(name) });
  return known;
}
