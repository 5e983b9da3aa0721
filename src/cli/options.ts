/** Options that several commands take, with the same words in each help. */
import type { Command } from 'commander';
import type { PatchOptions } from '../app/report.js';
import { collect, parseMilliseconds } from './arguments.js';
import type { OutputOptions } from './terminal.js';

const DEFAULT_TIMEOUT_MS = 5000;

/** As commander hands them over: absent options have no key. */
export interface RawPatchOptions extends OutputOptions, Partial<Omit<PatchOptions, 'timeoutMs'>> {
  readonly timeout: number;
  readonly func?: readonly string[];
}

export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON object on stdout and nothing else')
    .option('--verbose', 'tell each step and, after a fault, where it happened')
    .option('--quiet', 'print nothing but errors');
}

/** How a watch makes itself noticed besides its lines. */
export function addFeedbackOptions(command: Command): Command {
  return command
    .option('--bell', "ring the terminal's bell when a reload is over")
    .option('--title', 'show the state in the title of the window');
}

export function addTransactionOptions(command: Command): Command {
  return command
    .option('--dry-run', 'do everything but the patch; the process is not changed')
    .option('--when-idle', 'wait until no thread is in any of the functions, in old code or new')
    .option(
      '--timeout <ms>',
      'how long to wait for a safe moment, in milliseconds',
      parseMilliseconds,
      DEFAULT_TIMEOUT_MS,
    );
}

export function addDiffOption(command: Command): Command {
  return command.option('--diff', 'show the code of each function before and after');
}

export function addFunctionOption(command: Command): Command {
  return command.option(
    '--func <name>',
    'function to patch, as name or file.c:name; may be repeated',
    collect,
  );
}

export function addBuildOptions(command: Command): Command {
  return command
    .option('--source <file>', 'source to compile, in place of the one the program was built from')
    .option('--object <file>', 'compiled object to take the new code from; nothing is compiled')
    .option('--compile-commands <path>', 'compile_commands.json, or the folder that holds it')
    .option('--build <command>', 'shell command that makes the object named by --object')
    .option('--cc <compiler>', 'compiler, in place of the one the program was built with')
    .option('--cflags <flags>', 'flags appended to those found, so that they win')
    .option(
      '--module <name>',
      'executable or shared object to patch, when several have the function',
    )
    .option('--unchecked', 'skip the check of signatures, at your own risk');
}

const TEXTS = ['source', 'object', 'compileCommands', 'build', 'cc', 'cflags', 'module'] as const;

export function readPatchOptions(raw: RawPatchOptions): PatchOptions {
  const texts = TEXTS.flatMap((key) => (raw[key] === undefined ? [] : [[key, raw[key]] as const]));
  return {
    ...(Object.fromEntries(texts) as Partial<Record<(typeof TEXTS)[number], string>>),
    ...(raw.diff === true ? { diff: true } : {}),
    ...(raw.whenIdle === true ? { whenIdle: true } : {}),
    dryRun: raw.dryRun ?? false,
    unchecked: raw.unchecked ?? false,
    timeoutMs: raw.timeout,
  };
}

/** Example lines for the end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return ['', 'Examples:', ...lines.map((line) => `  ${line}`)].join('\n');
}
