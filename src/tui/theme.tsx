/** Colours by what they mean. Without colours, weight and inversion say the same. */
import { type ReactNode, createContext, use } from 'react';
import type { TextProps } from 'ink';
import { type Environment, tasteOf } from '../terminal/look.js';

type Style = Pick<TextProps, 'color' | 'backgroundColor' | 'bold' | 'dimColor' | 'inverse'>;

export interface Theme {
  readonly unicode: boolean;
  readonly title: Style;
  readonly plain: Style;
  readonly dim: Style;
  readonly accent: Style;
  readonly good: Style;
  readonly bad: Style;
  readonly warning: Style;
  readonly selected: Style;
  readonly added: Style;
  readonly removed: Style;
}

/** Colours by name are the terminal's own, so that they fit light and dark ones. */
const COLOURS: Omit<Theme, 'unicode'> = {
  title: { bold: true },
  plain: {},
  dim: { dimColor: true },
  accent: { color: 'cyan' },
  good: { color: 'green' },
  bad: { color: 'red' },
  warning: { color: 'yellow' },
  selected: { inverse: true },
  added: { color: 'green' },
  removed: { color: 'red' },
};

const MONOCHROME: Omit<Theme, 'unicode'> = {
  title: { bold: true },
  plain: {},
  dim: {},
  accent: { bold: true },
  good: {},
  bad: { bold: true },
  warning: { bold: true },
  selected: { inverse: true },
  added: { bold: true },
  removed: {},
};

export function themeFor(environment: Environment): Theme {
  const { colour, unicode } = tasteOf(environment);
  return { ...(colour ? COLOURS : MONOCHROME), unicode };
}

const ThemeContext = createContext<Theme>({ ...COLOURS, unicode: true });

export function Themed({
  theme,
  children,
}: {
  readonly theme: Theme;
  readonly children: ReactNode;
}): ReactNode {
  return <ThemeContext value={theme}>{children}</ThemeContext>;
}

export function useTheme(): Theme {
  return use(ThemeContext);
}
