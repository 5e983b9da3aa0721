/** Compiles one source into an object, in memory: nothing of it stays on the disk. */
import { dirname, join, resolve } from 'node:path';
import { HcrError } from '../core/failure.js';
import { classDebugFlags } from './class-debug-flags.js';
import type { CompileCommand } from './compile-command.js';
import { parseDependencyRule } from './dependencies.js';
import { isDirectory } from './file-kind.js';
import { type ProgramOutcome, runProgramToEnd } from './process-group.js';
import { type ReadLimits, readRegularFile } from './regular-file.js';
import { ScratchDirectory } from './scratch-directory.js';
import { quoteShellWords } from './shell-words.js';

export interface CompileOptions {
  /** Appended after all flags of the command, so that they win. */
  readonly extraFlags: readonly string[];
  /** Told the command just before the compiler starts. */
  readonly onStart?: (command: string) => void;
  /** Default: ten minutes. */
  readonly timeoutMs?: number;
  /** Ends the compiler, which then has failed. */
  readonly signal?: AbortSignal;
}

/** How a source becomes an object: {@link compileObject}, or something that keeps what it made. */
export type Compile = (command: CompileCommand, options: CompileOptions) => Promise<CompiledObject>;

export interface CompiledObject {
  /** Where the object was while it was compiled, for messages. The file is gone. */
  readonly path: string;
  /** The object file; owned by the caller. */
  readonly bytes: Uint8Array;
  /** The command as a line for a shell. */
  readonly command: string;
  readonly durationMs: number;
  /** Warnings; empty when there were none. */
  readonly diagnostics: string;
  /** Absolute paths of the source and of every file that it includes, as the compiler has them;
   *  empty for one that does not tell. */
  readonly dependencies: readonly string[];
}

const DEFAULT_TIMEOUT_MS = 600_000;
const MAX_OBJECT_BYTES = 1 << 30;

/** Each function and each datum in a section of its own, so that they can be linked one by one. */
const SECTION_FLAGS = ['-ffunction-sections', '-fdata-sections'];

/** English messages, no files on the side, and intermediate files where they go away with ours. */
function environmentIn(scratch: string): Record<string, string | undefined> {
  return {
    LC_ALL: 'C',
    TMPDIR: scratch,
    DEPENDENCIES_OUTPUT: undefined,
    SUNPRO_DEPENDENCIES: undefined,
  };
}

/** What gcc and clang say when a -I or a -D is missing. */
const MISSES_SOMETHING =
  /No such file or directory|file not found|undeclared|unknown type name|#error/;

function failed(command: CompileCommand, line: string, outcome: ProgramOutcome): HcrError {
  const said = `${outcome.stderr}${outcome.stdout}`.trim();
  const fallback =
    outcome.exitCode === null
      ? `${command.cc} did not finish within ${Math.round(outcome.durationMs)} ms.`
      : `${command.cc} ended with code ${outcome.exitCode} and left no object.`;
  return new HcrError({
    code: 'compile-failed',
    source: command.source,
    command: line,
    diagnostics: said === '' || outcome.exitCode === null ? `${said}\n${fallback}`.trim() : said,
    exitCode: outcome.exitCode,
    ...adviceFor(command, said),
  });
}

function adviceFor({ user, origin }: CompileCommand, said: string): { readonly advice?: string } {
  if (user !== undefined && /Permission denied/.test(said)) {
    return {
      advice: `hcr compiled as user ${user.uid}, whose process it is: let that user read the files, or pass an object with --object`,
    };
  }
  return origin === 'dwarf' && MISSES_SOMETHING.test(said)
    ? {
        advice:
          'Fix the error and run hcr again; if a header or macro is missing, pass -I and -D with --cflags or name a compile_commands.json, for the debug information does not record them',
      }
    : {};
}

function readDependencies(rule: string, directory: string, limits: ReadLimits): string[] {
  const text = readRegularFile(rule, limits);
  if (text === undefined) return [];
  return parseDependencyRule(text.toString('utf8')).map((path) => resolve(directory, path));
}

/**
 * Runs the compiler, without a shell, in the folder where the build ran it.
 *
 * @throws HcrError `compile-failed` with the compiler's own words, also when it took too long;
 * `compiler-not-found` when it can't be started, `build-user-denied`
 */
export async function compileObject(
  command: CompileCommand,
  options: CompileOptions,
): Promise<CompiledObject> {
  const { user } = command;
  using scratch = new ScratchDirectory(user);
  const path = join(scratch.path, 'patch.o');
  const rule = join(scratch.path, 'patch.d');
  const there = isDirectory(command.directory);
  const directory = there ? command.directory : dirname(command.source);
  const debug = command.args.some((arg) => arg.startsWith('-g')) ? [] : ['-g'];
  const args = [
    ...debug,
    ...command.args,
    ...options.extraFlags,
    ...SECTION_FLAGS,
    ...classDebugFlags(command),
    ...['-MD', '-MF', rule, '-MT', 'patch'],
    ...['-c', '-o', path, there ? command.input : command.source],
  ];
  const line = quoteShellWords([command.cc, ...args]);
  options.onStart?.(line);
  const outcome = await runProgramToEnd({
    program: command.cc,
    args,
    directory,
    environment: environmentIn(scratch.path),
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(user === undefined ? {} : { user }),
  });
  const limits = { maxBytes: MAX_OBJECT_BYTES, ...(user && { madeBy: user.uid }) };
  const bytes = outcome.exitCode === 0 ? readRegularFile(path, limits) : undefined;
  if (bytes === undefined) throw failed(command, line, outcome);
  return {
    path,
    bytes,
    command: line,
    durationMs: outcome.durationMs,
    diagnostics: outcome.stderr.trim(),
    dependencies: readDependencies(rule, directory, limits),
  };
}
