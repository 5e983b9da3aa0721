/**
 * The terminal while the cockpit has it: the alternate screen, without a cursor. It is given back on
 * every way out, an exception and a signal included.
 *
 * Ink takes it for a stream to which each frame is written whole, and paints nothing by itself.
 */
import { EventEmitter } from 'node:events';
import { paintOver } from './painter.js';

/** The part of a terminal that is used. */
export interface ScreenStream {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** Lines that are too long do not go on in the next.
 *  @see XTerm Control Sequences, DECSET 1049, 25 and 7 */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l';

/** A terminal that was never told its size says 0. */
const USUAL = { columns: 80, lines: 24 };

export class Screen extends EventEmitter implements Disposable {
  private readonly stream: ScreenStream;
  private isTaken = false;
  private shown: readonly string[] | undefined;
  private frame: readonly string[] | undefined;

  constructor(stream: ScreenStream) {
    super();
    this.stream = stream;
    stream.on('resize', this.resized);
    process.on('exit', this.give);
  }

  get columns(): number {
    return this.stream.columns || USUAL.columns;
  }

  get rows(): number {
    return this.stream.rows || USUAL.lines;
  }

  take(): void {
    if (this.isTaken) return;
    this.isTaken = true;
    this.stream.write(ENTER);
    this.repaint();
  }

  readonly give = (): void => {
    if (!this.isTaken) return;
    this.isTaken = false;
    this.stream.write(LEAVE);
  };

  /** Takes a whole frame, as Ink writes it. */
  write(text: string, done?: () => void): boolean {
    // Ink ends with an empty write, to know when all others are done.
    if (text !== '') {
      this.frame = text.split('\n').slice(0, this.rows);
      this.paint();
    }
    done?.();
    return true;
  }

  /** Paints everything again: something else has written to the terminal. */
  repaint(): void {
    this.shown = undefined;
    this.paint();
  }

  /** Puts a text on the clipboard, where the terminal lets it. @see XTerm Control Sequences, OSC 52 */
  copy(text: string): void {
    this.stream.write(`\u001b]52;c;${Buffer.from(text).toString('base64')}\u0007`);
  }

  private paint(): void {
    if (!this.isTaken || this.frame === undefined) return;
    const bytes = paintOver(this.shown, this.frame, this);
    this.shown = this.frame;
    if (bytes !== '') this.stream.write(bytes);
  }

  private readonly resized = (): void => {
    // Terminals shift and wrap what they show when their size changes.
    this.shown = undefined;
    this.emit('resize');
  };

  [Symbol.dispose](): void {
    this.give();
    this.stream.off('resize', this.resized);
    process.off('exit', this.give);
  }
}
