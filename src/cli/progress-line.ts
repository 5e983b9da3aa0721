/**
 * One line on the terminal that says what hcr is at, rewritten in place and gone at the end.
 * Silent where there is no terminal to rewrite.
 */
import type { Progress, ReportProgress } from '../app/report.js';
import type { Look, Sink } from '../terminal/look.js';
import { printable } from '../terminal/printable.js';

/** Moves to the first column and clears to the end of the line (ECMA-48 EL). */
const CLEAR_LINE = '\r\u001b[K';
const TICK_MS = 200;
/** Waits of less than this are not worth a number. */
const SHOW_SECONDS_FROM_MS = 1000;

function describe(progress: Exclude<Progress, { stage: 'log' }>): string {
  switch (progress.stage) {
    case 'observe':
      return 'reading the process';
    case 'build':
      return `compiling: ${progress.command}`;
    case 'link':
      return 'linking';
    case 'publish':
      return 'publishing';
    case 'hook':
      return `running the program’s ${progress.name}`;
    case 'waiting':
      return `waiting: ${progress.reason}`;
  }
}

export interface ProgressOptions {
  /** Rewrite a line on this terminal. */
  readonly animate: boolean;
  /** Write the details (compiler command, log lines) as lines that stay. */
  readonly verbose: boolean;
}

export class ProgressLine implements Disposable {
  private readonly sink: Sink;
  private readonly look: Look;
  private readonly options: ProgressOptions;
  private timer: NodeJS.Timeout | undefined;
  private text = '';
  private sinceMs = 0;

  constructor(sink: Sink, look: Look, options: ProgressOptions) {
    this.sink = sink;
    this.look = look;
    this.options = options;
  }

  readonly report: ReportProgress = (raw) => {
    const progress = printable(raw);
    if (progress.stage === 'log') {
      if (this.options.verbose) this.writeLasting(progress.text);
      return;
    }
    if (this.options.verbose && progress.stage === 'build') this.writeLasting(progress.command);
    if (!this.options.animate) return;
    this.text = describe(progress);
    this.sinceMs = performance.now();
    this.draw();
    this.timer ??= setInterval(() => {
      this.draw();
    }, TICK_MS).unref();
  };

  private draw(): void {
    const elapsedMs = performance.now() - this.sinceMs;
    const seconds = elapsedMs < SHOW_SECONDS_FROM_MS ? '' : `${Math.floor(elapsedMs / 1000)} s `;
    const line = `hcr: ${seconds}${this.text}`.slice(0, Math.max(1, (this.look.width ?? 80) - 1));
    this.sink.write(`${CLEAR_LINE}${line}`);
  }

  private writeLasting(text: string): void {
    this.clear();
    this.sink.write(`hcr: ${text}\n`);
  }

  private clear(): void {
    if (this.options.animate) this.sink.write(CLEAR_LINE);
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
    if (this.timer !== undefined) this.clear();
    this.timer = undefined;
  }
}
