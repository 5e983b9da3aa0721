import { describe, expect, it } from 'vitest';
import { ownerOf } from '../../src/app/build-setting.js';
import { asBuildUser, buildUserFor, userOfAccount } from '../../src/build/build-user.js';
import { isHcrError } from '../../src/core/failure.js';

const GAMES = { uid: 5, gid: 60, groups: [60, 44] };
const ROOT = { uid: 0, gid: 0, groups: [] };
const NOBODY = { uid: 65534, gid: 65534, groups: [] };

describe('buildUserFor', () => {
  it('is the owner of the process where hcr is root and he is not', () => {
    expect(buildUserFor(GAMES, { uid: 0, mayBecomeOthers: true })).toBe(GAMES);
  });

  it('changes nothing for the processes of root, and for an hcr that is not root', () => {
    expect(buildUserFor(ROOT, { uid: 0, mayBecomeOthers: true })).toBeUndefined();
    expect(buildUserFor(ROOT, { uid: 0, mayBecomeOthers: false })).toBeUndefined();
    expect(buildUserFor(GAMES, { uid: 5, mayBecomeOthers: false })).toBeUndefined();
    expect(buildUserFor(NOBODY, { uid: 5, mayBecomeOthers: false })).toBeUndefined();
  });

  it('refuses to build as root for somebody else where root cannot become him', () => {
    try {
      buildUserFor(GAMES, { uid: 0, mayBecomeOthers: false });
      expect.unreachable();
    } catch (error) {
      expect(isHcrError(error, 'build-user-denied')).toBe(true);
    }
  });
});

describe('ownerOf', () => {
  const owner = (uids: readonly number[], gids: readonly number[] = [60, 60, 60]) =>
    ownerOf({ uids, gids, groups: [44], permittedCapabilities: 0n });

  it('is the user of a process with its effective group', () => {
    expect(owner([5, 5, 5], [60, 44, 60])).toEqual({ uid: 5, gid: 44, groups: [44] });
  });

  it('is root for a process that can take ids again which it gave up', () => {
    for (const uids of [
      [5, 0, 0],
      [0, 5, 0],
      [5, 5, 0],
      [0, 5, 5],
      [5, 6, 6],
    ])
      expect(owner(uids).uid).toBe(0);
  });
});

describe('asBuildUser', () => {
  const run = { program: '/usr/bin/gcc', args: ['-c', 'a b.c'], directory: '/d', environment: {} };

  it('gives up ids, groups, capabilities and the way back before anything else is done', () => {
    const { program, args, directory } = asBuildUser(GAMES, run);
    expect(program).toMatch(/\/setpriv$/);
    const end = args.indexOf('--');
    expect(args.slice(0, end)).toEqual([
      '--reuid=5',
      '--regid=60',
      '--groups=60,44',
      '--inh-caps=-all',
      '--ambient-caps=-all',
      '--no-new-privs',
    ]);
    // The shell enters the folder with the user's rights and passes the words on untouched.
    expect(args.slice(-4)).toEqual(['/d', '/usr/bin/gcc', '-c', 'a b.c']);
    expect(directory).toBe('/');
    expect(asBuildUser(NOBODY, run).args).toContain('--clear-groups');
  });

  it('hands on no variable but those that compilers need', () => {
    process.env['HCR_TEST_SECRET'] = 'x';
    try {
      const { environment } = asBuildUser(GAMES, { ...run, environment: { TMPDIR: '/t' } });
      expect(Object.keys(environment)).not.toContain('HCR_TEST_SECRET');
      expect(Object.keys(environment)).not.toContain('LD_PRELOAD');
      expect(environment).toMatchObject({
        HOME: '/usr/games',
        USER: 'games',
        LOGNAME: 'games',
        TMPDIR: '/t',
        PATH: process.env['PATH'],
      });
    } finally {
      delete process.env['HCR_TEST_SECRET'];
    }
  });

  it('finds a home for a user without an account', () => {
    const { environment } = asBuildUser({ uid: 54321, gid: 54321, groups: [] }, run);
    expect(environment).toMatchObject({ HOME: '/', USER: '54321', SHELL: '/bin/sh' });
    expect(userOfAccount(54321, 77)).toEqual({ uid: 54321, gid: 77, groups: [] });
  });
});
