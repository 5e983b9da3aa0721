/** Colours by what they mean. Without colours, weight and inversion say the same. */
import { type ReactNode, createContext, use } from 'react';
import type { TextProps } from 'ink';
import { type Environment, tasteOf } from '../terminal/look.js';

type Style = Pick<TextProps, 'color' | 'backgroundColor' | 'bold' | 'dimColor' | 'inverse'>;

export type StyleName =
  | ('plain' | 'title' | 'dim' | 'accent' | 'good' | 'bad' | 'warning')
  | ('selected' | 'chip' | 'alarm' | 'key' | 'added' | 'removed');

/** Characters that draw; in a locale without them plain ones do. */
interface Signs {
  readonly unicode: boolean;
  readonly separator: string;
  readonly horizontal: string;
  readonly vertical: string;
  readonly dot: string;
  readonly changed: string;
  readonly refused: string;
  readonly inlined: string;
  readonly ellipsis: string;
}

export type Theme = Readonly<Record<StyleName, Style>> & Signs;

/** Colours by name are the terminal's own, so that they fit light and dark ones. */
const COLOURS: Readonly<Record<StyleName, Style>> = {
  plain: {},
  title: { bold: true },
  dim: { dimColor: true },
  accent: { color: 'cyan', bold: true },
  good: { color: 'green' },
  bad: { color: 'red' },
  warning: { color: 'yellow' },
  selected: { inverse: true },
  chip: { color: 'cyan', inverse: true, bold: true },
  alarm: { color: 'red', inverse: true, bold: true },
  key: { color: 'cyan', bold: true },
  added: { color: 'green' },
  removed: { color: 'red' },
};

const MONOCHROME: Readonly<Record<StyleName, Style>> = {
  plain: {},
  title: { bold: true },
  dim: {},
  accent: { bold: true },
  good: {},
  bad: { bold: true },
  warning: { bold: true },
  selected: { inverse: true },
  chip: { inverse: true },
  alarm: { inverse: true },
  key: { bold: true },
  added: { bold: true },
  removed: {},
};

const UNICODE: Signs = {
  unicode: true,
  separator: ' · ',
  horizontal: '─',
  vertical: '│',
  dot: '●',
  changed: '±',
  refused: '✗',
  inlined: '⊂',
  ellipsis: '…',
};

const ASCII: Signs = {
  unicode: false,
  separator: ' | ',
  horizontal: '-',
  vertical: '|',
  dot: '*',
  changed: '~',
  refused: '!',
  inlined: '<',
  ellipsis: '...',
};

export function themeFor(environment: Environment): Theme {
  const { colour, unicode } = tasteOf(environment);
  return { ...(colour ? COLOURS : MONOCHROME), ...(unicode ? UNICODE : ASCII) };
}

const ThemeContext = createContext<Theme>({ ...COLOURS, ...UNICODE });

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
