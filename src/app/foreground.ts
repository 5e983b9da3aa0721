/** What the interface gives the terminal to: the user's editor, and gdb. */
import { splitShellWords } from '../build/shell-words.js';
import { runInForeground } from '../build/foreground.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Editors that take `+LINE` before the file, which is most that run in a terminal. */
const TAKES_LINE = /^(n?vim?|view|nano|emacs|emacsclient|mg|micro|kak|joe|ne|helix|hx|ed)$/;

/** @returns why it could not be done */
export function editSource(
  file: string,
  line: number | undefined,
  environment: Environment,
): Promise<string | undefined> {
  const { VISUAL, EDITOR } = environment as Record<string, string | undefined>;
  const [program = 'vi', ...words] = splitShellWords(VISUAL ?? EDITOR ?? 'vi');
  const base = program.split('/').at(-1) ?? program;
  const place = line !== undefined && TAKES_LINE.test(base) ? [`+${line}`] : [];
  return runInForeground(program, [...words, ...place, file]);
}

/** gdb attached to the process, at a function: the process stands until it is left.
 *  @param entry `0x…`
 *  @param isStopped whether it was left at a crash
 *  @returns why it could not be done */
export function debugAt(
  pid: number,
  entry: string | undefined,
  isStopped: boolean,
): Promise<string | undefined> {
  const at = entry === undefined ? [] : ['-ex', `info symbol ${entry}`, '-ex', `x/8i ${entry}`];
  // gdb stops for the SIGSTOP of each thread that it has found stopped, and passes it on.
  const still = isStopped ? ['-ex', 'handle SIGSTOP nostop noprint nopass', '-ex', 'bt'] : [];
  return runInForeground('gdb', ['-q', '-p', String(pid), ...still, ...at]);
}
