import type { Seed } from '../target.js';

/** Those of some names. */
export function named(
  all: ReadonlyMap<string, Uint8Array>,
  ...names: readonly string[]
): readonly Seed[] {
  return names.map((name) => {
    const bytes = all.get(name);
    if (bytes === undefined) throw new Error(`the compilers made no ${name}`);
    return { name, bytes };
  });
}
