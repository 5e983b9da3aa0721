/**
 * Lines on a terminal that belongs to another program: they are kept back while that program draws on
 * the screen, and come when it is done with it.
 */
import type { Sink } from '../terminal/look.js';

/** Older ones say nothing about the state of the program. */
const MAX_HELD = 20;
const LOOK_MS = 500;

export class PoliteLines implements Disposable {
  private readonly sink: Sink;
  private readonly isScreenTaken: () => boolean;
  private held: string[] = [];
  private left = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(sink: Sink, isScreenTaken: () => boolean) {
    this.sink = sink;
    this.isScreenTaken = isScreenTaken;
  }

  /** @param text one line or several, without the last line feed */
  write(text: string): void {
    this.held.push(text);
    if (this.held.length > MAX_HELD) {
      this.held.shift();
      this.left += 1;
    }
    this.writeIfFree();
  }

  private writeIfFree(): void {
    if (this.sink.isTTY === true && this.isScreenTaken()) {
      this.timer ??= setInterval(() => {
        this.writeIfFree();
      }, LOOK_MS).unref();
      return;
    }
    this[Symbol.dispose]();
  }

  /** Writes what is held, whoever has the screen. */
  [Symbol.dispose](): void {
    clearInterval(this.timer);
    this.timer = undefined;
    const lines =
      this.left > 0 ? [`hcr: … ${this.left} earlier messages`, ...this.held] : this.held;
    this.held = [];
    this.left = 0;
    for (const line of lines) this.sink.write(`${line}\n`);
  }
}
