/** Checks what stands on the command line; each refusal says what would be right. */
import { constants } from 'node:os';
import { HcrError } from '../core/failure.js';

/** pid_t is a signed 32-bit number. */
const MAX_PID = 0x7fff_ffff;

function wrong(detail: string, advice?: string): never {
  throw new HcrError({ code: 'usage', detail, ...(advice === undefined ? {} : { advice }) });
}

function wholeNumber(text: string): number | undefined {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** @throws HcrError `usage` */
export function parsePid(text: string): number {
  const value = wholeNumber(text);
  if (value !== undefined && value > 0 && value <= MAX_PID) return value;
  return wrong(
    `'${text}' is not a process id.`,
    'Give a positive number; look it up with `pgrep -a NAME`.',
  );
}

/** @throws HcrError `usage` */
export function parseMilliseconds(text: string): number {
  const value = wholeNumber(text);
  // setTimeout takes no more than this.
  if (value !== undefined && value <= 0x7fff_ffff) return value;
  return wrong(`'${text}' is not a time.`, 'Give whole milliseconds, for example --timeout 5000.');
}

/** @throws HcrError `usage` */
export function parseGeneration(text: string): number {
  return (
    wholeNumber(text) ??
    wrong(
      `'${text}' is not a generation.`,
      'Give a number from `hcr status PID`; 0 is the original program.',
    )
  );
}

/** Option values that may be given several times. */
export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}

/** Signals that can't be taken over: two that never reach a tracer's choice, and those of faults. */
const NOT_FOR_RELOAD = new Set([
  ...['SIGKILL', 'SIGSTOP', 'SIGTRAP', 'SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE'],
]);

/**
 * `SIGINT`, `INT`, `int` or `2`; the answer is `SIGINT`.
 *
 * @throws HcrError `usage`
 */
export function parseSignal(text: string): string {
  const upper = text.toUpperCase();
  const name =
    Object.keys(constants.signals).find((known) => known === upper || known === `SIG${upper}`) ??
    Object.entries(constants.signals).find(([, number]) => String(number) === text)?.[0];
  if (name === undefined) {
    return wrong(`'${text}' is not a signal.`, 'Give a name such as SIGINT, SIGHUP or SIGUSR1.');
  }
  if (NOT_FOR_RELOAD.has(name)) {
    return wrong(`${name} cannot trigger a reload.`, 'Use SIGINT, SIGHUP, SIGUSR1 or SIGUSR2.');
  }
  return name;
}
