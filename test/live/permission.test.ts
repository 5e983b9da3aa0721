/**
 * Processes that hcr may and may not attach to, with real users, capabilities and namespaces: the
 * refusal names the cause, and the process is as it was.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Program } from '../app/program.js';
import { DAEMON, GAMES, IS_ROOT, asUser } from '../support/as-user.js';
import { childrenOf } from '../support/process-tree.js';
import { attach, refusalOf, runHcr } from '../support/hcr.js';
import { type Target, startTarget } from '../support/target.js';

const SOURCE = `#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
__attribute__((noipa)) int f1(void) { return 1; }
int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) prctl(PR_SET_DUMPABLE, 0);
  for (;;) { printf("f1 = %d\\n", f1()); fflush(stdout); usleep(20000); }
}
`;
const capabilities = (set: string): string[] => [`--inh-caps=${set}`, `--ambient-caps=${set}`];
const PRIVATE_PROC = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--mount-proc'];

describe.runIf(IS_ROOT)('hcr', () => {
  let program: Program;
  beforeAll(() => {
    program = new Program({ 'main.c': SOURCE });
    program.gcc('app', '-O2', '-g', 'main.c');
    chmodSync(program.directory, 0o755);
  });
  afterAll(() => {
    program[Symbol.dispose]();
  });

  async function started(words: readonly string[], ...args: readonly string[]): Promise<Target> {
    const [first = '', ...more] = [...words, program.path('app'), ...args];
    const target = await startTarget(first, more);
    await target.waitForLine(/^f1 = 1/);
    return target;
  }

  /** The refusal that the words before hcr lead to. */
  async function denied(target: Target, under: readonly string[]) {
    const refusal = await refusalOf(['attach', target.pid, '--func', 'f1'], { under, cwd: '/' });
    expect(refusal).toMatchObject({ exitCode: 3, code: 'attach-denied' });
    await target.waitForLine(/^f1 = 1/);
    return refusal;
  }

  it('names the user, and the capability that root of a container lacks', async () => {
    await using target = await started(asUser(GAMES));
    expect((await denied(target, asUser(DAEMON))).message).toContain('belongs to user 5');
    const bare = await denied(target, ['setpriv', '--bounding-set=-sys_ptrace']);
    expect(bare.message).toContain('root without CAP_SYS_PTRACE');
    expect(bare.hint).toContain('--cap-add=SYS_PTRACE');
    const group = await denied(target, asUser({ uid: GAMES.uid, gid: DAEMON.gid }));
    expect(group.message).toContain('it runs as group 60');
    const text = await runHcr(['doctor', target.pid], { under: asUser(DAEMON), cwd: '/' });
    expect(text.stdout).toMatch(/NO permission: .*belongs to user 5|✗ permission: .*user 5/);
  });

  it('names capabilities of the process that hcr lacks', async () => {
    const caps = ['--inh-caps=+net_raw', '--ambient-caps=+net_raw'];
    await using target = await started(asUser(GAMES, ...caps));
    const refusal = await denied(target, asUser(GAMES));
    expect(refusal.message).toContain('capabilities that hcr lacks');
  });

  it('names a process that is not dumpable, and root attaches to it', async () => {
    await using target = await started(asUser(GAMES), 'undumpable');
    expect((await denied(target, asUser(GAMES))).message).toContain('not dumpable');
    await attach(target.pid, ['f1'], ['--dry-run']);
  });

  it('attaches to a process with no_new_privs, and with it to others', async () => {
    await using target = await started(asUser(GAMES, '--no-new-privs'));
    const source = ['--source', program.path('main.c'), '--dry-run'];
    for (const under of [asUser(GAMES), asUser(GAMES, '--no-new-privs')])
      await attach(target.pid, ['f1'], source, { under, cwd: '/' });
  });

  it('attaches to the process of another user with two capabilities, and names the one it lacks', async () => {
    await using target = await started(asUser(GAMES));
    const alone = asUser(DAEMON, ...capabilities('+sys_ptrace'));
    expect((await denied(target, alone)).hint).toContain('CAP_DAC_OVERRIDE');
    const both = asUser(DAEMON, ...capabilities('+sys_ptrace,+dac_override'));
    const source = ['--source', program.path('main.c'), '--dry-run'];
    await attach(target.pid, ['f1'], source, { under: both, cwd: '/' });
  });

  it('names the user namespace that the process is not in', async () => {
    await using target = await started([]);
    const refusal = await denied(target, ['unshare', '--user', '--map-root-user']);
    expect(refusal.message).toContain('another user namespace');
    expect(refusal.hint).toContain('outside of its container');
  });

  it('goes by no /proc in which processes have other numbers', async () => {
    await using target = await started([]);
    const refusal = await denied(target, ['unshare', '--pid', '--fork']);
    expect(refusal.message).toContain('another pid namespace');
    expect(refusal.hint).toContain('mount -t proc');
  });

  it('patches a process in namespaces of its own from outside', async () => {
    await using init = await started(PRIVATE_PROC);
    const [inner = 0] = childrenOf(init.pid);
    writeFileSync(program.path('main.c'), SOURCE.replace('return 1;', 'return 2;'));
    await attach(inner, ['f1'], ['--source', program.path('main.c')]);
    await init.waitForLine(/^f1 = 2/);
    const text = await runHcr(['doctor', inner], { cwd: '/' });
    expect(text.stdout).toContain(`${inner} here, 1 in its own pid namespace`);
    process.kill(inner, 'SIGKILL');
  });
});
