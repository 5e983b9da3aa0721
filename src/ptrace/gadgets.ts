/** Instructions in the target's own code through which hcr makes system calls there. */
import type { Injection } from '../arch/injection.js';
import { type Addr, offsetBy } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { ProcessMemory } from './process-memory.js';
import type { Mapping } from './procfs.js';

/** Addresses of the instruction sequences that calls go through. */
export interface Gadgets {
  readonly syscall: Addr;
  readonly sigreturn: Addr;
}

/** Looks for the gadgets in the executable mappings of the process, the vdso included.
 *  @throws HcrError `unsupported-target` when it has none, `target-replaced`, `target-exited` */
export function findGadgets(
  memory: ProcessMemory,
  mappings: readonly Mapping[],
  injection: Injection,
): Gadgets {
  let syscall: Addr | undefined;
  let sigreturn: Addr | undefined;
  // The vdso and libc hold both; big executables are looked at last.
  const candidates = mappings
    .filter((mapping) => mapping.executable && mapping.readable)
    .sort((a, b) => rank(a) - rank(b));
  for (const mapping of candidates) {
    const code = memory.tryRead(mapping.start, mapping.end - mapping.start);
    if (code === undefined) continue;
    syscall ??= findBytes(code, mapping.start, injection.syscallGadgets);
    sigreturn ??= findBytes(code, mapping.start, injection.sigreturnGadgets);
    if (syscall !== undefined && sigreturn !== undefined) return { syscall, sigreturn };
  }
  // The mappings may be those of a program that is no more.
  memory.assertSameProgram();
  throw new HcrError({
    code: 'unsupported-target',
    pid: memory.pid,
    detail:
      'it maps no code that makes a system call and returns, or none that returns from a signal',
  });
}

function rank(mapping: Mapping): number {
  if (/\/libc[.-]/.test(mapping.path)) return 0;
  return mapping.path === '[vdso]' ? 1 : 2;
}

function findBytes(
  code: Uint8Array,
  start: Addr,
  patterns: readonly Uint8Array[],
): Addr | undefined {
  const bytes = Buffer.from(code.buffer, code.byteOffset, code.byteLength);
  for (const pattern of patterns) {
    const at = bytes.indexOf(pattern);
    if (at >= 0) return offsetBy(start, at);
  }
  return undefined;
}
