/** Before the live tests: the command that they run is built from this checkout, once. */
import { execFileSync } from 'node:child_process';
import { REPOSITORY } from './repository.js';

export default function buildOnce(): void {
  // Whoever names a command to test has built it.
  if (process.env['HCR_CLI'] !== undefined) return;
  execFileSync(
    process.execPath,
    ['node_modules/rolldown/bin/cli.mjs', '-c', '--log-level', 'silent'],
    {
      cwd: REPOSITORY,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
}
