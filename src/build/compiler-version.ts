/** Asks a compiler who it is. */
import type { BuildUser } from './build-user.js';
import { runProgramToEnd } from './process-group.js';

export interface CompilerVersion {
  readonly family: 'gcc' | 'clang' | 'unknown';
  /** `12.2.0`; empty when the compiler does not say. */
  readonly version: string;
  /** The first line of `--version`. */
  readonly banner: string;
}

const TIMEOUT_MS = 10_000;

/**
 * @param cc absolute path of the compiler
 * @param user with whose rights it runs, when not with those of hcr
 * @throws HcrError `compiler-not-found` when it can't be started
 */
export async function compilerVersion(cc: string, user?: BuildUser): Promise<CompilerVersion> {
  const { stdout } = await runProgramToEnd({
    program: cc,
    args: ['--version'],
    directory: '/',
    environment: { LC_ALL: 'C' },
    timeoutMs: TIMEOUT_MS,
    ...(user === undefined ? {} : { user }),
  });
  const banner = stdout.split('\n', 1)[0] ?? '';
  const clang = /\bclang version (\d+(?:\.\d+)*)/.exec(banner);
  if (clang) return { family: 'clang', version: clang[1] ?? '', banner };
  // "gcc (Debian 12.2.0-14+deb12u1) 12.2.0": the maker's name in brackets has a number of its own.
  const gnu = /^\S*(?:gcc|g\+\+|cc|c\+\+)\S* \(.*\) (\d+(?:\.\d+)*)/.exec(banner);
  return { family: gnu ? 'gcc' : 'unknown', version: gnu?.[1] ?? '', banner };
}
