/** The decision by itself: hardly a machine has Yama in each of its settings, and more than one
 *  security module. What can be had is tried on real processes in test/live/permission.test.ts. */
import { describe, expect, it } from 'vitest';
import { type AttachFacts, explainDenial } from '../../src/ptrace/attach-failure.js';

const CAP_SYS_PTRACE = 1n << 19n;
const CAP_NET_RAW = 1n << 13n;

interface Changes {
  readonly isSelf?: boolean;
  readonly yamaScope?: number;
  readonly own?: Partial<AttachFacts['own']>;
  readonly target?: Partial<AttachFacts['target']>;
}

/** A process like hcr itself, which nothing speaks against, but for what is changed. */
function explained({ own, target, ...more }: Changes) {
  return explainDenial({
    isSelf: false,
    yamaScope: 0,
    ...more,
    own: { uid: 1000, gid: 1000, capabilities: 0n, ...own },
    target: {
      uids: [1000, 1000, 1000],
      gids: [1000, 1000, 1000],
      groups: [],
      permittedCapabilities: 0n,
      isDumpable: true,
      isInOwnUserNamespace: true,
      ...target,
    },
  });
}

const HAS_ALL = { own: { uid: 0, gid: 0, capabilities: CAP_SYS_PTRACE } } as const;
const ROOT_WITHOUT = { own: { uid: 0, gid: 0, capabilities: 0n } } as const;
const OTHER = { uids: [33, 33, 33] } as const;

describe('explainDenial', () => {
  it.each<{ what: string; facts: Changes; reason: RegExp; advice: RegExp }>([
    {
      what: 'hcr itself',
      facts: { isSelf: true, ...HAS_ALL },
      reason: /cannot trace itself/,
      advice: /another process/,
    },
    {
      what: 'Yama 1',
      facts: { yamaScope: 1 },
      reason: /only what it started.*ptrace_scope = 1/,
      advice: /`hcr run`.*ptrace_scope to 0/,
    },
    {
      what: 'Yama 2',
      facts: { yamaScope: 2 },
      reason: /only CAP_SYS_PTRACE.*ptrace_scope = 2/,
      advice: /as root, or set/,
    },
    {
      what: 'Yama 3, also for root',
      facts: { yamaScope: 3, ...HAS_ALL },
      reason: /until its next start.*ptrace_scope = 3/,
      advice: /restart the machine/,
    },
    {
      what: 'another user, whatever Yama says',
      facts: { yamaScope: 1, target: OTHER },
      reason: /belongs to user 33$/,
      advice: /as the user who owns/,
    },
    {
      what: 'a program with set-user-id',
      facts: { target: { uids: [1000, 0, 0] } },
      reason: /belongs to user 0$/,
      advice: /as root/,
    },
    {
      what: 'another user, for a root without the capability',
      facts: { target: OTHER, ...ROOT_WITHOUT },
      reason: /user 33, and hcr is root without CAP_SYS_PTRACE/,
      advice: /--cap-add=SYS_PTRACE/,
    },
    {
      what: 'another group',
      facts: { target: { gids: [1000, 44, 44] } },
      reason: /group 44, and hcr as group 1000/,
      advice: /that group/,
    },
    {
      what: 'a process that is not dumpable',
      facts: { target: { isDumpable: false } },
      reason: /not dumpable/,
      advice: /as root/,
    },
    {
      what: 'more capabilities than hcr has',
      facts: { target: { permittedCapabilities: CAP_NET_RAW } },
      reason: /capabilities that hcr lacks/,
      advice: /as root/,
    },
    {
      what: 'another user namespace',
      facts: { target: { isInOwnUserNamespace: false } },
      reason: /another user namespace$/,
      advice: /as root/,
    },
    {
      what: 'another user namespace, for root of a container',
      facts: { target: { ...OTHER, isInOwnUserNamespace: false }, ...HAS_ALL },
      reason: /beyond which hcr’s CAP_SYS_PTRACE does not reach/,
      advice: /outside of its container/,
    },
    {
      what: 'nothing of this, for a user',
      facts: {},
      reason: /security module/,
      advice: /log of the kernel/,
    },
    {
      what: 'nothing of this, for root',
      facts: { yamaScope: 2, target: OTHER, ...HAS_ALL },
      reason: /security module/,
      advice: /log of the kernel/,
    },
  ])('names $what', ({ facts, reason, advice }) => {
    const denial = explained(facts);
    expect(denial.reason).toMatch(reason);
    expect(denial.advice).toMatch(advice);
  });

  it('finds nothing amiss with capabilities that hcr has as well', () => {
    const both = { capabilities: CAP_NET_RAW };
    expect(explained({ own: both, target: { permittedCapabilities: CAP_NET_RAW } }).reason).toMatch(
      /security module/,
    );
  });
});
