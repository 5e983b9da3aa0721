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
import {
  type PageChange,
  type PageWrites,
  changePages,
  groupByPage,
} from '../patch/page-writes.js';
import type { NativeBuffer } from './libc.js';
import type { TargetProcess } from './process.js';

export class CodeWriter {
  private readonly target: TargetProcess;
  private readonly groups: readonly PageWrites[];
  /** What the ranges of the groups held, and what was made of it. */
  private readonly planned: readonly Uint8Array[];
  private readonly pages: readonly PageChange[];
  private readonly room: NativeBuffer;

  /** @throws HcrError `unsupported-target` when the bytes are not what hcr left there,
   *  `attach-denied`, `target-exited` */
  constructor(target: TargetProcess, writes: readonly CodeWrite[]) {
    this.target = target;
    target.memory.prepareProtectedWrites();
    this.groups = groupByPage(writes, target.machine.pageBytes);
    this.planned = this.groups.map(({ range: { start, end } }) =>
      target.memory.read(start, end - start),
    );
    this.pages = this.change(this.planned);
    this.room = target.libc.allocate(this.planned.reduce((sum, { length }) => sum + length, 0));
  }

  /** To be called while all threads stand still.
   *  @throws HcrError `unsupported-target`, `target-exited`, `target-replaced`; then nothing is
   *    changed, or all of it was taken back */
  write(): void {
    const { memory } = this.target;
    const found = this.readAll();
    const isAsPlanned = found.every(
      (bytes, i) => Buffer.compare(bytes, this.planned[i] ?? bytes) === 0,
    );
    const done: PageChange[] = [];
    try {
      for (const page of isAsPlanned ? this.pages : this.change(found)) {
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
    const ranges = this.groups.map(({ range }) => range);
    if (!memory.readMany(ranges, this.room, 0)) {
      return ranges.map(({ start, end }) => memory.read(start, end - start));
    }
    let at = 0;
    return this.planned.map(({ length }) => this.room.bytes.subarray(at, (at += length)));
  }

  private change(found: readonly Uint8Array[]): readonly PageChange[] {
    const changed = changePages(this.groups, found);
    if ('pages' in changed) return changed.pages;
    throw new HcrError({
      code: 'unsupported-target',
      pid: this.target.pid,
      detail: `its code at ${hex(changed.changed.address)} was changed by something else (a debugger's breakpoint?)`,
    });
  }
}
