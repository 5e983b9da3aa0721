/** What becomes of repeated measurements. */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const above = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? above : ((sorted[middle - 1] ?? above) + above) / 2;
}

export function longest(values: readonly number[]): number {
  return Math.max(...values);
}

export function shortest(values: readonly number[]): number {
  return Math.min(...values);
}
