/** `hcr watch` and `hcr run --watch` as an editor sees them: one JSON object a line. */
import type { LineReader } from './line-reader.js';
import { hcrCommand } from './hcr.js';
import { childrenOf, killIfThere } from './process-tree.js';
import { type Target, startTarget } from './target.js';

export type Event = Readonly<Record<string, unknown>> & { readonly event: string };

/** Of a `patched` event. */
export function functionsOf(event: Event): string[] {
  return (event['functions'] as { readonly name: string }[]).map(({ name }) => name).sort();
}

export class Watch implements AsyncDisposable {
  /** hcr's own process. */
  readonly process: Target;
  private readonly lines: LineReader;
  private readonly endsProgram: boolean;

  constructor(process: Target, lines: LineReader, endsProgram: boolean) {
    this.process = process;
    this.lines = lines;
    this.endsProgram = endsProgram;
  }

  /** The next event. @throws when it does not come */
  async next(): Promise<Event> {
    const line = await this.lines.next();
    if (line === undefined)
      throw new Error(`hcr ended: ${(await this.process.errorLines.rest()).join('\n')}`);
    return JSON.parse(line) as Event;
  }

  /** Reads events until one of this kind, which it returns as the last. */
  async until(kind: string): Promise<Event[]> {
    const events: Event[] = [];
    for (;;) {
      const event = await this.next();
      events.push(event);
      if (event.event === kind) return events;
    }
  }

  /** The next outcome of a reload. */
  async outcome(): Promise<Event> {
    for (;;) {
      const event = await this.next();
      if (['patched', 'refused', 'failed'].includes(event.event)) return event;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.endsProgram && this.process.isAlive)
      for (const pid of childrenOf(this.process.pid)) killIfThere(pid);
    await this.process[Symbol.asyncDispose]();
  }
}

/** Returns when it watches. */
export async function startWatch(pid: number, words: readonly string[] = []): Promise<Watch> {
  const [program = '', ...args] = hcrCommand(['watch', pid, '--json', ...words]);
  const hcr = await startTarget(program, args);
  const watch = new Watch(hcr, hcr.lines, false);
  await watch.until('watching');
  return watch;
}

/** Starts `hcr run --watch --json …`. Returns when it watches. */
export async function runWatched(words: readonly string[], cwd?: string): Promise<Watch> {
  const [program = '', ...args] = hcrCommand(['run', '--watch', '--json', ...words]);
  const hcr = await startTarget(program, args, cwd === undefined ? {} : { cwd });
  const watch = new Watch(hcr, hcr.errorLines, true);
  await watch.until('watching');
  return watch;
}
