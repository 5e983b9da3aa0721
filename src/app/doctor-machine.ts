/** What `hcr doctor` says of the machine. */
import { release, type as systemName } from 'node:os';
import { machineFor } from '../arch/select.js';
import { pid as toPid } from '../core/address.js';
import { compilerVersion } from '../build/compiler-version.js';
import { findProgram } from '../build/find-program.js';
import { readHeader } from '../ptrace/executable-header.js';
import { yamaScope } from '../ptrace/attach-failure.js';
import {
  forbidsMemfd,
  forcedWriteRefusal,
  foreignBackends,
  foreignCallProblem,
  mayTraceOthers,
  refusedCalls,
} from '../ptrace/machine-conditions.js';
import { failed, ok, refusal, warning } from './condition.js';
import type { Condition } from './report.js';

/** memfd_create came with it, the youngest call that hcr cannot do without. @see memfd_create(2) */
const OLDEST_KERNEL = [3, 17] as const;
const OLDEST_NODE = [20, 19] as const;

export async function machineConditions(): Promise<Condition[]> {
  if (systemName() !== 'Linux') {
    return [failed('system', systemName(), 'Run hcr on Linux, where the program runs.')];
  }
  return [
    kernelCondition(),
    processorCondition(),
    nodeCondition(),
    ...foreignCallConditions(),
    permissionCondition(),
    codeWriteCondition(),
    memfdCondition(),
    await compilerCondition(),
  ];
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ours = 0, oursMinor = 0] = version.replace(/^v/, '').split('.').map(Number.parseFloat);
  return ours > major || (ours === major && oursMinor >= minor);
}

function kernelCondition(): Condition {
  const detail = `Linux ${release()}`;
  if (isAtLeast(release(), OLDEST_KERNEL)) return ok('kernel', detail);
  return failed('kernel', detail, `Use Linux ${OLDEST_KERNEL.join('.')} or later.`);
}

function processorCondition(): Condition {
  const { machine, is64Bit, description } = readHeader(toPid(process.pid));
  const known = is64Bit ? machineFor(machine) : undefined;
  if (known !== undefined) return ok('processor', known.name);
  return failed(
    'processor',
    description,
    'Run hcr on a machine with a 64-bit x86 processor, and a 64-bit Node.',
  );
}

function nodeCondition(): Condition {
  const { version } = process;
  if (isAtLeast(version, OLDEST_NODE)) return ok('Node', version);
  return failed('Node', version, `Install Node ${OLDEST_NODE.join('.')} or later.`);
}

function foreignCallConditions(): Condition[] {
  const name = 'calls of libc';
  const problem = foreignCallProblem();
  if (problem !== undefined) return [refusal(name, problem)];
  const backends = foreignBackends();
  const working = backends
    .filter((backend) => backend.problem === undefined)
    .map((backend) => backend.name);
  const [broken] = backends.filter((backend) => backend.problem !== undefined);
  const through =
    broken === undefined
      ? ok(name, `through ${process.env['HCR_FFI'] || 'koffi'}; ${working.join(' and ')} both load`)
      : warning(
          name,
          `through ${working.join()}; ${broken.name} does not load (${broken.problem ?? ''})`,
          'Reinstall with `npm ci` to have both; one is enough.',
        );
  const refused = refusedCalls();
  const calls =
    refused.length === 0
      ? ok('system calls', 'ptrace, process_vm_readv and process_vm_writev are permitted')
      : failed(
          'system calls',
          `${refused.join(' and ')} refused by a sandbox around hcr`,
          'In a container add --cap-add=SYS_PTRACE and a seccomp profile that permits these calls.',
        );
  return [through, calls];
}

function permissionCondition(): Condition {
  const name = 'permission to trace';
  const scope = yamaScope();
  const powers = mayTraceOthers();
  if (scope >= 3) {
    return failed(
      name,
      'tracing is forbidden until the next start (kernel.yama.ptrace_scope = 3)',
      'Set kernel.yama.ptrace_scope to 0 or 1 and restart the machine.',
    );
  }
  if (powers) return ok(name, 'every process (hcr has CAP_SYS_PTRACE)');
  const user = `user ${process.getuid?.() ?? '?'}`;
  if (scope === 2) {
    return failed(
      name,
      'only with CAP_SYS_PTRACE, which hcr lacks (kernel.yama.ptrace_scope = 2)',
      'Run hcr as root, or set kernel.yama.ptrace_scope to 0 or 1.',
    );
  }
  if (scope === 1) {
    return warning(
      name,
      `only processes that hcr starts (kernel.yama.ptrace_scope = 1, ${user})`,
      'Start the program with `hcr run`, run hcr as root, or set kernel.yama.ptrace_scope to 0.',
    );
  }
  return ok(name, `the processes of ${user}`);
}

function codeWriteCondition(): Condition {
  const name = 'writing of code';
  const errno = forcedWriteRefusal();
  if (errno === undefined) return ok(name, 'permitted through /proc/PID/mem');
  return failed(
    name,
    `the kernel refuses to write read-only pages through /proc/PID/mem (${errno})`,
    'Start the machine with proc_mem.force_override=always.',
  );
}

function memfdCondition(): Condition {
  const name = 'memory for new code';
  if (!forbidsMemfd()) return ok(name, 'memfd_create is permitted');
  return failed(name, 'vm.memfd_noexec is 2, which forbids it', 'Set vm.memfd_noexec to 0 or 1.');
}

async function compilerCondition(): Promise<Condition> {
  const name = 'installed compilers';
  const found = ['gcc', 'g++', 'clang', 'clang++'].flatMap((compiler) => {
    const path = findProgram(compiler, '/');
    return path === undefined ? [] : [{ compiler, path }];
  });
  if (found.length === 0) {
    return warning(
      name,
      'neither gcc nor clang is on PATH',
      'Install the compiler that builds the program, or pass objects with --object.',
    );
  }
  const versions = await Promise.all(
    found.map(async ({ compiler, path }) => `${compiler} ${(await compilerVersion(path)).version}`),
  );
  return ok(name, versions.join(', '));
}
