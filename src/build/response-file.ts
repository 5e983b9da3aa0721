/**
 * Response files: an argument `@FILE` stands for the words in FILE. Expanded only in commands that
 * the user's own build wrote, never in flags that come from a binary.
 *
 * @see GCC manual, "Overall Options", @file; libiberty/argv.c buildargv
 */
import { resolve } from 'node:path';
import { readRegularFile } from './regular-file.js';

const MAX_BYTES = 16 << 20;
/** gcc counts expansions too, so that a file naming itself ends. */
const MAX_EXPANSIONS = 2000;
/** Of all files together. A file that names itself many times over would not come to an end in the
 *  memory of the machine. */
const MAX_TEXT_BYTES = MAX_BYTES;

/** Here a backslash escapes any character, inside either kind of quotes as well. */
function splitResponse(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charAt(i);
    if (char === '\\') {
      i += 1;
      word = `${word ?? ''}${text.charAt(i)}`;
    } else if (quote !== undefined) {
      if (char === quote) quote = undefined;
      else word = `${word ?? ''}${char}`;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = `${word ?? ''}${char}`;
  }
  if (word !== undefined) words.push(word);
  return words;
}

/**
 * A response file that can't be read stays as it is: the compiler takes it literally as well.
 *
 * @param madeBy whose the files must be, where hcr may read more than whoever wrote the command
 */
export function expandResponseFiles(
  args: readonly string[],
  directory: string,
  madeBy?: number,
): string[] {
  const limits = { maxBytes: MAX_BYTES, ...(madeBy === undefined ? {} : { madeBy }) };
  const expanded: string[] = [];
  const pending = args.toReversed();
  let leftBytes = MAX_TEXT_BYTES;
  // One that names itself is read once.
  const texts = new Map<string, Buffer | undefined>();
  const textOf = (path: string): Buffer | undefined => {
    if (!texts.has(path)) texts.set(path, readRegularFile(path, limits));
    return texts.get(path);
  };
  for (let expansions = 0; pending.length > 0; ) {
    const arg = pending.pop() ?? '';
    const text =
      arg.startsWith('@') && expansions < MAX_EXPANSIONS && leftBytes > 0
        ? textOf(resolve(directory, arg.slice(1)))
        : undefined;
    leftBytes -= text?.length ?? 0;
    if (text === undefined || leftBytes < 0) {
      expanded.push(arg);
      continue;
    }
    expansions += 1;
    for (const word of splitResponse(text.toString('utf8')).reverse()) pending.push(word);
  }
  return expanded;
}
