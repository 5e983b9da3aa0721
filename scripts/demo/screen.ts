/** How the demo looks: commands, what they print, and the edit. */
import { type Environment, type Look, lookOf, paint, type Sink } from '../../src/terminal/look.js';

const CLEAR_LINE = '\r\u001b[K';
const INDENT = '  ';

export class Screen {
  private readonly sink: Sink;
  private readonly look: Look;
  /** The last line may be written over. */
  private fleeting = false;

  constructor(sink: Sink, environment: Environment) {
    this.sink = sink;
    this.look = lookOf(sink, environment);
  }

  title(name: string, about: string): void {
    this.line(`${paint(this.look, ['bold', 'cyan'], name)}  ${about}`);
  }

  blank(): void {
    this.line('');
  }

  /** A command as one would type it, and what is to be said about it. */
  command(text: string, remark = ''): void {
    const shown = `${paint(this.look, 'dim', '$')} ${paint(this.look, 'bold', text)}`;
    this.line(remark === '' ? shown : `${shown}   ${paint(this.look, 'dim', `# ${remark}`)}`);
  }

  /** A line of instructions; without a number it goes on from the one before. */
  step(number: number | undefined, text: string): void {
    const sign = number === undefined ? ' ' : paint(this.look, ['bold', 'cyan'], String(number));
    this.line(`${INDENT}${sign}  ${text}`);
  }

  program(text: string): void {
    this.line(`${INDENT}${text}`);
  }

  /** A line that the next one may take the place of; on a terminal only. */
  programForNow(text: string): void {
    if (this.fleeting) this.sink.write(CLEAR_LINE);
    this.sink.write(`${INDENT}${text}`);
    this.fleeting = true;
  }

  hcr(text: string): void {
    const colour =
      text.startsWith('hcr: reloaded') || text.startsWith('Rolled back') ? 'green' : 'dim';
    this.line(`${INDENT}${paint(this.look, colour, text)}`);
  }

  edit(file: string, before: string, after: string): void {
    this.line(`${paint(this.look, 'bold', file)}  ${paint(this.look, 'red', `-${before}`)}`);
    this.line(`${' '.repeat(file.length)}  ${paint(this.look, 'green', `+${after}`)}`);
  }

  success(text: string): void {
    const mark = this.look.unicode ? '✓' : 'ok:';
    this.line(`${paint(this.look, ['bold', 'green'], mark)} ${text}`);
  }

  fail(text: string): void {
    const mark = this.look.unicode ? '✗' : 'FAILED:';
    this.line(`${paint(this.look, ['bold', 'red'], mark)} ${text}`);
  }

  /** Leaves what may be written over as it is. */
  keep(): void {
    if (this.fleeting) this.sink.write('\n');
    this.fleeting = false;
  }

  private line(text: string): void {
    this.keep();
    this.sink.write(`${text}\n`);
  }
}
