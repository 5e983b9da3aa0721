/** Colours by what they mean. Without colours, weight and inversion say the same. */
import { type ReactNode, createContext, use } from 'react';
import type { TextProps } from 'ink';

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

/** @see no-color.org; locale(7) */
export function themeFor(environment: Readonly<Record<string, string | undefined>>): Theme {
  const { NO_COLOR, LC_ALL, LC_CTYPE, LANG } = environment as Record<string, string>;
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== '');
  const unicode = /utf-?8/i.test(locale ?? '');
  return { ...((NO_COLOR ?? '') === '' ? COLOURS : MONOCHROME), unicode };
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
