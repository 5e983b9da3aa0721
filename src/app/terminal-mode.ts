/** Whether a program that has hcr's terminal has taken the screen over. */
import { libc } from '../ptrace/libc.js';

const STDERR = 2;

/** True while the terminal hands on single keys: programs that draw on the whole screen, and those
 *  that edit lines themselves, ask for that. What others write spoils what they have drawn. */
export function isScreenTaken(): boolean {
  return libc().readsSingleKeys(STDERR);
}
