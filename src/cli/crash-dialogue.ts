/**
 * Asks on the terminal what is to become of a program whose new code has crashed.
 *
 * The program owns the terminal and stands still meanwhile. It may have set it to whatever it
 * likes: for the time of the question lines are edited here, key by key, and then everything is as
 * the program had it. Only a process of the terminal's foreground group may read from it, so nobody
 * is asked when that is another group, as after `hcr run … &`.
 */
import { openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { ReadStream, WriteStream } from 'node:tty';
import {
  CRASH_CHOICES,
  type CrashAnswer,
  type CrashChoice,
  type CrashReport,
} from '../app/crash-report.js';
import { describeChoice } from '../terminal/crash-words.js';

function usage(choice: CrashChoice, { returns }: CrashReport): string {
  return choice === 'return' && returns !== 'nothing' ? 'return VALUE' : choice;
}

/** What can be answered, one choice a line; impossible ones with the reason. */
export function describeChoices(report: CrashReport): string {
  return CRASH_CHOICES.map(
    (choice) => `  ${usage(choice, report).padEnd(14)}${describeChoice(choice, report)}`,
  ).join('\n');
}

/** @returns undefined for what is no answer, or none to this crash */
export function parseAnswer(line: string, report: CrashReport): CrashAnswer | undefined {
  const [word = '', value, ...more] = line.trim().split(/\s+/);
  const matches = CRASH_CHOICES.filter((choice) => word !== '' && choice.startsWith(word));
  // `r` is for two of them.
  const [choice] = matches.length === 1 ? matches : matches.filter((each) => each === word);
  if (choice === undefined || more.length > 0 || report.impossible[choice] !== undefined)
    return undefined;
  if (value === undefined) {
    const wantsValue = choice === 'return' && report.returns !== 'nothing';
    return wantsValue ? undefined : { choice };
  }
  return choice === 'return' && report.returns !== 'nothing' ? { choice, value } : undefined;
}

/** Whether hcr may read from its terminal now. @see proc(5) /proc/pid/stat */
function isInForeground(): boolean {
  // Fields from the third on; the second, a name in parentheses, may hold anything.
  const [, , group, , terminal, foreground] = readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return terminal !== '0' && group === foreground;
}

/** Asks until there is an answer. @returns undefined when there is nobody to ask, or who is asked
 *  ends the input */
export async function askAboutCrash(
  report: CrashReport,
  over: AbortSignal,
): Promise<CrashAnswer | undefined> {
  const terminal = openTerminal();
  if (terminal === undefined) return undefined;
  const { input, output, close } = terminal;
  const lines = createInterface({ input, output, terminal: true, historySize: 0 });
  const ended = new AbortController();
  const end = (): void => {
    ended.abort();
  };
  lines.once('close', end);
  over.addEventListener('abort', end);
  // Ctrl+C is no answer: it may be the key that reloads.
  lines.on('SIGINT', () => output.write('\r\n'));
  try {
    output.write(`${describeChoices(report)}\r\n`.replaceAll(/\r?\n/g, '\r\n'));
    for (;;) {
      const answer = parseAnswer(await lines.question('hcr> ', { signal: ended.signal }), report);
      if (answer !== undefined) return answer;
      output.write('One of the words above, please.\r\n');
    }
  } catch {
    return undefined;
  } finally {
    over.removeEventListener('abort', end);
    lines.close();
    close();
  }
}

interface OpenTerminal {
  readonly input: ReadStream;
  readonly output: WriteStream;
  readonly close: () => void;
}

function openTerminal(): OpenTerminal | undefined {
  if (!isInForeground()) return undefined;
  try {
    const input = new ReadStream(openSync('/dev/tty', 'r'));
    const output = new WriteStream(openSync('/dev/tty', 'w'));
    return {
      input,
      output,
      close: () => {
        input.destroy();
        output.destroy();
      },
    };
  } catch {
    return undefined;
  }
}
