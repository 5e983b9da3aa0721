/** Small programs, compiled for one test into a folder of its own. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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
