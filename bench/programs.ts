/** A folder of compiled targets, gone at the end. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TARGET_SOURCES } from './places.js';

const run = promisify(execFile);

/** As the targets are built, and recorded in their debug information. */
export const CFLAGS = ['-O2', '-g'] as const;

export const COMPILER = 'gcc';

export class Programs implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'hcr-bench-'));
  /** The source of the patched function, to be edited. */
  readonly answerSource = this.path('answer.c');

  constructor() {
    copyFileSync(join(TARGET_SOURCES, 'answer.c'), this.answerSource);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Builds a program of one file that calls no patched function. */
  async buildTool(name: string): Promise<string> {
    await this.compile(['-O2', '-o', this.path(name), join(TARGET_SOURCES, `${name}.c`)]);
    return this.path(name);
  }

  /** Builds a target of bench/targets with `answer` and `answer_by_hand` linked in. */
  async buildTarget(name: string): Promise<string> {
    const byHand = await this.compileAnswer('by-hand.o', ['-DFUNCTION=answer_by_hand']);
    // The function under test is compiled where its source can be edited and found again.
    const answer = await this.compileAnswer('answer.o', []);
    const main = join(TARGET_SOURCES, `${name}.c`);
    await this.compile([...CFLAGS, '-pthread', '-o', this.path(name), main, answer, byHand]);
    return this.path(name);
  }

  /** The body of a later version, as an object file. */
  async compileVersion(version: number): Promise<string> {
    return await this.compileAnswer(`answer-${version}.o`, [`-DVERSION=${version}`]);
  }

  private async compileAnswer(name: string, flags: readonly string[]): Promise<string> {
    await this.compile([...CFLAGS, ...flags, '-c', '-o', this.path(name), this.answerSource]);
    return this.path(name);
  }

  async compile(args: readonly string[]): Promise<void> {
    await run(COMPILER, args, { cwd: this.directory });
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
