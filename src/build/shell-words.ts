/**
 * Splits a command line into words the way a POSIX shell does, and quotes words back, without ever
 * running a shell: blanks, quotes and backslashes mean what they mean there; `$`, `*`, `;`, `#` and
 * the rest are ordinary characters.
 *
 * @see POSIX.1-2017, Shell Command Language 2.2 Quoting; clang "JSON Compilation Database"
 */
import { HcrError } from '../core/failure.js';

const BLANK = /[ \t\n]/;
/** Inside double quotes a backslash is itself unless one of these follows. */
const ESCAPABLE_IN_QUOTES = /["\\$`]/;

/** @throws HcrError `usage` when a quote is not closed; `what` names the text in the message. */
export function splitShellWords(text: string, what = 'command'): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charAt(i);
    const next = text.charAt(i + 1);
    if (quote === "'") {
      if (char === quote) quote = undefined;
      else word = `${word ?? ''}${char}`;
    } else if (char === '\\' && next === '\n') {
      i += 1;
    } else if (quote === '"') {
      if (char === quote) quote = undefined;
      else if (char === '\\' && ESCAPABLE_IN_QUOTES.test(next)) {
        word = `${word ?? ''}${next}`;
        i += 1;
      } else word = `${word ?? ''}${char}`;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (char === '\\' && next !== '') {
      word = `${word ?? ''}${next}`;
      i += 1;
    } else if (BLANK.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = `${word ?? ''}${char}`;
  }
  if (quote !== undefined) {
    throw new HcrError({
      code: 'usage',
      detail: `A quote ${quote} is not closed in the ${what}: ${text}`,
      advice: 'Close the quote, or escape it with a backslash.',
    });
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** The words as a line that a shell splits into the same words. */
export function quoteShellWords(words: readonly string[]): string {
  return words
    .map((word) =>
      /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`,
    )
    .join(' ');
}
