/** Draws recorded lines as a terminal window. Each line appears when it did, once; where nothing
 *  is animated, all of them are there. */
import type { Run, Style, TerminalLine } from './terminal-text.js';

const LINE_HEIGHT = 20;
const CHARACTER_WIDTH = 8.43;
const FONT_SIZE = 14;
const MARGIN = 18;
const TITLE_BAR = 34;
/** Of a line, what is below the foot of its letters. */
const DESCENT = 6;

const BACKGROUND = '#0d1117';
const FOREGROUND = '#c9d1d9';
const DIM = '#8b949e';
const BRIGHT = '#f0f6fc';
/** By SGR number. */
const COLOURS: Readonly<Record<number, string>> = {
  31: '#ff7b72',
  32: '#56d364',
  33: '#e3b341',
  36: '#76e3ea',
};

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function fillOf({ bold, dim, colour }: Style): string {
  const chosen = colour === undefined ? undefined : COLOURS[colour];
  return chosen ?? (dim === true ? DIM : bold === true ? BRIGHT : FOREGROUND);
}

function drawBackground({ text, style }: Run, column: number, y: number): string {
  if (style.inverse !== true) return '';
  const x = (MARGIN + column * CHARACTER_WIDTH).toFixed(1);
  const width = (text.length * CHARACTER_WIDTH).toFixed(1);
  return `  <rect x="${x}" y="${y - LINE_HEIGHT + DESCENT}" width="${width}" height="${LINE_HEIGHT}" fill="${fillOf(style)}"/>\n`;
}

function drawRun({ text, style }: Run, column: number): string {
  // Every run says where it starts and how long it is: fonts differ in width.
  const x = (MARGIN + column * CHARACTER_WIDTH).toFixed(1);
  const length = (text.length * CHARACTER_WIDTH).toFixed(1);
  const weight = style.bold === true ? ' font-weight="bold"' : '';
  return `<tspan x="${x}" textLength="${length}" fill="${style.inverse === true ? BACKGROUND : fillOf(style)}"${weight}>${escapeXml(text)}</tspan>`;
}

function drawLine({ runs, atMs }: TerminalLine, index: number): string {
  if (runs.length === 0) return '';
  const y = TITLE_BAR + MARGIN + index * LINE_HEIGHT;
  let column = 0;
  let backgrounds = '';
  const drawn = runs.map((run) => {
    const text = drawRun(run, column);
    backgrounds += drawBackground(run, column, y);
    column += run.text.length;
    return text;
  });
  const delay = (Math.round(atMs / 50) / 20).toFixed(2);
  return `${backgrounds}  <text y="${y}" style="animation-delay:${delay}s">${drawn.join('')}</text>\n`;
}

/** @param label what it is a picture of */
export function drawSvg(lines: readonly TerminalLine[], columns: number, label: string): string {
  const width = Math.ceil(2 * MARGIN + columns * CHARACTER_WIDTH);
  const height = TITLE_BAR + 2 * MARGIN + (lines.length - 1) * LINE_HEIGHT;
  const dots = ['#ff5f56', '#ffbd2e', '#27c93f'].map(
    (colour, i) => `<circle cx="${MARGIN + 4 + i * 18}" cy="17" r="5.5" fill="${colour}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" xml:space="preserve" role="img" aria-label="${escapeXml(label)}">
  <style>
    text { white-space: pre; font: ${FONT_SIZE}px ui-monospace, 'SFMono-Regular', 'DejaVu Sans Mono', Menlo, Consolas, monospace; animation: appear 1ms backwards; }
    @keyframes appear { from { opacity: 0 } }
    @media (prefers-reduced-motion: reduce) { text { animation: none } }
  </style>
  <rect width="${width}" height="${height}" rx="9" fill="${BACKGROUND}"/>
  ${dots.join('')}
${lines.map(drawLine).join('')}</svg>
`;
}
