/**
 * Words in memory that code reads addresses and thread-local offsets from: what a linker puts into
 * the GOT.
 *
 * @see Drepper, "ELF Handling For Thread-Local Storage", 4; psABI of the machine
 */
import type { RelocationNeed } from '../arch/relocations.js';
import type { Addr } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Binding, ThreadLocalBinding } from './bind.js';

/** How many words each kind of slot takes. */
export const SLOT_WORDS = {
  got: 1,
  'got-tp-offset': 1,
  'tls-index': 2,
  'tls-module': 2,
  'tls-descriptor': 2,
} as const satisfies Partial<Record<RelocationNeed, number>>;

export type SlotNeed = keyof typeof SLOT_WORDS;

/** The slot that a reference needs; undefined when it needs none, or the module has one that serves. */
export function slotNeedOf(need: RelocationNeed, binding: Binding): SlotNeed | undefined {
  if (!(need in SLOT_WORDS)) return undefined;
  const isLive =
    need === 'tls-descriptor' &&
    binding.kind === 'thread-local' &&
    binding.liveDescriptor !== undefined;
  return isLive ? undefined : (need as SlotNeed);
}

export interface ThreadFunctions {
  /** Where the function for descriptors with a thread-pointer offset is. */
  readonly descriptorFunction: Addr | undefined;
  /** Whether pairs are for the linker's own function, which counts from the thread pointer. */
  readonly hasOwnAddressFunction: boolean;
}

/** @throws HcrError `unsupported-thread-local` when the block of the variable's module is somewhere
 *  else in each thread and the slot counts on a fixed place, or when its module id is not known */
export function threadLocalWords(
  need: Exclude<SlotNeed, 'got'>,
  variable: ThreadLocalBinding,
  functions: ThreadFunctions,
): readonly number[] {
  const { offset } = variable;
  switch (need) {
    case 'got-tp-offset':
      return [threadOffsetOf(variable)];
    case 'tls-index':
      return functions.hasOwnAddressFunction
        ? [0, threadOffsetOf(variable)]
        : [moduleIdOf(variable), offset];
    case 'tls-module':
      return functions.hasOwnAddressFunction
        ? [0, threadOffsetOf(variable) - offset]
        : [moduleIdOf(variable), 0];
    case 'tls-descriptor':
      return [functions.descriptorFunction ?? 0, threadOffsetOf(variable)];
  }
}

/** The variable's offset from the thread pointer.
 *  @throws HcrError `unsupported-thread-local` when it is not the same in every thread */
export function threadOffsetOf({ name, module, offset, block }: ThreadLocalBinding): number {
  if (block.threadOffset !== undefined) return block.threadOffset + offset;
  throw new HcrError({
    code: 'unsupported-thread-local',
    variable: name,
    reason: `each thread has the variables of ${module.name} somewhere else, and the new code counts on a fixed distance from the thread pointer`,
    advice:
      'Compile it to ask for the place: --cflags "-fPIC -ftls-model=global-dynamic -mtls-dialect=gnu".',
  });
}

function moduleIdOf({ name, module, block }: ThreadLocalBinding): number {
  if (block.moduleId !== undefined) return block.moduleId;
  throw new HcrError({
    code: 'unsupported-thread-local',
    variable: name,
    reason: `the id by which the C library knows the variables of ${module.name} is not to be found`,
    advice: 'Use an ordinary variable, or call a function of the program that returns its address.',
  });
}
