/** Tables and numbers as docs/benchmarks.md shows them. */

/** Numbers stand to the right; the first column, which names the row, to the left. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Three digits that count. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  if (size >= 100) return value.toLocaleString('en', { maximumFractionDigits: 0 });
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** How many times what a patch by hand takes is what hcr takes: more is better. */
export function advantage(byHand: number, byHcr: number): string {
  return `${digits(byHand / byHcr)}x`;
}

export function mebibytes(bytes: number): string {
  return digits(bytes / 2 ** 20);
}
