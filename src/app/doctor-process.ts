/** What `hcr doctor` says of a process: first what the kernel lets hcr do with it, then what its
 *  files say. */
import { statSync } from 'node:fs';
import { machineFor } from '../arch/select.js';
import { type Pid, hex, pid as toPid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { type LoadedModule, isFixedAddress } from '../elf/loaded-module.js';
import { bodiesAt } from '../patch/ledger.js';
import { assertNotTraced, assertProcFits } from '../ptrace/attach-failure.js';
import { readHeader } from '../ptrace/executable-header.js';
import { planArea, windowAround } from '../ptrace/patch-area.js';
import { attachRefusal, isKernelThread } from '../ptrace/process-conditions.js';
import {
  type ProcessStatus,
  listThreads,
  readProcessStatus,
  readThreadStatus,
} from '../ptrace/procfs.js';
import { findGadgets } from '../ptrace/gadgets.js';
import { failed, ok, refusal, warning } from './condition.js';
import { containmentConditions } from './doctor-containment.js';
import { debugConditions } from './doctor-source.js';
import { isOwnModule } from './own-modules.js';
import { ProcessImage } from './observe.js';
import { interruptedState } from './recover.js';
import type { Condition } from './report.js';

const STATES: Readonly<Record<string, string>> = {
  R: 'running',
  S: 'sleeping',
  D: 'waiting for a device',
  T: 'stopped by a signal, which a patch leaves so',
  t: 'stopped by its tracer',
};
const ENDED = /[ZX]/;
const NO_NEEDS = { data: 0, readonly: 0, code: 0 } as const;

export async function processConditions(processId: number): Promise<Condition[]> {
  const pid = toPid(processId);
  try {
    assertProcFits(pid);
    const status = readProcessStatus(pid);
    const unfit = unfitProcess(pid, status);
    if (unfit !== undefined) return [unfit];
    const permission = permissionCondition(pid);
    const first = [processCondition(status), permission, tracerCondition(pid)];
    // The rest cannot be read.
    if (permission.state === 'failed') return first;
    const machine = machineCondition(pid);
    if (machine.state === 'failed') return [...first, machine];
    const contained = containmentConditions(pid);
    return [...first, machine, ...contained, ...(await imageConditions(pid))];
  } catch (error) {
    return [refusal('process', error)];
  }
}

/** What is no process that runs a program. */
function unfitProcess(
  pid: Pid,
  { state, threadGroup, name }: ProcessStatus,
): Condition | undefined {
  if (ENDED.test(state)) {
    return failed(
      'process',
      `${pid} (${name}) has ended; its parent has not taken note yet (a zombie)`,
      'Start the program again.',
    );
  }
  if (threadGroup !== pid) {
    return failed(
      'process',
      `${pid} is a thread of process ${threadGroup}`,
      `Name the process: ${threadGroup}.`,
    );
  }
  if (isKernelThread(pid)) {
    return failed(
      'process',
      `${pid} (${name}) is a thread of the kernel`,
      'Name a process that runs a program.',
    );
  }
  return undefined;
}

function processCondition({ name, state, threads, uid }: ProcessStatus): Condition {
  const many = threads === 1 ? 'one thread' : `${threads} threads`;
  return ok('process', `${name}, ${STATES[state] ?? state}, ${many}, of user ${uid}`);
}

function permissionCondition(pid: Pid): Condition {
  const denied = attachRefusal(pid);
  return denied === undefined
    ? ok('permission', 'hcr may attach to it')
    : refusal('permission', denied);
}

function tracerCondition(pid: Pid): Condition {
  try {
    assertNotTraced(pid);
    return ok('tracer', 'nobody traces it');
  } catch (error) {
    return refusal('tracer', error);
  }
}

function machineCondition(pid: Pid): Condition {
  try {
    const { is64Bit, machine, description } = readHeader(pid);
    const known = is64Bit ? machineFor(machine) : undefined;
    if (known !== undefined) return ok('machine', known.name);
    return refusal(
      'machine',
      new HcrError({ code: 'unsupported-machine', pid, machine: description }),
    );
  } catch (error) {
    return refusal('machine', error);
  }
}

/** The mode that ends a thread for nearly every system call. @see seccomp(2) */
const STRICT = 1;

/** What would end a thread that makes a system call for hcr. That is needed to reserve memory, and
 *  never again while there is room in it. */
function sandboxConditions({ target, store }: ProcessImage): Condition[] {
  const { pid } = target;
  const { seccomp: ofLeader, hasShadowStack } = readProcessStatus(pid);
  const state = store.ledger.areas.length > 0 ? warning : failed;
  const threads = listThreads(pid);
  const filtered = threads.filter((tid) => (readThreadStatus(pid, tid)?.seccomp ?? 0) !== 0);
  const seccomp =
    filtered.length === 0
      ? ok('seccomp', 'no filter')
      : (ofLeader === STRICT ? state : warning)(
          'seccomp',
          `${filtered.length} of its ${threads.length} threads run under seccomp; before memory is reserved their filters are asked, and a patch is refused where one would end the program`,
          'Start the program without its sandbox if a patch is refused for it.',
        );
  if (!hasShadowStack) return [seccomp];
  const shadowStack = state(
    'shadow stack',
    'it has one, which does not let a thread return from an injected call',
    'Start the program without GLIBC_TUNABLES=glibc.cpu.x86_shstk.',
  );
  return [seccomp, shadowStack];
}

async function imageConditions(pid: Pid): Promise<Condition[]> {
  let image: ProcessImage;
  try {
    image = ProcessImage.of(pid);
  } catch (error) {
    return [
      refusal(
        error instanceof HcrError && error.code === 'ledger-corrupt' ? 'record' : 'executable',
        error,
      ),
    ];
  }
  using opened = image;
  return [
    ...sandboxConditions(opened),
    executableCondition(opened),
    ...(await debugConditions(opened)),
    gadgetCondition(opened),
    ...opened.modules.filter(isOwnModule).map((module) => areaCondition(opened, module)),
    recordCondition(opened),
  ];
}

function executableCondition(image: ProcessImage): Condition {
  const { program, target } = image;
  const inode = (path: string): number | undefined => {
    try {
      return statSync(path).ino;
    } catch {
      return undefined;
    }
  };
  const running = inode(`/proc/${target.pid}/exe`);
  const there = inode(`/proc/${target.pid}/root${program}`);
  if (running === there) return ok('executable', program);
  const what = there === undefined ? 'deleted' : 'replaced by another file';
  return ok('executable', `${program}, ${what} since it started; hcr reads the one that runs`);
}

function gadgetCondition({ target }: ProcessImage): Condition {
  const name = 'system calls in it';
  try {
    const { syscall, sigreturn } = findGadgets(
      target.memory,
      target.maps(),
      target.machine.injection,
    );
    return ok(name, `through instructions at ${hex(syscall)} and ${hex(sigreturn)}`);
  } catch (error) {
    return refusal(name, error);
  }
}

/** Whether there is room for new code within reach of the old. */
function areaCondition({ target, store }: ProcessImage, module: LoadedModule): Condition {
  const name = `room near ${module.name}`;
  const window = windowAround(
    module.range,
    target.machine.jumps.nearReachBytes,
    isFixedAddress(module),
  );
  const { start, end } = window.reach;
  const reserved = store.ledger.areas.find(
    (area) => area.start >= start && area.start + area.sizeBytes <= end,
  );
  if (reserved !== undefined) return ok(name, `reserved at ${hex(reserved.start)}`);
  try {
    return ok(name, `free at ${hex(planArea(target, window, NO_NEEDS).start)}`);
  } catch (error) {
    return refusal(name, error, module.isExecutable ? 'failed' : 'warning');
  }
}

function recordCondition(image: ProcessImage): Condition {
  const name = 'record';
  const { ledger, abandoned } = image.store;
  try {
    if (interruptedState(image) !== undefined) {
      return warning(
        name,
        `an hcr was killed while it published generation ${ledger.pending?.to ?? '?'}`,
        'The next `hcr attach` or `hcr rollback` completes it or takes it back.',
      );
    }
  } catch (error) {
    return refusal(name, error);
  }
  if (abandoned.length > 0) {
    return warning(
      name,
      'an hcr was killed while it reserved memory',
      'Nothing needs to be done: the next patch that reserves memory gives it back.',
    );
  }
  if (ledger.generations.length === 0) return ok(name, 'never patched');
  const patched = bodiesAt(ledger, ledger.current).size;
  return ok(name, `generation ${ledger.current} is live, ${patched} functions run new code`);
}
