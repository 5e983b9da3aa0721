/**
 * Answers of build tools, each asked for once. An answer counts for as long as the files that it
 * was made from are the same, so that a watch sees a changed build.
 */
import { FileVersions } from './file-versions.js';

interface Kept<T> {
  readonly answer: Promise<T>;
  settled?: T;
  readonly inputs: FileVersions;
}

export class SharedAnswers<T> {
  private readonly kept = new Map<string, Kept<T>>();

  /** @param ask is called once for askers that come while it works, or after
   *  @param inputsOf files that the answer was made from, besides `known` */
  async get(
    key: string,
    known: readonly string[],
    ask: () => Promise<T>,
    inputsOf: (answer: T) => readonly string[] = () => [],
  ): Promise<T> {
    const kept = this.kept.get(key);
    if (kept?.inputs.areCurrent() === true) return await kept.answer;
    const inputs = new FileVersions();
    for (const path of known) inputs.remember(path, false);
    const entry: Kept<T> = { answer: ask(), inputs };
    this.kept.set(key, entry);
    try {
      const answer = await entry.answer;
      for (const path of inputsOf(answer)) inputs.remember(path, false);
      entry.settled = answer;
      return answer;
    } catch (error) {
      this.kept.delete(key);
      throw error;
    }
  }

  /** The answers that count, of keys that begin like this. */
  *current(prefix: string): Generator<T> {
    for (const [key, { settled, inputs }] of this.kept)
      if (key.startsWith(prefix) && settled !== undefined && inputs.areCurrent()) yield settled;
  }
}
