import { chmodSync, lchownSync, mkdirSync, symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { doubtAbout, isSafeFolder, trustedUsers } from '../../src/build/trusted-path.js';
import { TemporaryTree } from './temporary-tree.js';

const own = process.geteuid?.() ?? -1;
const STRANGER = 54321;
const OURS = new Set([0, own]);

describe('doubtAbout', () => {
  it('has none about files below folders that only their owners write to', () => {
    expect(doubtAbout('/usr/include/stdio.h', new Set([STRANGER]))).toBeUndefined();
  });

  it('has none about the files of those who decide, also in /tmp', () => {
    using tree = new TemporaryTree({ 'src/a.c': '' });
    expect(doubtAbout(tree.at('src/a.c'), OURS)).toBeUndefined();
  });

  it('names what a stranger put where everybody may put files, above the file or itself', () => {
    using tree = new TemporaryTree({ 'src/a.c': '' });
    // To a stranger the tree in /tmp is a stranger's.
    expect(doubtAbout(tree.at('src/a.c'), new Set([STRANGER]))).toBe(
      `${tree.path} belongs to user ${own}, in a folder where everybody may put files`,
    );
    mkdirSync(tree.at('open'));
    chmodSync(tree.at('open'), 0o777);
    tree.write('open/b.c', '');
    expect(doubtAbout(tree.at('open/b.c'), OURS)).toBeUndefined();
    if (own !== 0) return;
    lchownSync(tree.at('open/b.c'), STRANGER, STRANGER);
    expect(doubtAbout(tree.at('open/b.c'), OURS)).toContain(`open/b.c belongs to user ${STRANGER}`);
  });

  it('looks at where links lead', () => {
    using tree = new TemporaryTree({});
    symlinkSync('/proc/self/status', tree.at('a.c'));
    expect(doubtAbout(tree.at('a.c'), OURS)).toMatch(/is no file of a disk$/);
  });

  it('has doubts about whatever a process can make up', () => {
    for (const path of ['/proc/self/root/etc/passwd', '/proc/1/environ', '/dev/zero', '/dev/shm/x'])
      expect(doubtAbout(path, OURS)).toBeDefined();
  });
});

describe('isSafeFolder', () => {
  it('is /tmp with its sticky bit, and a folder of one’s own in it', () => {
    using tree = new TemporaryTree({});
    expect(isSafeFolder('/tmp', OURS)).toBe(true);
    expect(isSafeFolder(tree.path, OURS)).toBe(true);
  });

  it('is none in which or above which others may rename things', () => {
    using tree = new TemporaryTree({ 'a/b/x': '' });
    for (const mode of [0o777, 0o775]) {
      chmodSync(tree.at('a'), mode);
      expect(isSafeFolder(tree.at('a'), OURS)).toBe(false);
      expect(isSafeFolder(tree.at('a/b'), OURS)).toBe(false);
    }
    expect(isSafeFolder(tree.path, new Set([0, STRANGER]))).toBe(own === 0);
    expect(isSafeFolder(tree.at('nowhere'), OURS)).toBe(false);
  });
});

describe('trustedUsers', () => {
  it('are root, hcr’s own user and for whom it builds', () => {
    expect(trustedUsers(77)).toEqual(new Set([0, own, 77]));
  });
});
