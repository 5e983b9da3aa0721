/**
 * What a watch shows besides its lines: how far a long build is, and, if asked for, a bell and the
 * state in the title of the window. Nothing of it moves the cursor of a program that has the screen.
 */
import type { WatchEvent } from '../app/watch-event.js';
import type { Look, Sink } from '../terminal/look.js';
import { formatMs } from '../terminal/quantity.js';

/** Moves to the first column and clears to the end of the line (ECMA-48 EL). */
const CLEAR_LINE = '\r\u001b[K';
const BELL = '\u0007';
/** Builds that are over sooner need no progress. */
const LONG_MS = 400;

export interface FeedbackOptions {
  readonly bell?: boolean;
  readonly title?: boolean;
}

export class WatchFeedback implements Disposable {
  private readonly sink: Sink;
  private readonly look: Look;
  private readonly options: FeedbackOptions;
  private readonly animates: boolean;
  private total = 0;
  private done = 0;
  private sinceMs = 0;
  private isShown = false;
  private timer: NodeJS.Timeout | undefined;

  /** @param animate rewrite a line of this terminal, which is hcr's alone */
  constructor(sink: Sink, look: Look, options: FeedbackOptions, animate: boolean) {
    this.sink = sink;
    this.look = look;
    this.options = options;
    this.animates = animate && look.rewritable;
  }

  /** To be told of each event before its line is written. */
  take(event: WatchEvent): void {
    switch (event.kind) {
      case 'changed':
        this.start(event.units.length);
        return;
      case 'compiled':
        this.done += 1;
        return;
      case 'patched':
        this.end(`generation ${event.report.generation}`);
        return;
      case 'refused':
      case 'failed':
        this.end(event.kind);
        return;
      case 'ended':
        this.setTitle('ended');
        return;
      case 'watching':
      case 'compiling':
    }
  }

  private start(total: number): void {
    this.total = total;
    this.done = 0;
    this.sinceMs = performance.now();
    this.setTitle('compiling');
    if (!this.animates) return;
    this.timer ??= setInterval(() => {
      this.draw();
    }, LONG_MS).unref();
  }

  private draw(): void {
    this.isShown = true;
    const text = `hcr: compiling, ${this.done} of ${this.total} done after ${formatMs(performance.now() - this.sinceMs)}`;
    this.sink.write(`${CLEAR_LINE}${text.slice(0, (this.look.width ?? 80) - 1)}`);
  }

  private end(state: string): void {
    this.clear();
    this.setTitle(state);
    if (this.options.bell === true && this.sink.isTTY === true) this.sink.write(BELL);
  }

  private clear(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    if (this.isShown) this.sink.write(CLEAR_LINE);
    this.isShown = false;
  }

  /** @see xterm's "Control Sequences", OSC 2 */
  private setTitle(state: string): void {
    if (this.options.title === true && this.look.rewritable)
      this.sink.write(`\u001b]2;hcr: ${state}${BELL}`);
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
