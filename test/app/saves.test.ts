import { execFile, execFileSync } from 'node:child_process';
import { utimesSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { Saves } from '../../src/app/saves.js';
import { TemporaryTree } from '../build/temporary-tree.js';
import { until } from '../support/until.js';

const run = promisify(execFile);

const FILES = ['one.c', 'two.c', 'three.c'];

describe('saves', () => {
  let tree: TemporaryTree;
  afterEach(() => {
    tree[Symbol.dispose]();
  });

  function git(...args: readonly string[]): void {
    const settings = ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'commit.gpgsign=false'];
    execFileSync('git', ['-C', tree.path, ...settings, ...args], { stdio: 'ignore' });
  }

  it('of a switch of branches are one batch, however long git takes from file to file', async () => {
    tree = new TemporaryTree(Object.fromEntries(FILES.map((name) => [name, 'int before;\n'])));
    git('init', '--quiet');
    // As on a machine that has much else to do.
    git('config', 'filter.slow.smudge', 'sleep 0.8; cat');
    tree.write('.gitattributes', '*.c filter=slow\n');
    git('add', '.');
    git('commit', '--quiet', '--message', 'before');
    git('branch', 'before');
    for (const name of FILES) tree.write(name, 'int after;\n');
    git('commit', '--quiet', '--all', '--message', 'after');
    const batches: (readonly string[])[] = [];
    using saves = new Saves((files) => {
      batches.push(files);
    });
    saves.follow(FILES.map((name) => tree.at(name)));
    await run('git', ['-C', tree.path, 'checkout', '--quiet', 'before']);
    await until('the switch is told of', () => batches.length > 0);
    expect(batches.map((files) => [...files].sort())).toEqual([
      FILES.map((name) => tree.at(name)).sort(),
    ]);
  });

  it('that come one after the other while hcr has no time are one batch', async () => {
    tree = new TemporaryTree(Object.fromEntries(FILES.map((name) => [name, 'int before;\n'])));
    const batches: (readonly string[])[] = [];
    using saves = new Saves((files) => {
      batches.push(files);
    });
    saves.follow(FILES.map((name) => tree.at(name)));
    // Events are read once between two of these, and no timer comes in between.
    await new Promise(setImmediate);
    tree.write('one.c', 'int after;\n');
    await new Promise(setImmediate);
    for (const name of ['two.c', 'three.c']) tree.write(name, 'int after;\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    await until('they are told of', () => batches.flat().length >= FILES.length);
    expect(batches.map((files) => [...files].sort())).toEqual([
      FILES.map((name) => tree.at(name)).sort(),
    ]);
  });

  it('are told of although a git that was killed has left its lock', async () => {
    tree = new TemporaryTree({ 'one.c': 'int before;\n', '.git/index.lock': '' });
    utimesSync(tree.at('.git/index.lock'), 0, 0);
    const batches: (readonly string[])[] = [];
    using saves = new Saves((files) => {
      batches.push(files);
    });
    saves.follow([tree.at('one.c')]);
    tree.write('one.c', 'int after;\n');
    await until('it is told of', () => batches.length > 0);
    expect(batches).toEqual([[tree.at('one.c')]]);
  });
});
