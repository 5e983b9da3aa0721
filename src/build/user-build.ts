/** The user's own ways to make an object: `--build CMD` and `--object FILE`. */
import { resolve } from 'node:path';
import { HcrError } from '../core/failure.js';
import type { BuildUser } from './build-user.js';
import { runProgramToEnd } from './process-group.js';
import { readRegularFile } from './regular-file.js';

export interface BuildRun {
  readonly durationMs: number;
  /** What the command wrote, on either stream. */
  readonly output: string;
}

export interface UserBuildOptions {
  /** Where the command runs. */
  readonly directory: string;
  readonly onStart?: (command: string) => void;
  /** Default: no limit; builds take as long as they take. */
  readonly timeoutMs?: number;
  /** With whose rights, when not with those of hcr. */
  readonly user?: BuildUser;
}

const MAX_OBJECT_BYTES = 1 << 30;

/**
 * Runs `command` through `/bin/sh -c`. It is the user's own, typed on hcr's command line.
 *
 * @throws HcrError `compile-failed` when it ends with anything but 0, `build-user-denied`
 */
export async function runUserBuild(command: string, options: UserBuildOptions): Promise<BuildRun> {
  options.onStart?.(command);
  const outcome = await runProgramToEnd({
    program: '/bin/sh',
    args: ['-c', command],
    directory: options.directory,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.user === undefined ? {} : { user: options.user }),
  });
  const output = `${outcome.stdout}${outcome.stderr}`.trimEnd();
  if (outcome.exitCode === 0) return { durationMs: outcome.durationMs, output };
  const how = outcome.exitCode === null ? 'took too long' : `ended with code ${outcome.exitCode}`;
  throw new HcrError({
    code: 'compile-failed',
    command,
    diagnostics: `${output}\nThe build command ${how}.`.trim(),
    exitCode: outcome.exitCode,
  });
}

/**
 * Reads the object that `--object` names; the bytes are the caller's.
 *
 * @throws HcrError `usage` when there is no such file
 */
export function readGivenObject(path: string): Uint8Array {
  const file = resolve(path);
  const bytes = readRegularFile(file, { maxBytes: MAX_OBJECT_BYTES });
  if (bytes === undefined) {
    throw new HcrError({
      code: 'usage',
      detail: `There is no object file ${file}.`,
      advice: 'Pass --object with the file that the compiler made, or let hcr compile the source.',
    });
  }
  return bytes;
}
