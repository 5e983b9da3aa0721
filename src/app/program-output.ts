/** What a program has printed last, where it prints to a file. Terminals and pipes give what they get
 *  to somebody else. */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  readlinkSync,
  statSync,
} from 'node:fs';

/** As much as a screen shows many times over. */
const MAX_BYTES = 32 << 10;
const STANDARD_OUTPUT = 1;

export interface ProgramOutput {
  /** Where it goes: a path, or what the kernel calls a pipe or a socket; undefined when nowhere. */
  readonly place: string | undefined;
  /** The last lines; undefined when they cannot be read. */
  readonly lines: readonly string[] | undefined;
}

/** Reads the end of the file, as it is in the process's own file system. The process notices nothing. */
export function readProgramOutput(pid: number): ProgramOutput {
  const link = `/proc/${pid}/fd/${STANDARD_OUTPUT}`;
  let place: string;
  try {
    place = readlinkSync(link);
  } catch {
    return { place: undefined, lines: undefined };
  }
  // To open a terminal or a pipe could take from it what others are to read.
  if (!place.startsWith('/') || place.startsWith('/dev/')) return { place, lines: undefined };
  try {
    return { place, lines: statSync(link).isFile() ? lastLines(link) : undefined };
  } catch {
    return { place, lines: undefined };
  }
}

function lastLines(path: string): string[] {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const { size } = fstatSync(file);
    const start = Math.max(size - MAX_BYTES, 0);
    const bytes = Buffer.alloc(Math.min(size, MAX_BYTES));
    const length = readSync(file, bytes, 0, bytes.length, start);
    const lines = bytes.toString('utf8', 0, length).split('\n');
    // The first may have been cut, the last is empty after a new line.
    if (start > 0) lines.shift();
    if (lines.at(-1) === '') lines.pop();
    return lines;
  } finally {
    closeSync(file);
  }
}
