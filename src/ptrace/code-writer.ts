/**
 * Changes code of a target that stands still: all of it or nothing.
 *
 * What the pages are to hold is worked out beforehand from what they hold then. In the stop they are
 * read once more, all at once; where nothing has changed, which is always but for a program that
 * writes its own code, what was worked out is written as it is.
 */
import { hex } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { CodeWrite } from '../patch/ledger.js';
import { type PageWrites, applyWrites, groupByPage } from '../patch/page-writes.js';
import type { NativeBuffer } from './libc.js';
import type { TargetProcess } from './process.js';

interface PlannedPage extends PageWrites {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

export class CodeWriter {
  private readonly target: TargetProcess;
  private readonly pages: readonly PlannedPage[];
  private readonly room: NativeBuffer;

  /** @throws HcrError `unsupported-target` when the bytes are not what hcr left there,
   *  `attach-denied`, `target-exited` */
  constructor(target: TargetProcess, writes: readonly CodeWrite[]) {
    this.target = target;
    target.memory.prepareProtectedWrites();
    this.pages = groupByPage(writes, target.machine.pageBytes).map((page) => {
      const before = target.memory.read(page.range.start, page.range.end - page.range.start);
      return { ...page, before, after: this.apply(page, before) };
    });
    this.room = target.libc.allocate(
      this.pages.reduce((sum, { before }) => sum + before.length, 0),
    );
  }

  /** To be called while all threads stand still.
   *  @throws HcrError `unsupported-target`, `target-exited`, `target-replaced`; then nothing is
   *    changed, or all of it was taken back */
  write(): void {
    const { memory } = this.target;
    const found = this.readAll();
    const pages = this.pages.map((page, i) => this.update(page, found[i] ?? page.before));
    const done: PlannedPage[] = [];
    try {
      for (const page of pages) {
        done.push(page);
        memory.writeProtected(page.range.start, page.after);
      }
    } catch (error) {
      for (const page of done.reverse()) memory.writeProtected(page.range.start, page.before);
      throw error;
    }
  }

  private readAll(): Uint8Array[] {
    const { memory } = this.target;
    const ranges = this.pages.map(({ range }) => range);
    if (!memory.readMany(ranges, this.room, 0)) {
      return ranges.map(({ start, end }) => memory.read(start, end - start));
    }
    let at = 0;
    return this.pages.map(({ before }) => this.room.bytes.subarray(at, (at += before.length)));
  }

  private update(page: PlannedPage, found: Uint8Array): PlannedPage {
    if (Buffer.compare(found, page.before) === 0) return page;
    const before = new Uint8Array(found);
    return { ...page, before, after: this.apply(page, before) };
  }

  private apply(page: PageWrites, found: Uint8Array): Uint8Array {
    const applied = applyWrites(page, found);
    if ('bytes' in applied) return applied.bytes;
    throw new HcrError({
      code: 'unsupported-target',
      pid: this.target.pid,
      detail: `its code at ${hex(applied.changed.address)} was changed by something else (a debugger's breakpoint?)`,
    });
  }
}
