/** Runs `make -n` so that nothing is made. See make-flags for why that takes more than `-n`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildUser } from './build-user.js';
import { findProgram } from './find-program.js';
import { type MakeOutput, readMakeOutput } from './make-output.js';
import { runProgramToEnd } from './process-group.js';
import { ScratchDirectory } from './scratch-directory.js';

export interface DryRunRequest {
  readonly directory: string;
  /** Name of the makefile in it. */
  readonly makefile: string;
  readonly goal?: string;
  /** Names of files to be taken for just edited. Plain: neither make nor a shell sees more in them. */
  readonly edited: readonly string[];
  readonly user?: BuildUser;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
/** How the reason begins where asking for something else would take as long. */
export const TOO_SLOW = 'its dry run took over';
const MAX_OUTPUT_BYTES = 64 << 20;
const NEW_FILE = { flag: 'wx', mode: 0o755 } as const;
const OF_NOBODY = {
  MAKEFLAGS: undefined,
  MFLAGS: undefined,
  MAKELEVEL: undefined,
  GNUMAKEFLAGS: undefined,
};

/**
 * The shell of every recipe, also of those by which makefiles are made. make starts the shell for
 * `$(shell …)` with a pipe of its own for the output; a recipe writes where make writes.
 *
 * A line is run only if it is a call of make, after a change of folder at most, in words that mean
 * themselves, or the name of the system. That make is told `-n` by the variable MAKEFLAGS.
 */
function standInShell(make: string): string {
  return `[ "$1" = -c ] && [ $# -eq 2 ] || exit 0
real=/bin/sh
[ -x /bin/bash ] && real=/bin/bash
[ /proc/self/fd/1 -ef "/proc/$PPID/fd/1" ] || exec "$real" "$@"
line=$2
case $line in '('*')') line=\${line#?} line=\${line%?} ;; esac
rest=$line
case $rest in
  'cd '*' && '*) folder=\${rest%%' && '*} rest=\${rest#*' && '} ;;
  'cd '*'; '*) folder=\${rest%%'; '*} rest=\${rest#*'; '} ;;
  'cd '*';'*) folder=\${rest%%';'*} rest=\${rest#*';'} ;;
  *) folder= ;;
esac
plain=$folder$rest
case $plain in *' \`uname\`') plain=\${plain%' \`uname\`'} ;; esac
case $plain in *[!A-Za-z0-9_\\ ./=:+,@%\\'\\"-]*) exit 0 ;; esac
case $rest in "${make} "*) exec "$real" -c "$line" ;; esac
exit 0
`;
}

/** Read before every makefile, so that what they say of the shell themselves does not count. */
function preamble(shell: string): string {
  return `%: override SHELL := ${shell}
%: override .SHELLFLAGS := -c
`;
}

/** @returns what it would run, or why it does not say */
export async function dryRunOfMake(request: DryRunRequest): Promise<MakeOutput | string> {
  const make = findProgram('make', '/') ?? findProgram('gmake', '/');
  if (make === undefined) return 'make is not installed';
  if (!/^[\w./+-]+$/.test(make)) return `${make} is in a folder that make itself cannot name`;
  using scratch = new ScratchDirectory(request.user, 'read');
  const shell = join(scratch.path, 'sh');
  writeFileSync(shell, `#!/bin/sh\n${standInShell(make)}`, NEW_FILE);
  writeFileSync(join(scratch.path, 'dry-run.mk'), preamble(shell), NEW_FILE);
  const { timeoutMs = TIMEOUT_MS } = request;
  const edited = request.edited.flatMap((name) => ['-W', name]);
  const { exitCode, stdout, stderr } = await runProgramToEnd({
    program: make,
    args: [
      ...['-n', '-w', '--debug=v'],
      ...edited,
      ...['-f', request.makefile, `MAKE=${[make, ...edited].join(' ')}`],
      ...(request.goal === undefined ? [] : [request.goal]),
    ],
    directory: request.directory,
    environment: { ...OF_NOBODY, LC_ALL: 'C', MAKEFILES: join(scratch.path, 'dry-run.mk') },
    timeoutMs,
    maxOutputBytes: MAX_OUTPUT_BYTES,
    ...(request.user === undefined ? {} : { user: request.user }),
  });
  if (exitCode === null) return `${TOO_SLOW} ${timeoutMs / 1000} s`;
  // As --debug begins.
  if (!stdout.startsWith('GNU Make')) return `${make} is not GNU make`;
  const output = readMakeOutput(stdout, request.directory);
  if (exitCode !== 0 && output.entries.length === 0) {
    const said = /\*\*\* (.*)/.exec(stderr)?.[1] ?? `it ended with code ${exitCode}`;
    return `its dry run failed: ${said.slice(0, 200)}`;
  }
  const makefiles = output.makefiles.filter((path) => !path.startsWith(`${scratch.path}/`));
  return { entries: output.entries, unclear: output.unclear, makefiles };
}
