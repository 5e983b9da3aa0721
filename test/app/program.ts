/** Small programs, compiled for one test into a folder of its own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeAfter } from '../support/write-after.js';

export class Program implements Disposable {
  readonly directory: string;

  /** @param sources by file name; what ends in .c is compiled when it is built */
  constructor(sources: Readonly<Record<string, string>>) {
    this.directory = realpathSync(mkdtempSync(join(tmpdir(), 'hcr-app-')));
    for (const [name, text] of Object.entries(sources)) writeFileSync(this.path(name), text);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Runs gcc in the folder. @returns the path of `output` */
  gcc(output: string, ...args: readonly string[]): string {
    this.run('gcc', '-o', output, ...args);
    return this.path(output);
  }

  /** Edits a source of `app`, which has been built. @throws when the text is not there */
  edit(name: string, from: string, to: string): void {
    const text = readFileSync(this.path(name), 'utf8');
    if (!text.includes(from)) throw new Error(`${name} does not hold this text: ${from}`);
    writeAfter(this.path(name), text.replace(from, to), this.path('app'));
  }

  run(command: string, ...args: readonly string[]): string {
    return execFileSync(command, args, {
      cwd: this.directory,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 28,
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
