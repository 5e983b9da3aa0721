/**
 * Stands in for the -I flags that gcc does not record.
 *
 * The line table names the folders in which headers were found: `#include "net/socket.h"` under
 * -Iinclude leaves `include/net`. So the folders themselves are searched first, and every folder
 * above them up to the build's after the system's own (-idirafter), where a project's `sys/time.h`
 * cannot stand in for `<time.h>`.
 *
 * @see DWARF 5, section 6.2.4, include_directories; GCC manual, "Directory Options"
 */
import { dirname, isAbsolute, resolve } from 'node:path';
import { isDirectory } from './file-kind.js';
import type { LocatedSource } from './source-search.js';
import { doubtAbout } from './trusted-path.js';

/** The compiler searches these by itself. */
const BUILT_IN = [
  /^\/usr(\/local)?\/include(\/c\+\+\/.*|\/[^/]+-linux-[^/]+(\/.*)?)?$/,
  /^\/usr\/include\/(bits|sys|asm|asm-generic|linux|gnu|arpa|net|netinet|rpc)(\/.*)?$/,
  /^\/usr\/lib(32|64)?\/(gcc|gcc-cross|clang|llvm-\d+)\//,
];
const SYSTEM = /^\/usr\//;
const TOPS = new Set([
  '/',
  '/usr',
  '/usr/include',
  '/usr/local',
  '/usr/local/include',
  '/home',
  '/tmp',
]);
const MAX_FOLDERS = 64;
const MAX_LEVELS = 4;

function foldersAbove(folder: string, stopAt: string): string[] {
  const above: string[] = [];
  for (let up = dirname(folder); above.length < MAX_LEVELS && !TOPS.has(up); up = dirname(up)) {
    above.push(up);
    if (up === stopAt) break;
  }
  return above;
}

/** A folder that `-I` names as well loses its place there when it also comes after the system's own:
 *  gcc then ignores the `-I`.
 *  @param own flags of the user, relative folders in them counted from `directory` */
export function withoutFoldersNamed(
  flags: readonly string[],
  own: readonly string[],
  directory: string,
): string[] {
  const named = new Set(
    own.flatMap((flag, i) => {
      if (!flag.startsWith('-I')) return [];
      const folder = flag.length > 2 ? flag.slice(2) : own[i + 1];
      return folder === undefined ? [] : [resolve(directory, folder)];
    }),
  );
  const isNamed = (folder: string | undefined): boolean =>
    folder !== undefined && named.has(resolve(directory, folder));
  return flags.filter(
    (flag, i) =>
      !(flag === '-idirafter' && isNamed(flags[i + 1])) &&
      !(flags[i - 1] === '-idirafter' && isNamed(flag)),
  );
}

/** @param recorded include folders of the unit's line table, relative to the compilation's folder
 *  @param trusted users whose folders are searched where anybody could have made them */
export function includeFallback(
  recorded: readonly string[],
  located: LocatedSource,
  trusted: ReadonlySet<number>,
): string[] {
  const own = [located.directory, dirname(located.source)];
  const folders = recorded
    .slice(0, MAX_FOLDERS)
    .map((folder) => located.toLocal(folder))
    .filter((folder) => isAbsolute(folder) && !BUILT_IN.some((pattern) => pattern.test(folder)))
    .filter((folder) => !own.includes(folder) && isDirectory(folder))
    .filter((folder) => doubtAbout(folder, trusted) === undefined);
  const first = folders.filter((folder) => !SYSTEM.test(folder));
  const last = [
    ...own,
    ...folders.filter((folder) => SYSTEM.test(folder)),
    ...folders.flatMap((folder) => foldersAbove(folder, located.directory)),
  ].filter((folder) => !first.includes(folder));
  return [
    ...[...new Set(first)].map((folder) => `-I${folder}`),
    ...[...new Set(last)].flatMap((folder) => ['-idirafter', folder]),
  ];
}
