/**
 * hcr as root on a process of another user: what it starts has that user's rights, and what that
 * user leaves for it to read leads it nowhere.
 */
import { existsSync, lchownSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TemporaryTree } from '../build/temporary-tree.js';
import { DAEMON, GAMES, IS_ROOT, asUser, giveTo } from '../support/as-user.js';
import { type Fixture, buildFixture } from '../support/fixture.js';
import { attach, refusalOf, runHcr } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';

const QUITS = { endSignal: 'SIGQUIT' } as const;
const SUPPLEMENTARY = 44;

describe.runIf(IS_ROOT)('root, on the process of another user,', () => {
  let fixture: Fixture;
  let target: Target;
  let secrets: TemporaryTree;
  let number = 1;

  beforeAll(async () => {
    secrets = new TemporaryTree({ 'secret.h': 'the secret word\n', 'kept/file': 'kept' });
    fixture = await buildFixture('demo');
    giveTo(GAMES, fixture.directory);
    const [program = '', ...words] = asUser(
      GAMES,
      `--groups=${GAMES.gid},${SUPPLEMENTARY}`,
      fixture.program,
    );
    target = await startTarget(program, words, QUITS);
    await target.waitForLine(/^tick/);
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    fixture[Symbol.dispose]();
    secrets[Symbol.dispose]();
  });

  /** Another number for f1 to return, in a file that stays the user's. */
  function edit(): number {
    fixture.edit('f1.c', `return ${number};`, `return ${number + 1};`);
    number += 1;
    return number;
  }

  /** A program of the user that is the compiler in a compile_commands.json of the user. */
  function writeCompiler(script: string): void {
    writeFileSync(fixture.path('cc'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const entries = ['f1.c', 'main.c'].map((file) => ({
      directory: fixture.directory,
      file,
      arguments: ['./cc', '-O2', file],
    }));
    writeFileSync(fixture.path('compile_commands.json'), JSON.stringify(entries));
    giveTo(GAMES, fixture.directory);
  }

  const OUTPUT_IN_OUT = 'while [ "$1" != -o ]; do shift; done; out=$2';
  /** Where the compiler was told to put intermediate files, by its own account. */
  const scratchFolder = (): string => readFileSync(fixture.path('scratch'), 'utf8').trim();
  const TELL_SCRATCH = 'echo "$TMPDIR" > scratch';

  it('compiles with the ids, groups and variables of that user, and nothing else', async () => {
    writeCompiler(
      [
        TELL_SCRATCH,
        '[ "$1" = --version ] || {',
        '  { id -u; id -g; id -G; pwd; cut -d" " -f6,7 /proc/self/stat; } > ids',
        '  env > variables; ls -l /proc/self/fd > files; grep -E "Cap(Prm|Eff|Inh|Amb)|NoNew" /proc/self/status > caps',
        '}',
        'exec gcc "$@"',
      ].join('\n'),
    );
    const made = edit();
    const under = ['bash', '-c', 'exec 9</etc/shadow 50</etc/shadow; exec "$@"', 'bash'];
    const env = { HCR_TEST_SECRET: 'x', LD_PRELOAD: '', HOME: '/root', XDG_RUNTIME_DIR: '/run' };
    const report = await attach(target.pid, ['f1'], [], { under, env, cwd: '/root' });
    expect(report.functions.map(({ name }) => name)).toEqual(['f1']);
    await target.waitForLine(new RegExp(`= ${made}$`));
    const text = (file: string): string => readFileSync(fixture.path(file), 'utf8');
    const [uid, gid, groups, folder, session = ''] = text('ids').split('\n');
    expect([uid, gid, groups, folder]).toEqual([
      String(GAMES.uid),
      String(GAMES.gid),
      `${GAMES.gid} ${SUPPLEMENTARY}`,
      fixture.directory,
    ]);
    // In a session of its own, without a terminal.
    expect(session.split(' ')[1]).toBe('0');
    expect(session.split(' ')[0]).not.toBe(readFileSync('/proc/self/stat', 'utf8').split(' ')[5]);
    const variables = new Map(
      text('variables')
        .trimEnd()
        .split('\n')
        .map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]),
    );
    expect(variables.get('HOME')).toBe(GAMES.home);
    expect(variables.get('USER')).toBe(GAMES.name);
    for (const name of ['HCR_TEST_SECRET', 'LD_PRELOAD', 'XDG_RUNTIME_DIR', 'SUDO_UID'])
      expect(variables.has(name), name).toBe(false);
    expect(text('files')).not.toContain('shadow');
    expect(text('caps').match(/Cap\w+:\s*0{16}$/gm)).toHaveLength(4);
    expect(text('caps')).toMatch(/NoNewPrivs:\s*1/);
    expect(lstatSync(scratchFolder(), { throwIfNoEntry: false })).toBeUndefined();
  });

  it('asks a compiler for its version as that user, too', async () => {
    writeCompiler(`id -u >> ${fixture.path('uids')}; exec gcc "$@"`);
    await runHcr(['doctor', target.pid], { cwd: '/' });
    const uids = new Set(readFileSync(fixture.path('uids'), 'utf8').trimEnd().split('\n'));
    expect(uids).toEqual(new Set([String(GAMES.uid)]));
  });

  it('runs --build as that user', async () => {
    const made = edit();
    giveTo(GAMES, fixture.directory);
    const build = 'id -u > built-by && gcc -O2 -g -ffunction-sections -c f1.c -o new.o';
    const options = { cwd: fixture.directory };
    await attach(target.pid, ['f1'], ['--build', build, '--object', 'new.o'], options);
    await target.waitForLine(new RegExp(`= ${made}$`));
    expect(readFileSync(fixture.path('built-by'), 'utf8')).toBe(`${GAMES.uid}\n`);
  });

  it('reads no file in place of the object that is not that user’s own', async () => {
    for (const trick of [
      `ln -sf ${secrets.at('secret.h')} "$out"`,
      'ln -sf /dev/zero "$out"',
      'mkfifo "$out"',
      'mkdir "$out"',
    ]) {
      writeCompiler(`${OUTPUT_IN_OUT}; rm -f "$out"; ${trick}`);
      const refusal = await refusalOf(['attach', target.pid, '--func', 'f1'], { cwd: '/' });
      expect(refusal, trick).toMatchObject({ exitCode: 5, code: 'compile-failed' });
      expect(JSON.stringify(refusal)).not.toContain('secret word');
    }
  });

  it('removes nothing of others with the folder of a compilation', async () => {
    writeCompiler(
      `${TELL_SCRATCH}; ${OUTPUT_IN_OUT}; folder=$(dirname "$out"); rm -rf "$folder"; ln -s ${secrets.at('kept')} "$folder"; exit 1`,
    );
    await refusalOf(['attach', target.pid, '--func', 'f1'], { cwd: '/' });
    expect(existsSync(secrets.at('kept/file'))).toBe(true);
    expect(lstatSync(scratchFolder(), { throwIfNoEntry: false })).toBeUndefined();
  });

  it('shows nothing of a file that the user may not read', async () => {
    writeCompiler('exec gcc "$@"');
    const text = readFileSync(fixture.path('f1.c'), 'utf8');
    writeFileSync(fixture.path('f1.c'), `#include "${secrets.at('secret.h')}"\n${text}`);
    try {
      const refusal = await refusalOf(['attach', target.pid, '--func', 'f1'], { cwd: '/' });
      expect(refusal).toMatchObject({ exitCode: 5, code: 'compile-failed' });
      expect(JSON.stringify(refusal)).not.toContain('secret word');
      expect(refusal.hint).toContain(`user ${GAMES.uid}`);
    } finally {
      writeFileSync(fixture.path('f1.c'), text);
    }
  });

  it('hands no word to a compiler from a file that the user may not read', async () => {
    writeCompiler('echo "$@" >> words; exec gcc "$@"');
    const database = fixture.path('compile_commands.json');
    const words = readFileSync(database, 'utf8').replace('"-O2"', `"@${secrets.at('secret.h')}"`);
    writeFileSync(database, words);
    await runHcr(['attach', target.pid, '--func', 'f1', '--dry-run'], { cwd: '/' });
    expect(readFileSync(fixture.path('words'), 'utf8')).not.toContain('secret word');
  });

  it('enters no folder that the user may not enter', async () => {
    writeCompiler('exec gcc "$@"');
    const database = fixture.path('compile_commands.json');
    const entry = {
      directory: secrets.path,
      file: fixture.path('f1.c'),
      arguments: ['gcc', 'f1.c'],
    };
    writeFileSync(database, JSON.stringify([entry]));
    const args = ['attach', target.pid, '--func', 'f1', '--compile-commands', database];
    const refusal = await refusalOf(args, { cwd: '/' });
    expect(refusal).toMatchObject({ code: 'compile-failed' });
    expect(refusal.message).toContain(`can't cd to ${secrets.path}`);
  });

  it('passes over commands that a third user left above the sources', async () => {
    writeCompiler('touch ran; exec gcc "$@"');
    lchownSync(fixture.path('compile_commands.json'), DAEMON.uid, DAEMON.gid);
    await runHcr(['attach', target.pid, '--func', 'f1', '--dry-run'], { cwd: '/' });
    expect(existsSync(join(fixture.directory, 'ran'))).toBe(false);
  });
});
