/** The process hcr works on, with what every step needs at hand. Dropping it closes its files. */
import type { Machine } from '../arch/arch.js';
import { machineFor } from '../arch/select.js';
import { type Pid, tid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { readHeader } from './executable-header.js';
import { assertNotTraced, assertProcFits } from './attach-failure.js';
import { type Libc, libc } from './libc.js';
import { ProcessMemory } from './process-memory.js';
import { type Mapping, hasThreadEnded, idInProc, readMaps, readProcessStatus } from './procfs.js';
import { MomentaryTracing, type Tracing } from './tracing.js';
import { vanished } from './vanished.js';

export class TargetProcess implements Disposable {
  /** By which /proc shows it: that of another thread when the first has exited. */
  readonly pid: Pid;
  readonly libc: Libc;
  readonly machine: Machine;
  readonly memory: ProcessMemory;
  readonly tracing: Tracing;

  private constructor(pid: Pid, calls: Libc, machine: Machine, tracing: Tracing) {
    this.pid = pid;
    this.libc = calls;
    this.machine = machine;
    this.tracing = tracing;
    this.memory = new ProcessMemory(calls, pid);
  }

  /**
   * Looks at a process without touching it.
   * @param tracing when hcr traces it all the time
   * @throws HcrError `no-such-process`, `attach-denied`, `unsupported-machine`, `ffi-unavailable`
   */
  static open(pid: Pid, tracing?: Tracing): TargetProcess {
    assertProcFits(pid);
    const { threadGroup } = readProcessStatus(pid);
    if (threadGroup !== pid) {
      throw new HcrError({
        code: 'usage',
        detail: `${pid} is a thread of process ${threadGroup}.`,
        advice: `Name the process: ${threadGroup}.`,
      });
    }
    const shown = idInProc(pid);
    if (shown === undefined) throw new HcrError({ code: 'no-such-process', pid });
    const header = readHeader(shown);
    const machine = header.is64Bit ? machineFor(header.machine) : undefined;
    if (machine === undefined) {
      throw new HcrError({ code: 'unsupported-machine', pid, machine: header.description });
    }
    return new TargetProcess(shown, libc(), machine, tracing ?? new MomentaryTracing(libc()));
  }

  /** What /proc has told so far is not to be judged where this fails: it is not whole when a process
   *  exits, or the thread by whose id it was read.
   *  @throws HcrError `target-exited`, `target-replaced` */
  assertAlive(cause?: unknown): void {
    const { pid, libc } = this;
    if (hasThreadEnded(pid, tid(pid))) throw vanished(libc, pid, 'as hcr read its state', cause);
  }

  /** @throws HcrError `already-traced`, `no-such-process`, `unsupported-target` */
  assertPatchable(): void {
    assertNotTraced(this.pid);
    this.memory.prepareProtectedWrites();
  }

  /** @throws HcrError `target-exited`, `target-replaced` */
  maps(): Mapping[] {
    const mappings = readMaps(this.pid);
    this.assertAlive();
    return mappings;
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
  }
}
