/** One line of the screen, made of parts with a look of their own. */
import { Text } from 'ink';
import type { ReactNode } from 'react';
import { asciiCells, fit, widthOf, wrap } from '../text.js';
import { type StyleName, useTheme } from '../theme.js';

export interface Part {
  readonly text: string;
  readonly style?: StyleName;
}

const BLANK: readonly Part[] = [{ text: '' }];

/** At the end of a line, so that the part before it is not padded. */
export const END: Part = { text: '' };

/** Cut or padded to exactly `columns`. */
export function Line({
  parts,
  columns,
  style = 'plain',
}: {
  readonly parts: readonly Part[];
  readonly columns: number;
  readonly style?: StyleName;
}): ReactNode {
  const theme = useTheme();
  let left = columns;
  const shown = (parts.length === 0 ? BLANK : parts).map(({ text, style: own }, index) => {
    const isLast = index >= parts.length - 1;
    const cut = isLast ? fit(text, left) : fit(text, Math.min(widthOf(text), left));
    left -= widthOf(cut);
    return (
      <Text key={index} {...theme[own ?? style]}>
        {theme.unicode ? cut : asciiCells(cut)}
      </Text>
    );
  });
  return (
    <Text wrap="truncate-end" {...theme[style]}>
      {shown}
    </Text>
  );
}

/** Parts at the left end and at the right end of a line; the right ones vanish where there is no room
 *  for both. */
export function spread(
  left: readonly Part[],
  right: readonly Part[],
  columns: number,
  between: (columns: number) => Part = (blanks) => ({ text: ' '.repeat(blanks) }),
): readonly Part[] {
  const room = columns - widthOfParts(left) - widthOfParts(right);
  return room < 1
    ? [...left, between(Math.max(columns - widthOfParts(left), 0))]
    : [...left, between(room), ...right];
}

/** A text as lines of a pane with so many columns, with a margin at both sides. */
export function paragraph(text: string, columns: number, style?: StyleName): Part[][] {
  return wrap(text, columns - 4).map((line) => [
    { text: `  ${line}`, ...(style === undefined ? {} : { style }) },
  ]);
}

export function widthOfParts(parts: readonly Part[]): number {
  return parts.reduce((sum, { text }) => sum + widthOf(text), 0);
}
