/** The first stage: everything that is known about a process before anything is built. */
import { pid as toPid } from '../core/address.js';
import { type DebugInfo, openDebugInfo } from '../dwarf/debug-info.js';
import type { ElfFile } from '../elf/elf-file.js';
import type { LoadedModule } from '../elf/loaded-module.js';
import { LiveSymbols } from '../link/live-symbols.js';
import { OriginalMemory } from '../patch/original-memory.js';
import { findInstalledLibrary } from '../ptrace/installed-libraries.js';
import type { KnownModules } from '../ptrace/known-modules.js';
import { LedgerStore } from '../ptrace/ledger-store.js';
import { observeModules } from '../ptrace/modules.js';
import { TargetProcess } from '../ptrace/process.js';
import type { Tracing } from '../ptrace/tracing.js';

/** Of each file, for as long as somebody has it open. */
const debugInfos = new WeakMap<ElfFile, DebugInfo | undefined>();

export class ProcessImage implements Disposable {
  readonly target: TargetProcess;
  readonly store: LedgerStore;
  /** In link-map order, the executable first. */
  readonly modules: readonly LoadedModule[];
  readonly symbols: LiveSymbols;
  private readonly ownsFiles: boolean;
  private readonly lock: Disposable | undefined;

  private constructor(
    target: TargetProcess,
    store: LedgerStore,
    modules: readonly LoadedModule[],
    ownsFiles: boolean,
    lock: Disposable | undefined,
  ) {
    this.ownsFiles = ownsFiles;
    this.lock = lock;
    this.target = target;
    this.store = store;
    this.modules = modules;
    this.symbols = new LiveSymbols(modules, target.memory, target.machine, (name) =>
      findInstalledLibrary(target.pid, name, target.machine.elfMachine),
    );
  }

  /** Reads /proc and the mapped files; the process is not stopped and not changed.
   *  @param known modules of earlier looks, which are read no second time
   *  @param lock against other hcrs, given back with the image
   *  @throws HcrError `no-such-process`, `attach-denied`, `unsupported-machine`, `ledger-corrupt` */
  static of(
    processId: number,
    tracing?: Tracing,
    known?: KnownModules,
    lock?: Disposable,
  ): ProcessImage {
    const target = TargetProcess.open(toPid(processId), tracing);
    try {
      const modules = observeModules(target, known);
      const image = new ProcessImage(
        target,
        new LedgerStore(target),
        modules,
        known === undefined,
        lock,
      );
      target.assertAlive();
      return image;
    } catch (error) {
      target[Symbol.dispose]();
      target.assertAlive(error);
      throw error;
    }
  }

  /** Memory with every redirect undone. */
  get original(): OriginalMemory {
    return new OriginalMemory(this.target.memory, this.store.ledger.entries);
  }

  get program(): string {
    return this.modules[0]?.path ?? '';
  }

  debugInfo(module: LoadedModule): DebugInfo | undefined {
    if (!debugInfos.has(module.file)) debugInfos.set(module.file, openDebugInfo(module.file));
    return debugInfos.get(module.file);
  }

  [Symbol.dispose](): void {
    if (this.ownsFiles) for (const module of this.modules) module.file[Symbol.dispose]();
    this.target[Symbol.dispose]();
    this.lock?.[Symbol.dispose]();
  }
}
