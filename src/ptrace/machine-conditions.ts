/**
 * What this machine lets hcr do. Everything is tried on hcr's own process or read from /proc: no
 * other process is touched.
 */
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { pid as toPid } from '../core/address.js';
import { CAPABILITY, capabilitiesIn, holds } from '../core/capabilities.js';
import { HcrError } from '../core/failure.js';
import { openForeignLibrary } from './ffi/open-library.js';
import { ERRNO, Libc } from './libc.js';
import { readMaps } from './procfs.js';
import { PTRACE } from './requests.js';

export interface Backend {
  readonly name: 'koffi' | 'ffi-rs';
  /** Why it does not load. */
  readonly problem?: string;
}

/** The ways to call libc, those that do not load included. */
export function foreignBackends(): Backend[] {
  return (['koffi', 'ffi-rs'] as const).map((name) => {
    try {
      openForeignLibrary(name);
      return { name };
    } catch (error) {
      return { name, problem: error instanceof Error ? error.message : String(error) };
    }
  });
}

/** Whether hcr may trace processes of other users, and of its own in spite of Yama. */
export function mayTraceOthers(): boolean {
  const status = readFileSync('/proc/self/status', 'latin1');
  return holds(capabilitiesIn(status, 'CapEff'), CAPABILITY.SYS_PTRACE);
}

/** Calls that a sandbox around hcr refuses, by name. */
export function refusedCalls(): string[] {
  const calls = new Libc(openForeignLibrary());
  const own = process.pid;
  const word = calls.allocate(8);
  // No thread traces itself: an honest kernel says that it finds no such tracee.
  const outcomes = {
    ptrace: calls.ptrace(PTRACE.GETEVENTMSG, own, 0, word.address) === -ERRNO.ESRCH,
    process_vm_readv: calls.processVmReadv(own, word.address, word, 8) === 8,
    process_vm_writev: calls.processVmWritev(own, word.address, word, 8) === 8,
  };
  return Object.entries(outcomes).flatMap(([name, allowed]) => (allowed ? [] : [name]));
}

/**
 * Whether the kernel lets a process write to its read-only pages through /proc/self/mem. Puts a
 * byte of hcr's own back where it is.
 * @returns the errno's name when it does not
 * @see Documentation/admin-guide/kernel-parameters.txt, proc_mem.force_override
 */
export function forcedWriteRefusal(): string | undefined {
  const page = readMaps(toPid(process.pid)).find(
    (mapping) => mapping.readable && !mapping.writable && mapping.isPrivate && mapping.inode !== 0,
  );
  if (page === undefined) return undefined;
  const byte = new Uint8Array(1);
  let file: number | undefined;
  try {
    file = openSync('/proc/self/mem', 'r+');
    readSync(file, byte, 0, 1, page.start);
    writeSync(file, byte, 0, 1, page.start);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** True when memfds without a promise never to be executed are forbidden.
 *  @see Documentation/userspace-api/mfd_noexec.rst */
export function forbidsMemfd(): boolean {
  try {
    return Number(readFileSync('/proc/sys/vm/memfd_noexec', 'latin1')) >= 2;
  } catch {
    return false;
  }
}

/** The reason why libc cannot be called at all; undefined when it can. */
export function foreignCallProblem(): HcrError | undefined {
  try {
    openForeignLibrary();
    return undefined;
  } catch (error) {
    if (error instanceof HcrError) return error;
    throw error;
  }
}
