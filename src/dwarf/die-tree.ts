/**
 * Where the entries of one unit are and how they nest: a few numbers for each, in one pass, with
 * all attributes passed over. An entry's parent always has a smaller index than the entry, and
 * its descendants are the indexes that follow it, so most questions are answered by walking
 * forwards through an array.
 * @see DWARF 5, 2.3 and 7.5.2
 */
import type { ByteReader } from '../core/byte-reader.js';
import type { AbbrevTable } from './abbrev.js';
import { type Encoding, skipForm } from './form.js';
import { readUleb128 } from './leb128.js';

export interface DieTree {
  readonly count: number;
  /** From the start of the unit; ascending. */
  readonly offsets: Uint32Array;
  readonly tags: Uint16Array;
  /** Index of the parent, -1 for the root. */
  readonly parents: Int32Array;
  /** Index after the last descendant. */
  readonly ends: Uint32Array;
}

/** Nesting deeper than any program's: damage, or an attempt to exhaust whoever walks the tree. */
const MAX_DEPTH = 2048;

/** A guess that seldom needs more than one enlargement. */
const USUAL_DIE_BYTES = 10;

/**
 * @param reader over the whole unit, standing at its root entry
 * @throws HcrError `malformed-file` for an unknown abbreviation or form, or nesting too deep
 */
export function indexDies(reader: ByteReader, abbrevs: AbbrevTable, encoding: Encoding): DieTree {
  let tree = allocate(Math.ceil(reader.remaining / USUAL_DIE_BYTES) + 16);
  let count = 0;
  const open: number[] = [];
  while (!reader.atEnd) {
    const offset = reader.offset;
    const code = readUleb128(reader);
    if (code === 0) {
      const closed = open.pop();
      if (closed !== undefined) tree.ends[closed] = count;
      // The root is closed: what may follow is padding.
      if (open.length === 0 && count > 0) break;
      continue;
    }
    const abbrev = abbrevs.find(code);
    if (abbrev === undefined) reader.fail(`unknown abbreviation ${code}`);
    if (count === tree.tags.length) tree = enlarge(tree);
    const parent = open.at(-1) ?? -1;
    tree.offsets[count] = offset;
    tree.tags[count] = abbrev.tag;
    tree.parents[count] = parent;
    count += 1;
    tree.ends[count - 1] = count;
    for (const spec of abbrev.attributes) skipForm(reader, spec.form, encoding);
    if (abbrev.hasChildren) {
      open.push(count - 1);
      if (open.length > MAX_DEPTH) reader.fail(`entries nested deeper than ${MAX_DEPTH}`);
    } else if (parent === -1) {
      break;
    }
  }
  // Some producers leave out the marks that end the last lists of children.
  for (const unclosed of open) tree.ends[unclosed] = count;
  return { ...tree, count };
}

/** Index of the entry that starts at `offset` of the unit, -1 when none does. */
export function indexOfDieAt(tree: DieTree, offset: number): number {
  let low = 0;
  let high = tree.count - 1;
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const found = tree.offsets[middle] ?? 0;
    if (found === offset) return middle;
    if (found < offset) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

type Columns = Omit<DieTree, 'count'>;

function allocate(capacity: number): Columns {
  return {
    offsets: new Uint32Array(capacity),
    tags: new Uint16Array(capacity),
    parents: new Int32Array(capacity),
    ends: new Uint32Array(capacity),
  };
}

function enlarge(columns: Columns): Columns {
  const larger = allocate(columns.tags.length * 2);
  larger.offsets.set(columns.offsets);
  larger.tags.set(columns.tags);
  larger.parents.set(columns.parents);
  larger.ends.set(columns.ends);
  return larger;
}
