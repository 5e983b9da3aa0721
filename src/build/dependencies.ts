/**
 * Asks the compiler which files a translation unit is made of. The line table of the running
 * program leaves out headers that only define macros; the preprocessor knows them all.
 *
 * @see GCC manual, "Preprocessor Options", -M; GNU make manual, "Rule Syntax"
 */
import { dirname, resolve } from 'node:path';
import type { CompileCommand } from './compile-command.js';
import { isDirectory } from './file-kind.js';
import { runProgramToEnd } from './process-group.js';

const TIMEOUT_MS = 120_000;
const TARGET = 'unit';

/** The prerequisites of a rule as compilers write it: blanks and `#` escaped by a backslash, `$`
 *  doubled, lines continued by a backslash at their end. */
export function parseDependencyRule(text: string): string[] {
  const colon = /(?<!\\):(\s|$)/.exec(text);
  if (colon === null) return [];
  return Array.from(
    text
      .slice(colon.index + 1)
      .replaceAll(/\\\r?\n/g, ' ')
      .matchAll(/(?:\\[ #]|\$\$|\S)+/g),
    ([word]) => word.replaceAll(/\\([ #])/g, '$1').replaceAll('$$', '$'),
  );
}

/**
 * Absolute paths of the source and of every file that it includes, headers of the system too.
 *
 * @returns undefined when the preprocessor fails, for example because a header is missing
 * @throws HcrError `compiler-not-found` when the compiler can't be started
 */
export async function dependenciesOf(
  command: CompileCommand,
): Promise<readonly string[] | undefined> {
  const there = isDirectory(command.directory);
  const directory = there ? command.directory : dirname(command.source);
  const { exitCode, stdout } = await runProgramToEnd({
    program: command.cc,
    args: [...command.args, '-M', '-MT', TARGET, there ? command.input : command.source],
    directory,
    environment: { LC_ALL: 'C', DEPENDENCIES_OUTPUT: undefined, SUNPRO_DEPENDENCIES: undefined },
    timeoutMs: TIMEOUT_MS,
    ...(command.user === undefined ? {} : { user: command.user }),
  });
  if (exitCode !== 0) return undefined;
  return parseDependencyRule(stdout).map((path) => resolve(directory, path));
}
