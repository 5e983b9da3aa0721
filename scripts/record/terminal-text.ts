/**
 * The little of a terminal that recorded output needs: lines, returns, clearing to the end of a
 * line, and the attributes that `styleText` of Node writes.
 * @see ECMA-48, 8.3.117 (SGR) and 8.3.41 (EL)
 */

export interface Style {
  readonly bold?: boolean;
  readonly dim?: boolean;
  /** Background and foreground change places. */
  readonly inverse?: boolean;
  /** The number of an SGR foreground colour, 31 for red. */
  readonly colour?: number;
}

export interface Run {
  readonly text: string;
  readonly style: Style;
}

export interface TerminalLine {
  readonly runs: readonly Run[];
  /** When its last character came, in milliseconds. */
  readonly atMs: number;
}

interface Cell {
  readonly character: string;
  readonly style: Style;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the control characters
const TOKENS = /\u001b\[([0-9;]*)([A-Za-z])|\r|\n|[^\u001b\r\n]/gu;

export class TerminalText {
  private readonly rows: { cells: Cell[]; atMs: number }[] = [{ cells: [], atMs: 0 }];
  private column = 0;
  private style: Style = {};

  write(text: string, atMs: number): void {
    for (const [token, parameters, final] of text.matchAll(TOKENS)) {
      const row = this.rows.at(-1);
      if (row === undefined) return;
      if (token === '\n') this.rows.push({ cells: [], atMs });
      else if (token === '\r') this.column = 0;
      else if (final === 'K') row.cells.length = Math.min(row.cells.length, this.column);
      else if (final === 'm') this.restyle((parameters ?? '').split(';').map(Number));
      else if (final === undefined) {
        row.cells[this.column++] = { character: token, style: this.style };
        row.atMs = atMs;
      }
    }
  }

  private restyle(codes: readonly number[]): void {
    for (const code of codes) {
      const { bold: _bold, dim: _dim, ...rest } = this.style;
      const { colour: _colour, ...plain } = this.style;
      const { inverse: _inverse, ...upright } = this.style;
      if (code === 0) this.style = {};
      else if (code === 1) this.style = { ...this.style, bold: true };
      else if (code === 2) this.style = { ...this.style, dim: true };
      else if (code === 7) this.style = { ...this.style, inverse: true };
      else if (code === 22) this.style = rest;
      else if (code === 27) this.style = upright;
      else if (code === 39) this.style = plain;
      else if (code >= 30 && code <= 37) this.style = { ...this.style, colour: code };
    }
  }

  /** Without empty lines at the end. */
  get lines(): readonly TerminalLine[] {
    const lines = this.rows.map(({ cells, atMs }) => ({ runs: runsOf(cells), atMs }));
    while (lines.at(-1)?.runs.length === 0) lines.pop();
    return lines;
  }
}

function runsOf(cells: readonly Cell[]): Run[] {
  const runs: { text: string; style: Style }[] = [];
  for (const { character, style } of cells) {
    const last = runs.at(-1);
    if (last?.style === style) last.text += character;
    else runs.push({ text: character, style });
  }
  return runs;
}
