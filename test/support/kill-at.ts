/**
 * Kills hcr at a chosen system call: strace sends it SIGKILL when it is about to make its n-th
 * call of that name. strace counts for each thread of hcr by itself; hcr makes these calls on one
 * thread only, so that the count is that of the process. (With --seccomp-bpf, which would be
 * faster, strace 6.1 does not send the signal.)
 *
 * @see strace(1) "Tampering", the `when` expression
 */
import { type HcrOptions, runHcr } from './hcr.js';

/** All calls by which hcr changes a target. */
export const CHANGING_CALLS = ['ptrace', 'process_vm_writev', 'pwrite64'] as const;
export type ChangingCall = (typeof CHANGING_CALLS)[number];

/**
 * @param args of a command that starts no other program: that would be killed instead
 * @returns whether hcr made so many calls and was killed, or came to its end before
 */
export async function runKilledAt(
  args: readonly (string | number)[],
  call: ChangingCall,
  count: number,
  options: HcrOptions = {},
): Promise<boolean> {
  const under = [
    ...['strace', '-f', '-qqq', '-o', '/dev/null', '-e', `trace=${call}`],
    ...['-e', `inject=${call}:signal=SIGKILL:when=${count}`],
  ];
  const outcome = await runHcr(args, { ...options, under });
  if (outcome.signal === 'SIGKILL') return true;
  if (outcome.exitCode === 0) return false;
  throw new Error(
    `hcr ${args.join(' ')} failed at ${call} ${count} with ${outcome.exitCode ?? outcome.signal}: ${outcome.stdout}${outcome.stderr}`,
  );
}
