/**
 * Which code of the readers has run, by V8's own counters: no instrumentation, no library. Asking
 * takes some milliseconds, so it is done once for many inputs; see worker for how the one that
 * counts is found among them.
 * @see Chrome DevTools Protocol, domain Profiler
 */
import { type Profiler, Session } from 'node:inspector';

export class Coverage implements Disposable {
  private readonly session = new Session();
  /** By function: which bytes of its text have run. */
  private readonly seen = new Map<string, Uint8Array>();
  private covered = 0;

  /** Before the code to be watched is loaded. */
  constructor() {
    this.session.connect();
    this.session.post('Profiler.enable');
    this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Bytes of source text that have run since the start. */
  get bytes(): number {
    return this.covered;
  }

  /** Notes what has run since the last call. @returns whether any of it had never run before */
  take(): boolean {
    return this.note(true);
  }

  /** As {@link take}, without noting it. */
  peek(): boolean {
    return this.note(false);
  }

  private note(keep: boolean): boolean {
    let scripts: Profiler.ScriptCoverage[] = [];
    this.session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error === null) scripts = result;
    });
    let isNew = false;
    for (const { url, functions } of scripts) {
      if (!url.includes('/src/')) continue;
      for (const { ranges } of functions) {
        if (this.noteFunction(url, ranges, keep)) isNew = true;
      }
    }
    return isNew;
  }

  private noteFunction(url: string, ranges: Profiler.CoverageRange[], keep: boolean): boolean {
    const [whole] = ranges;
    if (whole === undefined || whole.count === 0) return false;
    const { startOffset, endOffset } = whole;
    const key = `${url}:${startOffset}-${endOffset}`;
    const ran = new Uint8Array(endOffset - startOffset);
    // The inner ranges follow the outer ones.
    for (const range of ranges) {
      ran.fill(
        range.count > 0 ? 1 : 0,
        range.startOffset - startOffset,
        range.endOffset - startOffset,
      );
    }
    const known = this.seen.get(key) ?? new Uint8Array(ran.length);
    let isNew = false;
    for (let i = 0; i < ran.length; i++) {
      if (ran[i] === 0 || known[i] === 1) continue;
      isNew = true;
      if (!keep) return true;
      known[i] = 1;
      this.covered++;
    }
    if (keep) this.seen.set(key, known);
    return isNew;
  }

  [Symbol.dispose](): void {
    this.session.disconnect();
  }
}
