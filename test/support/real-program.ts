/** Programs of others, from Debian's source packages, built by their own build. */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from './repository.js';

const run = promisify(execFile);

/** Kept from one run of the tests to the next. */
const CACHE = process.env['HCR_CACHE'] ?? join(tmpdir(), 'hcr-cache');

/** Fetches and builds it, unless that was done before.
 *  @returns the folder of its source */
export async function buildRealProgram(
  sourcePackage: string,
  buildScript: string,
): Promise<string> {
  const scripts = join(REPOSITORY, 'scripts/real-programs');
  await run(join(scripts, 'fetch-source.sh'), [sourcePackage, CACHE]);
  await run(join(scripts, buildScript), [CACHE]);
  return join(CACHE, sourcePackage);
}
