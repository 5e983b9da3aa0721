/** The lines of a fixture that prints `name=value` pairs, one line per iteration. */
import type { Target } from './target.js';

export type Tick = Readonly<Record<string, string>>;

/** @returns undefined for a line of another form */
export function parseTick(line: string): Tick | undefined {
  const pairs = line.split(' ').flatMap((word): [string, string][] => {
    const at = word.indexOf('=');
    return at < 1 ? [] : [[word.slice(0, at), word.slice(at + 1)]];
  });
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

export async function nextTick(target: Target): Promise<Tick> {
  for (;;) {
    const line = await target.lines.next();
    if (line === undefined) {
      const { code, signal } = await target.ended;
      throw new Error(
        `the target ended (${signal ?? code}); it printed to stderr: ${(await target.errorLines.rest()).join('\n')}`,
      );
    }
    const tick = parseTick(line);
    if (tick !== undefined) return tick;
  }
}
