/** How text may look on the stream it goes to: colours, characters beyond ASCII, width. */
import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

export interface Look {
  readonly colour: boolean;
  /** Whether `→` and `✓` will be seen as such. */
  readonly unicode: boolean;
  /** Columns of the terminal; undefined when the output is not one, and lines are not cut. */
  readonly width: number | undefined;
  /** Whether a line can be written over: a terminal that knows control sequences. */
  readonly rewritable: boolean;
}

/** The part of a stream that decides. */
export interface Sink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export function lookOf(sink: Sink, environment: Environment): Look {
  const terminal = sink.isTTY === true;
  const rewritable = terminal && environment['TERM'] !== 'dumb';
  const { colour, unicode } = tasteOf(environment);
  return {
    colour: colour && rewritable,
    unicode,
    // A terminal that was never told its size says 0.
    width: terminal ? sink.columns || 80 : undefined,
    rewritable,
  };
}

/** What the user's settings allow, wherever it goes. @see locale(7) for the order of the variables;
 *  no-color.org */
export function tasteOf(environment: Environment): Pick<Look, 'colour' | 'unicode'> {
  const { NO_COLOR, LC_ALL, LC_CTYPE, LANG } = environment as Record<string, string>;
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== '');
  return { colour: (NO_COLOR ?? '') === '', unicode: /utf-?8/i.test(locale ?? '') };
}

export function paint(look: Look, format: Format, text: string): string {
  return look.colour ? styleText(format, text, { validateStream: false }) : text;
}

export function arrow(look: Look): string {
  return look.unicode ? '→' : '->';
}
