/** Edits of a source that is not the test's own: the text comes back at the end, also that of a
 *  test that was killed. */
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

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

  /** Edits as `sed -i` does: into a file beside it, which is renamed.
   *  @throws when nothing is different then */
  async sed(script: string): Promise<void> {
    const before = readFileSync(this.path);
    await run('sed', ['-i', script, this.path]);
    if (before.equals(readFileSync(this.path)))
      throw new Error(`${script} changes nothing in ${this.path}`);
  }

  [Symbol.dispose](): void {
    if (existsSync(this.original)) renameSync(this.original, this.path);
  }
}

/** One edit of many sources in a folder. */
export class EditedFolder implements Disposable {
  private readonly sources: readonly EditedSource[];

  private constructor(sources: readonly EditedSource[]) {
    this.sources = sources;
  }

  /** Of those that are named so. */
  static async sed(folder: string, name: RegExp, script: string): Promise<EditedFolder> {
    const names = readdirSync(folder).filter((each) => name.test(each));
    const edited = new EditedFolder(names.map((each) => new EditedSource(join(folder, each))));
    await run('sed', ['-i', script, ...edited.sources.map(({ path }) => path)]);
    return edited;
  }

  [Symbol.dispose](): void {
    for (const source of this.sources) source[Symbol.dispose]();
  }
}
