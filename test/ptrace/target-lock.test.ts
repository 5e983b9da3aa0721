import { closeSync, openSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Pid, pid } from '../../src/core/address.js';
import { libc } from '../../src/ptrace/libc.js';
import { TargetLock } from '../../src/ptrace/target-lock.js';
import { type Target, startTarget } from '../support/target.js';

let target: Target;
let held: Pid;
beforeAll(async () => {
  target = await startTarget('sleep', ['600']);
  held = pid(target.pid);
});
afterAll(() => target[Symbol.asyncDispose]());

/** As another hcr has it, from now until it is closed. */
function lockOfAnother(kind: 'exclusive' | 'shared'): Disposable {
  const file = openSync(`/proc/${held}/mem`, 'r+');
  expect(libc().tryLock(file, kind)).toBe(0);
  return {
    [Symbol.dispose]: () => {
      closeSync(file);
    },
  };
}

describe('the lock of a process', () => {
  it('is not had by two, and seen by a third', async () => {
    using _ = (await TargetLock.take(held, 0)) ?? expect.fail('it is not there');
    expect(TargetLock.isTaken(held)).toBe(true);
    await expect(TargetLock.take(held, 0)).rejects.toMatchObject({ code: 'busy' });
  });

  it('is not taken for had while somebody else looks whether it is', () => {
    using _ = lockOfAnother('shared');
    expect(TargetLock.isTaken(held)).toBe(false);
  });

  it('is waited for by who has no time: another may only look', async () => {
    const another = lockOfAnother('shared');
    const taking = TargetLock.take(held, 0);
    another[Symbol.dispose]();
    using lock = await taking;
    expect(lock).toBeDefined();
  });
});
