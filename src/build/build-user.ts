/**
 * For whom hcr builds. As root it compiles the code of other users' processes, from files that they
 * own and by commands that they wrote; so it does that as the owner of the process, who gains
 * nothing by it. setpriv(1) gives up what root has: uid, gid, supplementary groups, and the way back.
 *
 * @see setpriv(1), credentials(7), capabilities(7)
 */
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { CAPABILITY, capabilitiesIn, holds } from '../core/capabilities.js';
import { HcrError } from '../core/failure.js';
import { findProgram } from './find-program.js';

/** Somebody whose rights a program is run with. */
export interface BuildUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

/** What decides as whom hcr builds. */
export interface OwnRights {
  /** Effective user id of hcr. */
  readonly uid: number;
  /** Whether it may take on another user's ids: CAP_SETUID and CAP_SETGID. */
  readonly mayBecomeOthers: boolean;
}

/** Variables that shape what a compiler does or says, and that hold no secret. */
const KEPT_VARIABLE =
  /^(PATH|LANG|LANGUAGE|LC_[A-Z]+|TERM|TZ|CPATH|C_INCLUDE_PATH|CPLUS_INCLUDE_PATH|SOURCE_DATE_EPOCH)$/;
const FIRST_OTHER_DESCRIPTOR = 3;
/** @see open(2), O_CLOEXEC, in octal as fdinfo has it */
const CLOSED_ON_EXEC = 0o2000000;

/** Effective user id of hcr. */
export function ownUid(): number {
  return process.geteuid?.() ?? -1;
}

export function ownRights(): OwnRights {
  const effective = capabilitiesIn(readFileSync('/proc/self/status', 'latin1'), 'CapEff');
  return {
    uid: ownUid(),
    mayBecomeOthers: holds(effective, CAPABILITY.SETUID) && holds(effective, CAPABILITY.SETGID),
  };
}

/**
 * As whom to build for a process of `owner`; undefined for hcr's own user, who needs no change.
 *
 * @throws HcrError `build-user-denied` when hcr is root and cannot take on the owner's ids: it never
 * builds with root's rights for somebody else
 */
export function buildUserFor(owner: BuildUser, own = ownRights()): BuildUser | undefined {
  // Who is not root may build with the rights that he has.
  if (own.uid !== 0 || owner.uid === 0) return undefined;
  if (own.mayBecomeOthers) return owner;
  throw new HcrError({
    code: 'build-user-denied',
    uid: owner.uid,
    reason: 'hcr runs as root without CAP_SETUID and CAP_SETGID',
  });
}

export interface WrappedProgram {
  readonly program: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The folder is entered with the user's rights: what lies in it opens no further than for him. */
const ENTER_AND_RUN = 'cd -P -- "$0" && exec "$@"';

/**
 * A program as it is to be started so that it has the rights of `user` and nothing of root's.
 *
 * @throws HcrError `build-user-denied` without setpriv
 */
export function asBuildUser(user: BuildUser, run: WrappedProgram): WrappedProgram {
  const setpriv = findProgram('setpriv', '/');
  if (setpriv === undefined) {
    throw new HcrError({
      code: 'build-user-denied',
      uid: user.uid,
      reason: 'setpriv (of util-linux) is not installed',
    });
  }
  const { uid, gid, groups } = user;
  const rights = [
    ...[`--reuid=${uid}`, `--regid=${gid}`],
    groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`,
    ...['--inh-caps=-all', '--ambient-caps=-all', '--no-new-privs'],
  ];
  const inFolder = ['/bin/sh', '-c', ENTER_AND_RUN, run.directory, run.program, ...run.args];
  return {
    program: setpriv,
    args: [...rights, '--', ...inFolder],
    directory: '/',
    environment: environmentOf(uid, run.environment),
  };
}

function environmentOf(
  uid: number,
  environment: WrappedProgram['environment'],
): WrappedProgram['environment'] {
  const kept = Object.entries(process.env).filter(([name]) => KEPT_VARIABLE.test(name));
  return { ...Object.fromEntries(kept), ...accountVariables(uid), ...environment };
}

/** Who wrote a file, with the groups of his account.
 *  @param gid of the file, for a user without an account */
export function userOfAccount(uid: number, gid: number): BuildUser {
  const account = accountLine(uid);
  const [name, , , ownGroup] = account;
  const groups = linesOf('/etc/group').flatMap(([, , id, members]) =>
    name !== undefined && members?.split(',').includes(name) === true ? [Number(id)] : [],
  );
  return { uid, gid: ownGroup === undefined ? gid : Number(ownGroup), groups };
}

function accountVariables(uid: number): Readonly<Record<string, string>> {
  const [name = String(uid), , , , , home = '', shell = ''] = accountLine(uid);
  return { HOME: home || '/', USER: name, LOGNAME: name, SHELL: shell || '/bin/sh' };
}

/** @see passwd(5) */
function accountLine(uid: number): readonly string[] {
  return linesOf('/etc/passwd').find((fields) => fields[2] === String(uid)) ?? [];
}

function linesOf(path: string): readonly (readonly string[])[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    return [];
  }
}

/**
 * What to give a child in the place of the files that hcr has open, for the fourth place of `stdio`
 * onwards. Node closes its own and, of those that hcr was started with, only the first: the others
 * become /dev/null here.
 */
export function withoutInheritedFiles<T>(use: (more: readonly ('ignore' | number)[]) => T): T {
  const inherited = inheritedDescriptors();
  if (inherited.length === 0) return use([]);
  const nothing = openSync('/dev/null', 'r');
  try {
    const last = Math.max(...inherited);
    const places = Array.from({ length: last + 1 - FIRST_OTHER_DESCRIPTOR }, (_, i) =>
      inherited.includes(i + FIRST_OTHER_DESCRIPTOR) ? nothing : ('ignore' as const),
    );
    return use(places);
  } finally {
    closeSync(nothing);
  }
}

function inheritedDescriptors(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((file) => {
      if (file < FIRST_OTHER_DESCRIPTOR) return false;
      try {
        const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${file}`, 'latin1'));
        return (Number.parseInt(flags?.[1] ?? '0', 8) & CLOSED_ON_EXEC) === 0;
      } catch {
        // The one through which the folder was read.
        return false;
      }
    });
}
