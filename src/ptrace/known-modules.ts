/**
 * Modules as they were at the last look at each of some processes. A file that is mapped as before stays open, with
 * all that was read of it; what has changed is read anew, and what is gone is closed. Values that are
 * in the process are never kept.
 */
import type { Stats } from 'node:fs';
import type { ElfFile } from '../elf/elf-file.js';
import type { LoadedModule } from '../elf/loaded-module.js';

/** Which file it is, and as which version of it. */
export function identityOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev}:${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}

export class KnownModules implements Disposable {
  private readonly files = new Map<string, ElfFile>();
  private readonly lists = new Map<number, readonly LoadedModule[]>();

  /** The file that is known by this identity, or else a new one.
   *  @param identity all that decides what reading it gives */
  open(identity: string, open: () => ElfFile): ElfFile {
    const file = this.files.get(identity) ?? open();
    this.files.set(identity, file);
    return file;
  }

  /** Ends a look at a process: the modules it found, as the very objects of the last look where
   *  nothing about them is different, and as the very list where nothing is different at all. */
  settle(pid: number, found: readonly LoadedModule[]): readonly LoadedModule[] {
    const before = this.lists.get(pid) ?? [];
    const now = found.map((module) => before.find((old) => isSame(old, module)) ?? module);
    const isSameList =
      now.length === before.length && now.every((module, i) => module === before[i]);
    const list = isSameList ? before : now;
    this.lists.set(pid, list);
    this.closeUnused();
    return list;
  }

  /** Of a process that has ended. */
  forget(pid: number): void {
    this.lists.delete(pid);
    this.closeUnused();
  }

  private closeUnused(): void {
    const used = new Set([...this.lists.values()].flat().map(({ file }) => file));
    for (const [identity, file] of this.files) {
      if (used.has(file)) continue;
      file[Symbol.dispose]();
      this.files.delete(identity);
    }
  }

  [Symbol.dispose](): void {
    this.lists.clear();
    this.closeUnused();
  }
}

function isSame(a: LoadedModule, b: LoadedModule): boolean {
  return (
    a.file === b.file &&
    a.path === b.path &&
    a.bias === b.bias &&
    a.range.start === b.range.start &&
    a.range.end === b.range.end &&
    a.isExecutable === b.isExecutable &&
    a.writtenAtMs === b.writtenAtMs &&
    a.loader?.linkMap === b.loader?.linkMap &&
    a.loader?.namespace === b.loader?.namespace &&
    a.loader?.order === b.loader?.order &&
    a.loader?.isGlobal === b.loader?.isGlobal
  );
}
