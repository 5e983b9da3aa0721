import { execFileSync, spawn } from 'node:child_process';
import { closeSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRegularFile, trueNameOf } from '../../src/elf/open-in-root.js';
import { TemporaryTree } from '../build/temporary-tree.js';
import { IS_ROOT } from '../support/as-user.js';
import { until } from '../support/until.js';

function textAt(path: string): string | undefined {
  const file = openRegularFile(path);
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

describe('openRegularFile', () => {
  it('opens a file, through links too', () => {
    using tree = new TemporaryTree({ a: 'text' });
    symlinkSync('a', tree.at('link'));
    expect(textAt(tree.at('a'))).toBe('text');
    expect(textAt(tree.at('link'))).toBe('text');
    expect(textAt(`/proc/${process.pid}/root${tree.at('link')}`)).toBe('text');
    expect(() => textAt(tree.at('nothing'))).toThrow('ENOENT');
  });

  it('opens no device, no folder, and no pipe for which it would have to wait', () => {
    using tree = new TemporaryTree({});
    execFileSync('mkfifo', [tree.at('pipe')]);
    for (const path of ['/dev/zero', '/', tree.at('pipe')]) {
      expect(textAt(path)).toBeUndefined();
      expect(textAt(`/proc/${process.pid}/root${path}`)).toBeUndefined();
    }
  });
});

describe.runIf(IS_ROOT)('a process with a root of its own', () => {
  let tree: TemporaryTree;
  let pid = 0;
  const inRoot = (path: string): string => `/proc/${pid}/root${path}`;

  beforeAll(async () => {
    tree = new TemporaryTree({
      'root/etc/hostname': 'inside',
      'root/usr/share/x': 'x inside',
      'outside/secret': 'outside',
    });
    const at = (name: string): string => tree.at(join('root', name));
    symlinkSync('/etc/hostname', at('absolute'));
    symlinkSync('../../../../../../etc/hostname', at('climbing'));
    symlinkSync('/usr', at('folder'));
    symlinkSync(tree.at('outside/secret'), at('secret'));
    symlinkSync('/proc/self/root/etc/hostname', at('magic'));
    symlinkSync('loop', at('loop'));
    const child = spawn('perl', ['-e', 'chroot shift or die; chdir "/"; sleep 600', at('')], {
      stdio: 'ignore',
    });
    pid = child.pid ?? 0;
    await until('it has its root', () => {
      const { ino } = statSync(`/proc/${pid}/root/`);
      return ino === statSync(at('')).ino;
    });
  });
  afterAll(() => {
    process.kill(pid, 'SIGKILL');
    tree[Symbol.dispose]();
  });

  it('is read with its links as it sees them', () => {
    for (const path of ['/absolute', '/climbing', '/etc/../../etc/hostname', '/folder/../absolute'])
      expect(textAt(inRoot(path)), path).toBe('inside');
    expect(textAt(inRoot('/folder/share/x'))).toBe('x inside');
  });

  it('leads to no file outside of it', () => {
    expect(() => textAt(inRoot('/secret'))).toThrow('ENOENT');
    expect(() => textAt(inRoot('/magic'))).toThrow('ENOENT');
    expect(() => textAt(inRoot('/etc/shadow'))).toThrow('ENOENT');
    // The kernel by itself goes there.
    expect(readFileSync(inRoot('/secret'), 'utf8')).toBe('outside');
  });

  it('keeps nobody busy with links in a circle', () => {
    expect(() => textAt(inRoot('/loop'))).toThrow('ELOOP');
  });

  it('has true names below its root only', () => {
    expect(trueNameOf(inRoot('/absolute'))).toMatch(/\/etc\/hostname$/);
    expect(trueNameOf(inRoot('/folder/share'))).toMatch(/\/usr\/share$/);
  });
});
