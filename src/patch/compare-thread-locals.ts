/**
 * Whether an access of the running code leads to the thread-local variable that the compiled code
 * means. Linkers relax most of them: what an executable links needs no call to find its variables.
 */
import type { RelaxedTlsAccess } from '../arch/patterns.js';
import type { RelocationNeed } from '../arch/relocations.js';
import type { Addr } from '../core/address.js';
import { MODULE_BASE_NAME, type ThreadLocalBinding } from '../link/bind.js';
import type { ThreadStorage } from '../link/thread-storage.js';

/** The signed word at an address of the running program. */
export type WordAt = (address: number) => number | undefined;

/** For a field that is as it was compiled.
 *  @param liveS what the field was relocated with */
export function isSameThreadLocal(
  variable: ThreadLocalBinding,
  need: RelocationNeed,
  liveS: number,
  wordAt: WordAt,
  threads: ThreadStorage,
): boolean {
  const { offset, block, module } = variable;
  const threadOffset = threadOffsetIn(variable);
  switch (need) {
    case 'tp-offset':
      return liveS === threadOffset;
    case 'got-tp-offset':
      return threadOffset !== undefined && wordAt(liveS) === threadOffset;
    case 'tls-index':
      return wordAt(liveS) === block.moduleId && wordAt(liveS + 8) === offset;
    case 'tls-module':
      return wordAt(liveS) === block.moduleId;
    case 'tls-descriptor':
      return liveS === threads.descriptorOf(variable);
    case 'module-tls-offset':
      // In an executable the linker counts from the thread pointer, and relaxes what comes before.
      return liveS === offset || (module.isExecutable && liveS === threadOffset);
    default:
      return need === 'tls-call';
  }
}

/** For one that the linker relaxed.
 *  @param place where the field would be, had it been left alone */
export function isSameRelaxed(
  variable: ThreadLocalBinding,
  need: RelocationNeed,
  access: RelaxedTlsAccess,
  place: Addr,
  wordAt: WordAt,
): boolean {
  const threadOffset = threadOffsetIn(variable);
  switch (access.kind) {
    case 'thread-pointer':
      return variable.module.isExecutable || need === 'tls-call';
    case 'tp-offset':
      // Linkers let the base be the thread pointer itself, from which they count in executables.
      return access.value(place) === (variable.name === MODULE_BASE_NAME ? 0 : threadOffset);
    case 'got-tp-offset':
      return threadOffset !== undefined && wordAt(access.value(place)) === threadOffset;
  }
}

function threadOffsetIn({ block, offset }: ThreadLocalBinding): number | undefined {
  return block.threadOffset === undefined ? undefined : block.threadOffset + offset;
}
