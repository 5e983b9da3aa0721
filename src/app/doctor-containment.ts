/** What `hcr doctor` says of a process in a container, or of another user: where hcr looks for its
 *  files, and as whom it compiles for it. */
import type { Pid } from '../core/address.js';
import { containmentOf } from '../ptrace/containment.js';
import { readProcessStatus } from '../ptrace/procfs.js';
import { buildUserFor } from '../build/build-user.js';
import { ownerOf } from './build-setting.js';
import { ok, refusal, warning } from './condition.js';
import type { Condition } from './report.js';

export function containmentConditions(pid: Pid): Condition[] {
  const { numbers, sharesFiles, hasOwnUserNamespace } = containmentOf(pid);
  const inner = numbers.at(-1);
  const number =
    numbers.length > 1
      ? [ok('process number', `${pid} here, ${inner ?? '?'} in its own pid namespace`)]
      : [];
  const namespace = hasOwnUserNamespace
    ? [ok('user namespace', 'its own, below or beside that of hcr')]
    : [];
  const files = sharesFiles
    ? []
    : [
        warning(
          'files',
          'it has a root or mounts of its own: its modules and debug files are read there, sources and compile commands are looked for on this side, near the current folder',
          'Run hcr in the folder of the sources, or name one with --source; or run hcr in the same container.',
        ),
      ];
  return [...number, ...namespace, ...files, ...buildCondition(pid)];
}

function buildCondition(pid: Pid): Condition[] {
  try {
    const user = buildUserFor(ownerOf(readProcessStatus(pid).credentials));
    return user === undefined
      ? []
      : [ok('compilers', `run as user ${user.uid}, whose process it is`)];
  } catch (error) {
    return [refusal('compilers', error, 'warning')];
  }
}
