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
  const accepted = rows.flatMap((row, index) => (passes(row, marks, filter) ? [index] : []));
  const words = query.trim();
  if (words === '') return accepted;
  const prepared = preparedNames(rows);
  const found = fuzzysort.go(
    words,
    accepted.map((index) => ({ index, name: prepared[index] })),
    { key: 'name', limit: MAX_FOUND, threshold: 0 },
  );
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

type Prepared = ReturnType<typeof fuzzysort.prepare>;

/** Preparing takes longer than searching, and the rows stay the same from key to key. */
const PREPARED = new WeakMap<readonly FunctionRow[], readonly Prepared[]>();

function preparedNames(rows: readonly FunctionRow[]): readonly Prepared[] {
  let prepared = PREPARED.get(rows);
  if (prepared === undefined) {
    prepared = rows.map(({ name }) => fuzzysort.prepare(name));
    PREPARED.set(rows, prepared);
  }
  return prepared;
}
