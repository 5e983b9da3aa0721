/** Names that someone who typed another may have meant. */

/** Longer names are mangled templates: nobody mistypes them, and comparing them is slow. */
const MAX_COMPARED = 200;
const CONTAINS_PENALTY = 0.5;

/**
 * Insertions, deletions, substitutions and swaps of neighbours that lead from `a` to `b`; `limit`
 * or more is not told apart.
 */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    let best = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(
        (previous[j - 1] ?? 0) + (same ? 0 : 1),
        (previous[j] ?? 0) + 1,
        (current[j - 1] ?? 0) + 1,
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforePrevious[j - 2] ?? 0) + 1);
      }
      current.push(cost);
      best = Math.min(best, cost);
    }
    if (best >= limit) return limit;
    beforePrevious = previous;
    previous = current;
  }
  return Math.min(limit, previous[b.length] ?? limit);
}

/** How far `candidate` is from `wanted`, smaller is nearer; `undefined` when too far. */
function remoteness(wanted: string, candidate: string): number | undefined {
  if (candidate.length > MAX_COMPARED) return undefined;
  const limit = Math.max(2, Math.ceil(wanted.length / 3)) + 1;
  const distance = editDistance(wanted, candidate, limit);
  if (distance < limit) return distance;
  // A mangled name contains the plain one; a partial name is contained in the full one.
  if (wanted.length >= 3 && candidate.includes(wanted)) {
    return limit + CONTAINS_PENALTY * (candidate.length - wanted.length);
  }
  return undefined;
}

/** At most `limit` of the candidates, the nearest first; each once, and never `wanted` itself. */
export function nearNames(candidates: Iterable<string>, wanted: string, limit: number): string[] {
  if (wanted.length > MAX_COMPARED) return [];
  const folded = wanted.toLowerCase();
  const near = new Map<string, number>();
  for (const candidate of candidates) {
    if (candidate === wanted || candidate === '') continue;
    const far = remoteness(folded, candidate.toLowerCase());
    if (far !== undefined) near.set(candidate, far);
  }
  return [...near]
    .sort(([a, farA], [b, farB]) => farA - farB || (a < b ? -1 : 1))
    .slice(0, limit)
    .map(([name]) => name);
}
