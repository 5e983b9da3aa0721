/** One line of the screen, made of parts with a look of their own. */
import { Text } from 'ink';
import type { ReactNode } from 'react';
import { fit, widthOf } from '../text.js';
import { type Theme, useTheme } from '../theme.js';

export type StyleName = Exclude<keyof Theme, 'unicode'>;

export interface Part {
  readonly text: string;
  readonly style?: StyleName;
}

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
  const shown = parts.map(({ text, style: own }, index) => {
    const isLast = index === parts.length - 1;
    const cut = isLast ? fit(text, left) : fit(text, Math.min(widthOf(text), left));
    left -= widthOf(cut);
    return (
      <Text key={index} {...theme[own ?? style]}>
        {cut}
      </Text>
    );
  });
  return (
    <Text wrap="truncate-end" {...theme[style]}>
      {shown}
    </Text>
  );
}
