/** Small programs whose sources stand in the test itself. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { TemporaryTree } from '../build/temporary-tree.js';
import { type StartOptions, type Target, startTarget } from './target.js';
import { writeAfter } from './write-after.js';

const run = promisify(execFile);

/** Calls `void show(void)` many times a second, each time in a line of its own. */
export const MAIN_C = `#include <stdio.h>
#include <time.h>
void show(void);
int main(void)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    for (;;) {
        show();
        putchar('\\n');
        fflush(stdout);
        nanosleep(&pause, NULL);
    }
}
`;

export class InlineProgram extends TemporaryTree {
  get program(): string {
    return this.at('main');
  }

  /** Runs a command in its folder. */
  async run(command: string, ...args: readonly string[]): Promise<string> {
    const { stdout } = await run(command, args, { cwd: this.path });
    return stdout;
  }

  start(options: StartOptions = {}): Promise<Target> {
    return startTarget(this.program, [], options);
  }

  /** @throws when the text is not there exactly once */
  edit(name: string, from: string, to: string): void {
    const [before, after, ...more] = readFileSync(this.at(name), 'utf8').split(from);
    if (before === undefined || after === undefined || more.length > 0)
      throw new Error(`${name} does not hold this text exactly once: ${from}`);
    writeAfter(this.at(name), before + to + after, this.program);
  }
}

/** Compiles each C or C++ source by itself and links them into `main`. */
export async function buildInline(
  files: Readonly<Record<string, string>>,
  flags: readonly string[] = ['-O2', '-g'],
  compiler = 'gcc',
): Promise<InlineProgram> {
  const program = new InlineProgram(files);
  try {
    const sources = Object.keys(files).filter((name) => /\.(c|cpp)$/.test(name));
    const objects = sources.map((name) => `${name}.o`);
    for (const [i, source] of sources.entries())
      await program.run(compiler, ...flags, '-c', '-o', objects[i] ?? '', source);
    // The language is the sources' only.
    const linking = flags.filter((flag, i) => flag !== '-x' && flags[i - 1] !== '-x');
    await program.run(compiler, ...linking, '-o', 'main', ...objects);
    return program;
  } catch (error) {
    program[Symbol.dispose]();
    throw error;
  }
}
