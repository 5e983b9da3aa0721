/** The lines of a stream, read one after another or until one fits. */
import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';

/** Only a test that hangs comes near it. */
const PATIENCE_MS = 30_000;

export class LineReader implements AsyncIterable<string> {
  private readonly unread: string[] = [];
  private ended = false;
  private wake: (() => void) | undefined;
  /** The last line that was read: shown when one that was waited for does not come. */
  private last = '';

  constructor(stream: Readable) {
    const lines = createInterface({ input: stream });
    lines.on('line', (line) => {
      this.unread.push(line);
      this.wake?.();
    });
    lines.on('close', () => {
      this.ended = true;
      this.wake?.();
    });
  }

  /** @returns undefined at the end of the stream */
  async next(patienceMs = PATIENCE_MS): Promise<string | undefined> {
    if (this.unread.length === 0 && !this.ended) {
      const waited = new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      const { promise: impatience, cancel } = rejectAfter(patienceMs, () => this.describe());
      try {
        await Promise.race([waited, impatience]);
      } finally {
        cancel();
      }
    }
    const line = this.unread.shift();
    if (line !== undefined) this.last = line;
    return line;
  }

  /** Reads until a line matches. @throws when none does before the end, or for long */
  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = performance.now() + PATIENCE_MS;
    while (performance.now() < deadline) {
      const line = await this.next();
      if (line === undefined) throw new Error(`no line matched ${pattern}: ${this.describe()}`);
      const match = pattern.exec(line);
      if (match !== null) return match;
    }
    throw new Error(`no line matched ${pattern}: ${this.describe()}`);
  }

  /** Forgets the lines that have arrived and were not read. */
  skipArrived(): void {
    this.last = this.unread.pop() ?? this.last;
    this.unread.length = 0;
  }

  /** Forgets besides the line that was under way: of the next one no part was computed before. */
  async skipBegun(): Promise<void> {
    this.skipArrived();
    await this.next();
  }

  /** All lines that are left, to the end of the stream. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for await (const line of this) lines.push(line);
    return lines;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    for (let line = await this.next(); line !== undefined; line = await this.next()) yield line;
  }

  private describe(): string {
    return `${this.ended ? 'the output ended' : 'no more output came'}; the last line was: ${this.last}`;
  }
}

function rejectAfter(
  ms: number,
  reason: () => string,
): { promise: Promise<never>; cancel: () => void } {
  let cancel = (): void => undefined;
  const promise = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new Error(reason())), ms);
    cancel = () => clearTimeout(timer);
  });
  return { promise, cancel };
}
