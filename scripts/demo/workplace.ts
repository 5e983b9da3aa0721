/** A copy of the sample program in a folder of its own, gone at the end. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Expectation } from './expectation.js';
import { LoneProgram } from './lone-program.js';
import { Program } from './program.js';

/** The compiled demo lies in .cache/tools/scripts/demo. */
const REPOSITORY = join(import.meta.dirname, '..', '..', '..', '..');

export const HCR = join(REPOSITORY, 'dist', 'cli', 'main.js');

export class Workplace implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'hcr-demo-'));
  readonly source = join(this.directory, 'f1.c');
  private program: Program | undefined;
  private lone: LoneProgram | undefined;

  constructor() {
    cpSync(join(REPOSITORY, 'fixtures', 'demo'), this.directory, { recursive: true });
  }

  /** @throws Expectation with what make said */
  async build(): Promise<void> {
    try {
      await promisify(execFile)('make', ['-s'], { cwd: this.directory });
    } catch (error) {
      const { stderr } = error as { stderr?: string };
      throw new Expectation(`make does not build the sample program.\n${stderr ?? String(error)}`);
    }
  }

  /** Starts the program under hcr, which reloads f1 on SIGINT. */
  start(): Program {
    const options = ['run', '--on', 'SIGINT', '--func', 'f1', '--', './main'];
    this.program = new Program([HCR, ...options], this.directory);
    return this.program;
  }

  /** Starts the program as one would without hcr. */
  startAlone(): LoneProgram {
    this.lone = new LoneProgram(this.directory);
    return this.lone;
  }

  /** Replaces one line of the source.
   *  @throws Expectation when it is not there */
  edit(before: string, after: string): void {
    const text = readFileSync(this.source, 'utf8');
    if (!text.includes(before)) throw new Expectation(`${this.source} has no line ${before}`);
    writeFileSync(this.source, text.replace(before, after));
  }

  [Symbol.dispose](): void {
    this.program?.[Symbol.dispose]();
    this.lone?.[Symbol.dispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
