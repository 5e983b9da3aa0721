import { chmodSync, lchownSync, symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { doubtAboutCommands } from '../../src/build/build-trust.js';
import { TemporaryTree } from './temporary-tree.js';

describe('doubtAboutCommands', () => {
  const own = process.geteuid?.() ?? -1;
  const STRANGER = 54321;

  it('refuses a file that everyone may write to', () => {
    using tree = new TemporaryTree({ 'compile_commands.json': '[]' });
    const path = tree.at('compile_commands.json');
    expect(doubtAboutCommands(path, { users: new Set([0, own]), builder: own })).toBeUndefined();
    chmodSync(path, 0o666);
    expect(doubtAboutCommands(path, { users: new Set([0, own]), builder: own })).toBe(
      'everybody may write to it',
    );
  });

  it('refuses a file of somebody else, and a link of somebody else to a file of root', () => {
    using tree = new TemporaryTree({ 'compile_commands.json': '[]' });
    const path = tree.at('compile_commands.json');
    expect(doubtAboutCommands(path, { users: new Set([STRANGER]), builder: STRANGER })).toBe(
      `it belongs to user ${own}`,
    );
    symlinkSync('/etc/passwd', tree.at('link'));
    if (own !== 0) return;
    lchownSync(tree.at('link'), STRANGER, STRANGER);
    expect(doubtAboutCommands(tree.at('link'), { users: new Set([0]), builder: 0 })).toBe(
      `it belongs to user ${STRANGER}`,
    );
  });

  it('refuses a file that hcr can read and whom it builds for cannot', () => {
    using tree = new TemporaryTree({ 'compile_commands.json': '[]' });
    const path = tree.at('compile_commands.json');
    chmodSync(path, 0o600);
    expect(doubtAboutCommands(path, { users: new Set([own]), builder: STRANGER })).toMatch(
      /may not read it$/,
    );
  });
});
