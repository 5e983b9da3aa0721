/**
 * A thread under seccomp that makes system calls for hcr.
 *
 * While hcr traces a thread it may have the kernel not ask the filters (PTRACE_O_SUSPEND_SECCOMP; takes
 * CAP_SYS_ADMIN, and no filter on hcr itself). That ends with hcr: a thread that is let go in the middle
 * of an injected call meets its filters again, at that call or at the rt_sigreturn that brings it back.
 * So the filters are read and asked beforehand. A call that they would only refuse is made under
 * suspension, and would fail harmlessly without; a call that they would end the program for is not made
 * at all, because nothing could save the program from the death of hcr at that moment.
 *
 * @see seccomp(2); PTRACE_SECCOMP_GET_FILTER and PTRACE_O_SUSPEND_SECCOMP in ptrace(2)
 */
import { hex } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { TargetProcess } from './process.js';
import { readThreadStatus } from './procfs.js';
import { type Verdict, verdictOfAll } from './seccomp-filter.js';
import type { Tracee } from './tracee.js';

export interface PlannedCall {
  readonly number: number;
  readonly args: readonly number[];
}

/** `Seccomp` in /proc/pid/status. */
const MODE = { none: 0, strict: 1 } as const;

export class Sandbox {
  private readonly target: TargetProcess;
  private readonly tracee: Tracee;
  private readonly filters: readonly Uint8Array[];
  private suspended = false;

  private constructor(target: TargetProcess, tracee: Tracee, filters: readonly Uint8Array[]) {
    this.target = target;
    this.tracee = tracee;
    this.filters = filters;
  }

  /**
   * Makes sure that a stopped thread survives some calls, whatever becomes of hcr.
   * @throws HcrError `unsupported-target` when it would not, or when nobody can tell
   */
  static enter(target: TargetProcess, tracee: Tracee, planned: readonly PlannedCall[]): Sandbox {
    const mode = readThreadStatus(target.pid, tracee.tid)?.seccomp ?? MODE.none;
    if (mode === MODE.none) return new Sandbox(target, tracee, []);
    if (mode === MODE.strict)
      throw refusal(target, 'strict seccomp mode ends it for any call that hcr could make');
    const filters = tracee.readSeccompFilters();
    if (typeof filters === 'number') {
      throw refusal(
        target,
        `a thread runs under seccomp (${tracee.tid}), which may end it for the calls that reserve memory, and hcr may not read its filters (errno ${-filters}: it takes CAP_SYS_ADMIN, and no filter on hcr itself)`,
      );
    }
    const sandbox = new Sandbox(target, tracee, filters);
    sandbox.prepareFor(planned);
    return sandbox;
  }

  private prepareFor(planned: readonly PlannedCall[]): void {
    const wayBack = { number: this.target.machine.syscalls.rt_sigreturn, args: [] };
    if (this.verdictOn(wayBack) !== 'allowed') throw this.fatal(wayBack);
    for (const call of planned) this.assertSurvives(call);
    if (planned.every((call) => this.verdictOn(call) === 'allowed')) return;
    if (!this.tracee.suspendSeccomp(true))
      throw refusal(this.target, 'its seccomp filter refuses the calls that reserve memory');
    this.suspended = true;
  }

  /** @throws HcrError `unsupported-target` for a call that its filters end it for */
  assertSurvives(call: PlannedCall): void {
    if (this.verdictOn(call) === 'fatal') throw this.fatal(call);
  }

  private verdictOn({ number, args }: PlannedCall): Verdict {
    const { auditArch } = this.target.machine.injection;
    return verdictOfAll(this.filters, { number, auditArch, instructionPointer: 0, args });
  }

  private fatal({ number }: PlannedCall): HcrError {
    const { syscalls } = this.target.machine;
    const name = Object.entries(syscalls).find(([, value]) => value === number)?.[0];
    return refusal(
      this.target,
      `its seccomp filter ends it for ${name ?? `system call ${hex(number)}`}, which hcr needs to reserve memory, and would do so if hcr were killed in the middle`,
    );
  }

  /** Whether filters are asked of each call that the thread makes. */
  get isFiltered(): boolean {
    return this.filters.length > 0;
  }

  /** The filters are asked again. The thread must be stopped or gone. */
  leave(): void {
    if (this.suspended) this.tracee.suspendSeccomp(false);
    this.suspended = false;
  }
}

function refusal({ pid }: TargetProcess, detail: string): HcrError {
  return new HcrError({ code: 'unsupported-target', pid, detail });
}
