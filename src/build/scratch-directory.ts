/** A folder for one compilation, which nobody else may enter and which does not stay. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const existing = new Set<string>();

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

function removeAll(): void {
  for (const path of existing) remove(path);
}

/** Removed on disposal, and when hcr exits before that. */
export class ScratchDirectory implements Disposable {
  readonly path: string;

  constructor() {
    // mkdtemp(3) makes it with mode 0700 under a name that was free.
    this.path = mkdtempSync(join(tmpdir(), 'hcr-'));
    if (existing.size === 0) process.on('exit', removeAll);
    existing.add(this.path);
  }

  [Symbol.dispose](): void {
    existing.delete(this.path);
    if (existing.size === 0) process.off('exit', removeAll);
    remove(this.path);
  }
}
