/**
 * The terminal while the cockpit has it: the alternate screen, without a cursor. It is given back on
 * every way out, an exception and a signal included.
 */
export interface ScreenStream {
  write(text: string): unknown;
}

/** @see XTerm Control Sequences, DECSET 1049 and 25 */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[H\u001b[2J';
const LEAVE = '\u001b[?25h\u001b[?1049l';

export class Screen implements Disposable {
  private readonly stream: ScreenStream;
  private isTaken = false;

  constructor(stream: ScreenStream) {
    this.stream = stream;
    process.on('exit', this.give);
  }

  take(): void {
    if (this.isTaken) return;
    this.isTaken = true;
    this.stream.write(ENTER);
  }

  readonly give = (): void => {
    if (!this.isTaken) return;
    this.isTaken = false;
    this.stream.write(LEAVE);
  };

  /** Puts a text on the clipboard, where the terminal lets it. @see XTerm Control Sequences, OSC 52 */
  copy(text: string): void {
    this.stream.write(`\u001b]52;c;${Buffer.from(text).toString('base64')}\u0007`);
  }

  [Symbol.dispose](): void {
    this.give();
    process.off('exit', this.give);
  }
}
