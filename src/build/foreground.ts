/** Programs that a user works with for a while: an editor, a debugger. */
import { spawnSync } from 'node:child_process';

/** Gives them the terminal until they end.
 *  @returns why it could not be started; undefined when it ran */
export function runInForeground(program: string, args: readonly string[]): string | undefined {
  const { error } = spawnSync(program, args, { stdio: 'inherit' });
  return error === undefined ? undefined : `${program} cannot be started: ${error.message}`;
}
