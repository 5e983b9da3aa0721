/**
 * Why the kernel would not let hcr trace a process, in words that say what to do.
 *
 * The kernel says EPERM for all of it. So the facts that it decides by are read from /proc, and
 * judged here in its own order: a pure function, because no machine has every one of them.
 *
 * @see ptrace(2), "Ptrace access mode checking"; Documentation/admin-guide/LSM/Yama.rst
 */
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import type { Pid } from '../core/address.js';
import { CAPABILITY, capabilitiesIn, holds } from '../core/capabilities.js';
import { HcrError } from '../core/failure.js';
import { ERRNO } from './libc.js';
import { type Credentials, idInProc, ownTracerPid, readProcessStatus } from './procfs.js';

/** Yama's setting, 0 when the kernel has none. */
export function yamaScope(): number {
  try {
    return Number(readFileSync('/proc/sys/kernel/yama/ptrace_scope', 'latin1'));
  } catch {
    return 0;
  }
}

function nameOf(process: number): string {
  try {
    return readFileSync(`/proc/${process}/comm`, 'utf8').trimEnd();
  } catch {
    return 'another program';
  }
}

/** Refuses a process that someone else traces already.
 *  @throws HcrError `no-such-process`, `already-traced` */
export function assertNotTraced(pid: Pid): void {
  const { tracerPid } = readProcessStatus(pid);
  if (idInProc(pid) === undefined) throw new HcrError({ code: 'no-such-process', pid });
  if (tracerPid !== 0 && tracerPid !== ownTracerPid()) {
    throw new HcrError({ code: 'already-traced', pid, tracerPid, tracer: nameOf(tracerPid) });
  }
}

/** What the kernel decides by. */
export interface AttachFacts {
  /** The process is hcr's own. */
  readonly isSelf: boolean;
  readonly yamaScope: number;
  readonly own: {
    readonly uid: number;
    readonly gid: number;
    readonly capabilities: bigint;
  };
  readonly target: Credentials & {
    /** False where the kernel keeps the memory of the process from its own user. */
    readonly isDumpable: boolean;
    readonly isInOwnUserNamespace: boolean;
  };
}

export interface Denial {
  readonly reason: string;
  readonly advice: string;
}

const AS_ROOT = 'Run hcr as root.';
const AS_OWNER = 'Run hcr as the user who owns the process, or as root.';

/** Why a process may not be traced. */
export function explainDenial(facts: AttachFacts): Denial {
  const { own, target, yamaScope: scope } = facts;
  if (facts.isSelf) return denial('a process cannot trace itself', 'Name another process.');
  if (scope >= 3) {
    return denial(
      'this machine forbids tracing until its next start (kernel.yama.ptrace_scope = 3)',
      'Set kernel.yama.ptrace_scope to 0 or 1 and restart the machine.',
    );
  }
  if (holds(own.capabilities, CAPABILITY.SYS_PTRACE)) {
    return target.isInOwnUserNamespace
      ? ofSecurityModule()
      : denial(
          'it is in another user namespace, beyond which hcr’s CAP_SYS_PTRACE does not reach',
          'Run hcr outside of its container, as root of the machine.',
        );
  }
  return explainWithoutCapability(facts);
}

function explainWithoutCapability({ own, target, yamaScope: scope }: AttachFacts): Denial {
  const byRoot =
    own.uid === 0 ? 'Start the container of hcr with --cap-add=SYS_PTRACE.' : undefined;
  const otherUser = target.uids.find((uid) => uid !== own.uid);
  if (otherUser !== undefined) {
    const without = own.uid === 0 ? ', and hcr is root without CAP_SYS_PTRACE' : '';
    return denial(`it belongs to user ${otherUser}${without}`, byRoot ?? AS_OWNER);
  }
  const otherGroup = target.gids.find((gid) => gid !== own.gid);
  if (otherGroup !== undefined) {
    return denial(
      `it runs as group ${otherGroup}, and hcr as group ${own.gid}`,
      byRoot ?? 'Run hcr with that group (`sg GROUP`), or as root.',
    );
  }
  if (!target.isInOwnUserNamespace) {
    return denial('it is in another user namespace', byRoot ?? AS_ROOT);
  }
  if (!target.isDumpable) {
    return denial(
      'it is not dumpable: it changed its user, its program may not be read, or it asked for that (prctl PR_SET_DUMPABLE)',
      byRoot ?? AS_ROOT,
    );
  }
  if ((target.permittedCapabilities & ~own.capabilities) !== 0n) {
    return denial('it has capabilities that hcr lacks', byRoot ?? AS_ROOT);
  }
  if (scope === 2) {
    return denial(
      'only CAP_SYS_PTRACE may trace here (kernel.yama.ptrace_scope = 2)',
      byRoot ?? 'Run hcr as root, or set kernel.yama.ptrace_scope to 0 or 1.',
    );
  }
  if (scope === 1) {
    return denial(
      'a process may trace only what it started (kernel.yama.ptrace_scope = 1)',
      'Run hcr as root, start the program with `hcr run`, or set kernel.yama.ptrace_scope to 0.',
    );
  }
  return ofSecurityModule();
}

function ofSecurityModule(): Denial {
  return denial(
    'a security module (AppArmor, SELinux) or a sandbox around hcr forbids it',
    'Look for the denial in the log of the kernel, and permit hcr to ptrace in that profile.',
  );
}

function denial(reason: string, advice: string): Denial {
  return { reason, advice };
}

/** @throws HcrError `no-such-process` */
function readFacts(pid: Pid): AttachFacts {
  const { credentials } = readProcessStatus(pid);
  const ownStatus = readFileSync('/proc/self/status', 'latin1');
  const effectiveUid = credentials.uids[1];
  return {
    isSelf: pid === process.pid,
    yamaScope: yamaScope(),
    own: {
      uid: process.getuid?.() ?? -1,
      gid: process.getgid?.() ?? -1,
      capabilities: capabilitiesIn(ownStatus, 'CapEff'),
    },
    target: {
      ...credentials,
      // Files there are root's otherwise. @see proc(5), /proc/pid
      isDumpable: statSync(`/proc/${pid}/status`).uid === effectiveUid,
      isInOwnUserNamespace: isInOwnUserNamespace(pid),
    },
  };
}

/** By the namespaces' names; where those are kept from hcr, by the users that they know. */
function isInOwnUserNamespace(pid: Pid): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`) === readlinkSync('/proc/self/ns/user');
  } catch {
    try {
      const mapOf = (process: string): string => readFileSync(`/proc/${process}/uid_map`, 'latin1');
      return mapOf(String(pid)) === mapOf('self');
    } catch {
      return true;
    }
  }
}

/** The error for a process that hcr was kept from with `errno`. */
export function seizeFailure(pid: Pid, errno: number): HcrError {
  if (errno === ERRNO.ESRCH) return new HcrError({ code: 'no-such-process', pid });
  try {
    assertNotTraced(pid);
    return new HcrError({ code: 'attach-denied', pid, ...explainDenial(readFacts(pid)) });
  } catch (error) {
    if (error instanceof HcrError) return error;
    return new HcrError({ code: 'no-such-process', pid }, { cause: error });
  }
}

/**
 * Refuses to go by a /proc that numbers processes otherwise than the kernel does for hcr: what hcr
 * read there would be of one process, and what it traced another.
 *
 * @throws HcrError `attach-denied`
 * @see pid_namespaces(7)
 */
export function assertProcFits(pid: Pid): void {
  let self: string | undefined;
  try {
    self = readlinkSync('/proc/self');
  } catch {
    // Not mounted.
  }
  if (self === String(process.pid)) return;
  throw new HcrError({
    code: 'attach-denied',
    pid,
    reason:
      self === undefined
        ? '/proc is not mounted here'
        : 'the /proc here is that of another pid namespace, where processes have other numbers',
    advice: 'Mount the /proc of this namespace: `mount -t proc proc /proc`.',
  });
}
