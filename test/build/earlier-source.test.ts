/** What git has of a source, and what of a repository is not trusted. */
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CompileCommand } from '../../src/build/compile-command.js';
import { compileText, earlierTexts } from '../../src/build/earlier-source.js';
import { DAEMON, IS_ROOT, giveTo } from '../support/as-user.js';
import { TemporaryTree } from './temporary-tree.js';

const HOUR_MS = 3_600_000;

class Repository extends TemporaryTree {
  git(...words: readonly string[]): void {
    const who = ['-c', 'user.name=a', '-c', 'user.email=a@example.org'];
    execFileSync('git', [...who, ...words], { cwd: this.path, stdio: 'ignore', env: this.env });
  }

  private env: NodeJS.ProcessEnv = { ...process.env };

  commit(text: string, atMs: number): void {
    this.write('a.c', text);
    this.env = { ...process.env, GIT_COMMITTER_DATE: `@${Math.floor(atMs / 1000)} +0000` };
    this.git('init', '--quiet');
    this.git('add', 'a.c');
    this.git('commit', '--quiet', '-m', text);
  }

  command(): CompileCommand {
    return {
      cc: '/usr/bin/gcc',
      args: [],
      directory: this.path,
      source: this.at('a.c'),
      input: 'a.c',
      origin: 'dwarf',
      consulted: [],
      guessesLevel: false,
      explanation: [],
    };
  }
}

async function textsOf(repository: Repository, linkedMs = Date.now()): Promise<string[]> {
  const texts: string[] = [];
  for await (const text of earlierTexts(repository.command(), linkedMs)) texts.push(text);
  return texts;
}

describe('the texts that a source had', () => {
  it('are what was committed last, and last before the program was linked', async () => {
    using repository = new Repository({});
    const linkedMs = Date.now() - HOUR_MS;
    repository.commit('int one;\n', linkedMs - HOUR_MS);
    repository.commit('int two;\n', linkedMs - HOUR_MS / 2);
    repository.commit('int three;\n', linkedMs + HOUR_MS / 4);
    repository.commit('int four;\n', linkedMs + HOUR_MS / 2);
    repository.write('a.c', 'int edited;\n');
    expect(await textsOf(repository, linkedMs)).toEqual(['int four;\n', 'int two;\n']);
  });

  it('are read once where both are the same', async () => {
    using repository = new Repository({});
    repository.commit('int one;\n', Date.now() - HOUR_MS);
    expect(await textsOf(repository)).toEqual(['int one;\n']);
  });

  it.runIf(IS_ROOT)('are read with the rights of their owner: root alone gets none', async () => {
    using repository = new Repository({});
    repository.commit('int one;\n', Date.now() - HOUR_MS);
    giveTo(DAEMON, repository.path);
    expect(await textsOf(repository)).toEqual(['int one;\n']);
  });

  it('are none without a repository, and none of a file that git does not have', async () => {
    using folder = new Repository({ 'a.c': '' });
    expect(await textsOf(folder)).toEqual([]);
    folder.git('init', '--quiet');
    expect(await textsOf(folder)).toEqual([]);
  });
});

it('starts nothing that the settings of the repository name', async () => {
  using repository = new Repository({ '.gitattributes': '*.c filter=f diff=f\n' });
  repository.commit('int one;\n', Date.now() - HOUR_MS);
  const mark = `touch ${repository.at('ran')}; cat`;
  for (const name of [
    ...['core.fsmonitor', 'core.pager', 'pager.cat-file', 'diff.f.textconv', 'diff.external'],
    ...['filter.f.smudge', 'filter.f.clean', 'core.sshCommand', 'alias.rev-parse', 'core.editor'],
  ])
    repository.git('config', name, mark);
  repository.write('a.c', 'int edited;\n');
  expect(await textsOf(repository)).toEqual(['int one;\n']);
  expect(existsSync(repository.at('ran'))).toBe(false);
});

it('fetches nothing that the repository lacks, whatever its settings allow', async () => {
  using repository = new Repository({});
  repository.commit('int one;\n', Date.now() - HOUR_MS);
  const id = execFileSync('git', ['rev-parse', 'HEAD:./a.c'], { cwd: repository.path });
  const [, folder = '', name = ''] = /^(..)(\S+)/.exec(id.toString()) ?? [];
  rmSync(repository.at(`.git/objects/${folder}/${name}`));
  for (const [setting, value] of [
    ['core.repositoryformatversion', '1'],
    ['extensions.partialClone', 'origin'],
    ['remote.origin.promisor', 'true'],
    ['remote.origin.url', `ext::touch ${repository.at('ran')}`],
    ['protocol.ext.allow', 'always'],
  ] as const)
    repository.git('config', setting, value);
  expect(await textsOf(repository)).toEqual([]);
  expect(existsSync(repository.at('ran'))).toBe(false);
});

describe('another text', () => {
  it('is compiled as if it stood in the source: its name, its lines, the headers beside it', async () => {
    using repository = new Repository({ 'b.h': '#define B 7\n', 'a.c': 'not C' });
    const text = `#include "b.h"
_Static_assert(__builtin_strcmp(__FILE__, "a.c") == 0 && __LINE__ == 2, "");
int b = B;
`;
    const object = await compileText(repository.command(), text, []);
    expect(object?.dependencies).toContain(repository.at('b.h'));
  });

  it('that does not compile is none', async () => {
    using repository = new Repository({ 'a.c': 'int a;\n' });
    expect(await compileText(repository.command(), 'not C', [])).toBeUndefined();
  });
});
