/** Programs that a user works with for a while: an editor, a debugger. */
import { spawn } from 'node:child_process';

/** The keyboard's signals are theirs: hcr is in the same job. */
const KEYBOARD_SIGNALS = ['SIGINT', 'SIGQUIT'] as const;
const nobody = (): void => undefined;

/** Gives them the terminal until they end. hcr goes on meanwhile, but reads no key and draws nothing:
 *  that is up to the caller.
 *  @returns why it could not be started; undefined when it ran */
export async function runInForeground(
  program: string,
  args: readonly string[],
): Promise<string | undefined> {
  for (const signal of KEYBOARD_SIGNALS) process.on(signal, nobody);
  try {
    return await new Promise((resolve) => {
      const child = spawn(program, args, { stdio: 'inherit' });
      child.once('error', (error) => {
        resolve(`${program} cannot be started: ${error.message}`);
      });
      child.once('exit', () => {
        resolve(undefined);
      });
    });
  } finally {
    for (const signal of KEYBOARD_SIGNALS) process.off(signal, nobody);
  }
}
