/** The shortest way from one list of lines to another, as rows for people to read. */

export interface DiffRow {
  /** `changed` stands for a line removed and one added in its place. */
  readonly op: 'same' | 'changed' | 'removed' | 'added';
  /** Empty where there is none. */
  readonly old: string;
  readonly new: string;
}

export interface DiffLine {
  /** Equal for lines that mean the same. */
  readonly key: string;
  readonly text: string;
}

/** Cells of the table at most; a longer middle part counts as replaced as a whole. */
const MAX_CELLS = 16_000_000;

/** By a longest common subsequence, after what both begin and end with has been set aside. */
export function diffLines(before: readonly DiffLine[], after: readonly DiffLine[]): DiffRow[] {
  const same = (i: number, j: number): boolean => before[i]?.key === after[j]?.key;
  let start = 0;
  while (start < before.length && start < after.length && same(start, start)) start += 1;
  let [endBefore, endAfter] = [before.length, after.length];
  while (endBefore > start && endAfter > start && same(endBefore - 1, endAfter - 1)) {
    endBefore -= 1;
    endAfter -= 1;
  }
  const both = (i: number, j: number): DiffRow => ({
    op: 'same',
    old: before[i]?.text ?? '',
    new: after[j]?.text ?? '',
  });
  const rows = Array.from({ length: start }, (_, i) => both(i, i));
  const [removed, added]: [string[], string[]] = [[], []];
  const flush = (): void => {
    for (let i = 0; i < Math.max(removed.length, added.length); i++) {
      const [old, now] = [removed[i], added[i]];
      const op = old === undefined ? 'added' : now === undefined ? 'removed' : 'changed';
      rows.push({ op, old: old ?? '', new: now ?? '' });
    }
    removed.length = 0;
    added.length = 0;
  };
  const lengths = commonLengths(before.slice(start, endBefore), after.slice(start, endAfter));
  const width = endAfter - start + 1;
  let [i, j] = [start, start];
  while (i < endBefore || j < endAfter) {
    const here = (i - start) * width + (j - start);
    if (i < endBefore && j < endAfter && lengths !== undefined && same(i, j)) {
      flush();
      rows.push(both(i, j));
      i += 1;
      j += 1;
    } else if (
      i < endBefore &&
      (j >= endAfter ||
        lengths === undefined ||
        (lengths[here + width] ?? 0) >= (lengths[here + 1] ?? 0))
    ) {
      removed.push(before[i]?.text ?? '');
      i += 1;
    } else {
      added.push(after[j]?.text ?? '');
      j += 1;
    }
  }
  flush();
  for (let k = 0; k < before.length - endBefore; k++) rows.push(both(endBefore + k, endAfter + k));
  return rows;
}

/** Of the longest common subsequence of what follows each pair of places. */
function commonLengths(
  before: readonly DiffLine[],
  after: readonly DiffLine[],
): Uint32Array | undefined {
  const width = after.length + 1;
  if ((before.length + 1) * width > MAX_CELLS) return undefined;
  const lengths = new Uint32Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const at = i * width + j;
      lengths[at] =
        before[i]?.key === after[j]?.key
          ? (lengths[at + width + 1] ?? 0) + 1
          : Math.max(lengths[at + width] ?? 0, lengths[at + 1] ?? 0);
    }
  }
  return lengths;
}
