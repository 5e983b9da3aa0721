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
import { dirname, isAbsolute } from 'node:path';
import { isDirectory } from './file-kind.js';
import type { LocatedSource } from './source-search.js';

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

/** @param recorded include folders of the unit's line table, relative to the compilation's folder */
export function includeFallback(recorded: readonly string[], located: LocatedSource): string[] {
  const own = [located.directory, dirname(located.source)];
  const folders = recorded
    .slice(0, MAX_FOLDERS)
    .map((folder) => located.toLocal(folder))
    .filter((folder) => isAbsolute(folder) && !BUILT_IN.some((pattern) => pattern.test(folder)))
    .filter((folder) => !own.includes(folder) && isDirectory(folder));
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
