/** Edits of a source that is not the test's own: the text comes back at the end, also that of a
 *  test that was killed. */
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

export class EditedSource implements Disposable {
  readonly path: string;
  private readonly original: string;

  constructor(path: string) {
    this.path = path;
    this.original = `${path}.original`;
    if (existsSync(this.original)) renameSync(this.original, path);
    copyFileSync(path, this.original);
  }

  /** @throws when the text is not there exactly once */
  replace(from: string, to: string): void {
    const [before, after, ...more] = readFileSync(this.path, 'utf8').split(from);
    if (before === undefined || after === undefined || more.length > 0) {
      throw new Error(`${this.path} does not hold this text exactly once: ${from}`);
    }
    writeFileSync(this.path, before + to + after);
  }

  [Symbol.dispose](): void {
    if (existsSync(this.original)) renameSync(this.original, this.path);
  }
}
