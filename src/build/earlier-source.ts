/**
 * The texts that a source had before it was edited, as far as git keeps them. Compiled by the command
 * that was found for the edited one, such a text shows whether that is how the program was compiled.
 *
 * @see git-rev-parse(1), git-rev-list(1), git-cat-file(1)
 */
import { writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isHcrError } from '../core/failure.js';
import { runnerOf } from './build-trust.js';
import type { BuildUser } from './build-user.js';
import type { CompileCommand } from './compile-command.js';
import { type CompiledObject, compileObject } from './compile.js';
import { findProgram } from './find-program.js';
import { runProgramToEnd } from './process-group.js';
import { ScratchDirectory } from './scratch-directory.js';

const TIMEOUT_MS = 5000;
const MAX_BYTES = 1 << 26;
/** git neither asks anybody nor writes, and reads the repository of the source. It fetches nothing that
 *  is missing there: no list of protocols in the repository's settings counts beside an empty one here. */
const QUIETLY = {
  LC_ALL: 'C',
  GIT_ALLOW_PROTOCOL: '',
  GIT_NO_LAZY_FETCH: '1',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_TERMINAL_PROMPT: '0',
  GIT_DIR: undefined,
  GIT_WORK_TREE: undefined,
  GIT_INDEX_FILE: undefined,
  GIT_OBJECT_DIRECTORY: undefined,
};
/** A program that the settings of the repository may name. */
const SETTINGS = ['-c', 'core.fsmonitor=false'];

/**
 * What was committed last, and last before the program was linked. None where there is no git, no
 * repository, or one that its owner does not let be read.
 * @param linkedMs when the program was linked, in milliseconds since the epoch
 */
export async function* earlierTexts(
  { source, user }: CompileCommand,
  linkedMs: number,
): AsyncGenerator<string> {
  const program = findProgram('git', '/');
  const reader = readerOf(source, user);
  if (program === undefined || reader === undefined) return;
  const ask = async (...words: readonly string[]): Promise<string | undefined> => {
    const { exitCode, stdout } = await runProgramToEnd({
      program,
      args: [...SETTINGS, ...words],
      directory: dirname(source),
      environment: QUIETLY,
      timeoutMs: TIMEOUT_MS,
      maxOutputBytes: MAX_BYTES,
      ...reader,
    });
    return exitCode === 0 ? stdout : undefined;
  };
  const seen = new Set<string>();
  const before = `--before=@${Math.floor(linkedMs / 1000)}`;
  for (const revision of ['HEAD', (await ask('rev-list', '-1', before, 'HEAD'))?.trim()]) {
    if (revision === undefined || revision === '') continue;
    const blob = (
      await ask('rev-parse', '--verify', '-q', `${revision}:./${basename(source)}`)
    )?.trim();
    if (blob === undefined || seen.has(blob)) continue;
    seen.add(blob);
    const text = await ask('cat-file', 'blob', blob);
    if (text !== undefined) yield text;
  }
}

/** With whose rights to read the repository: with no more than the owner of the source has. Undefined
 *  where hcr cannot take them on. */
function readerOf(
  source: string,
  user: BuildUser | undefined,
): { readonly user?: BuildUser } | undefined {
  try {
    const runner = runnerOf(source, user);
    return runner === undefined ? {} : { user: runner };
  } catch (error) {
    if (!isHcrError(error, 'build-user-denied')) throw error;
    return undefined;
  }
}

/** Compiles another text as if it stood in the source. @returns undefined when it does not compile
 *  @throws HcrError as `compileObject`, but for `compile-failed` */
export async function compileText(
  command: CompileCommand,
  text: string,
  extraFlags: readonly string[],
): Promise<CompiledObject | undefined> {
  using scratch = new ScratchDirectory(command.user, 'read');
  const source = join(scratch.path, basename(command.source));
  // The name is for __FILE__ and for the line table.
  writeFileSync(source, `# 1 ${JSON.stringify(command.input)}\n${text}`, {
    flag: 'wx',
    mode: 0o644,
  });
  const args = ['-iquote', dirname(command.source), ...command.args];
  try {
    return await compileObject({ ...command, source, input: source, args }, { extraFlags });
  } catch (error) {
    if (!isHcrError(error, 'compile-failed')) throw error;
    return undefined;
  }
}
