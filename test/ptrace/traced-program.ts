/** Programs of test/ptrace/programs, started to be traced, and hcr's hold on them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { type Pid, pid as toPid } from '../../src/core/address.js';
import type { ForeignLibrary } from '../../src/ptrace/ffi/foreign.js';
import { openForeignLibrary } from '../../src/ptrace/ffi/open-library.js';
import { Libc } from '../../src/ptrace/libc.js';
import { ProcessMemory } from '../../src/ptrace/process-memory.js';
import { TargetProcess } from '../../src/ptrace/process.js';
import { listThreads } from '../../src/ptrace/procfs.js';
import { WAIT } from '../../src/ptrace/requests.js';
import { MomentaryTracing } from '../../src/ptrace/tracing.js';
import type { Workshop } from '../arch/x86-64/build-with-gcc.js';
import { LineReader } from '../support/line-reader.js';

export const BACKENDS = ['koffi', 'ffi-rs'] as const satisfies readonly ForeignLibrary['name'][];

export function buildProgram(shop: Workshop, name: string, ...flags: readonly string[]): void {
  copyFileSync(new URL(`programs/${name}.c`, import.meta.url), shop.path(`${name}.c`));
  shop.run('gcc', '-O1', '-pthread', '-o', name, `${name}.c`, ...flags);
}

export interface TracedProgram {
  readonly pid: Pid;
  readonly lines: LineReader;
  readonly say: (text: string) => void;
  readonly ended: Promise<string>;
}

/** A shell between us and the program. A tracer that is the parent as well takes the program's exit
 *  from libuv, which waits for it in vain; hcr is no parent of its targets. */
const LAUNCHER = 'exec 4<&0; "$@" <&4 3>&- 4<&- & echo $! >&3; exec 3>&- 4<&- 2>/dev/null; wait $!';

interface Running {
  readonly shell: ChildProcess;
  readonly pid: Pid;
  readonly ended: Promise<string>;
}

/** What was started and has not been seen to end. */
export class Programs {
  private readonly running = new Set<Running>();

  async start(path: string, ...args: readonly string[]): Promise<TracedProgram> {
    const shell = spawn('sh', ['-c', LAUNCHER, 'sh', path, ...args], {
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
      // The kernel writes the processor's number into a thread's rseq area whenever it moves it.
      env: { ...process.env, GLIBC_TUNABLES: 'glibc.pthread.rseq=0' },
    });
    const [stdin, stdout, , pidPipe] = shell.stdio as unknown as [
      Writable,
      Readable,
      null,
      Readable,
    ];
    const ended = new Promise<string>((resolve) => {
      shell.on('exit', (code) => resolve(`exit ${code}`));
    });
    const [found] = await new LineReader(pidPipe).waitFor(/^\d+$/);
    const running = { shell, pid: toPid(Number(found)), ended };
    this.running.add(running);
    void ended.then(() => this.running.delete(running));
    return {
      pid: running.pid,
      lines: new LineReader(stdout),
      say: (text) => stdin.write(text),
      ended,
    };
  }

  async endAll(): Promise<void> {
    await Promise.all(
      [...this.running].map(async ({ pid, ended }) => {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It has ended by itself.
        }
        await this.reap(pid, ended);
      }),
    );
  }

  /** A failed test may have left a thread traced by us, which nobody else can wait for. */
  private async reap(pid: Pid, ended: Promise<string>): Promise<void> {
    const over = new AbortController();
    void ended.then(() => over.abort());
    while (!over.signal.aborted) {
      for (const tid of listThreads(pid)) libcOf('koffi').waitpid(tid, WAIT.NOHANG | WAIT.ALL);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

const libraries = new Map<string, Libc>();

/** libc by way of one of the backends. */
export function libcOf(backend: ForeignLibrary['name']): Libc {
  const known = libraries.get(backend) ?? new Libc(openForeignLibrary(backend));
  libraries.set(backend, known);
  return known;
}

/** A process as hcr opens it, through the backend asked for. */
export function openTarget(pid: Pid, backend: ForeignLibrary['name']): TargetProcess {
  const libc = libcOf(backend);
  const target = TargetProcess.open(pid);
  const replaced = {
    libc,
    memory: new ProcessMemory(libc, pid),
    tracing: new MomentaryTracing(libc),
  };
  return Object.assign(target, replaced);
}
