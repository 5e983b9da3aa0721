/** How users narrow a list of names down. */

/**
 * A pattern with `*`, `?` or `[…]` must fit the whole name; any other text fits where it occurs in
 * one. Capitals count only when the pattern has some.
 */
export function matcherOf(pattern: string): (name: string) => boolean {
  const flags = pattern === pattern.toLowerCase() ? 'i' : '';
  if (/[*?[]/.test(pattern)) {
    const glob = new RegExp(`^${globSource(pattern)}$`, `s${flags}`);
    return (name) => glob.test(name);
  }
  if (flags === '') return (name) => name.includes(pattern);
  return (name) => name.toLowerCase().includes(pattern);
}

/** @see glob(7) */
function globSource(pattern: string): string {
  // Runs of stars are one star, so that none of them is tried for the other.
  return pattern.replace(
    /\*+|\?|\[(!?)(\]?[^\]]*)\]|[\s\S]/g,
    (part, negated?: string, set?: string) => {
      if (part.startsWith('*')) return '.*';
      if (part === '?') return '.';
      if (set === undefined) return part.replace(/[.*+?^${}()|[\]\\]/, '\\$&');
      return `[${negated === '!' ? '^' : ''}${set.replace(/[\\\]^[]/g, '\\$&')}]`;
    },
  );
}
