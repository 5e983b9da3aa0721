/** Waits for what no event tells: a field in /proc, a file. */
import { setTimeout as delay } from 'node:timers/promises';

const EVERY_MS = 2;
const PATIENCE_MS = 20_000;

/** Asks again and again until the answer is something.
 *  @throws when it is not for long */
export async function until<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await delay(EVERY_MS);
  }
}
