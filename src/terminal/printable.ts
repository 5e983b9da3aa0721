/**
 * Text from outside as it may go to a terminal. Names of functions, threads, files and whatever a
 * compiler says come from the target: what in them would steer a terminal, hide text or turn its
 * direction is shown as an escape instead of being obeyed.
 *
 * @see ECMA-48 for C0 and C1; Unicode Standard Annex 9 for the direction of text; CVE-2021-42574
 */
import { stripVTControlCharacters } from 'node:util';
import { HcrError } from '../core/failure.js';
import type { Failure } from '../core/failure-codes.js';

/** C0 but tab and newline, DEL, C1; what turns or hides text; separators of lines. */
const STEERING =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const TAB = '    ';
/** Fields that hold text of several lines; in all others a new line is part of a name. */
const SEVERAL_LINES = new Set(['notes', 'diagnostics', 'detail', 'message', 'text']);

function escaped(char: string): string {
  const code = char.charCodeAt(0);
  const digits = code.toString(16);
  return code < 0x100 ? `\\x${digits.padStart(2, '0')}` : `\\u${digits.padStart(4, '0')}`;
}

/** As one line that a screen of cells can hold: each character that steers as a dot, a tab as
 *  blanks. */
export function printableCells(text: string): string {
  return text.replaceAll('\t', TAB).replaceAll('\n', '\u00b7').replace(STEERING, '\u00b7');
}

/** Keeps the ends of lines. */
export function printableLines(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(STEERING, escaped);
}

/** The same value with every text in it printable; what is no plain object stays as it is. */
export function printable<T>(value: T, field = ''): T {
  return printableValue(value, field) as T;
}

function printableValue(value: unknown, field: string): unknown {
  if (typeof value === 'string') {
    // A compiler that paints its words although nobody asked is not worth escapes.
    const text = field === 'diagnostics' ? stripVTControlCharacters(value) : value;
    const lines = printableLines(text);
    return SEVERAL_LINES.has(field) ? lines : lines.replaceAll('\n', '\\n');
  }
  if (Array.isArray(value)) return value.map((each) => printableValue(each, field));
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [printableLines(name), printableValue(each, name)]),
  );
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}

/** The same failure, worded from printable fields. */
export function printableFailure(error: HcrError): HcrError {
  return new HcrError(printable<Failure>(error.failure));
}

/** JSON that says the same and shows no such character: they all have an escape in it. */
export function printableJson(value: object): string {
  return JSON.stringify(value).replace(
    STEERING,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
