/** All sources that the compile_commands.json of a project lists. */
import { dirname } from 'node:path';
import { type BuildTrust, doubtAboutCommands } from './build-trust.js';
import { findCompileCommands, namedCompileCommands, readSources } from './compile-commands.js';
import { isHcrError } from '../core/failure.js';

/** Every compile_commands.json above some sources, and in build folders there. */
export function databasesAbove(sources: Iterable<string>): Set<string> {
  const anyOfFolder = new Map([...sources].map((source) => [dirname(source), source]));
  return new Set([...anyOfFolder.values()].flatMap((source) => findCompileCommands(source)));
}

/**
 * @param near sources of the project
 * @param named the file or folder that the user named, in place of those above the sources
 * @param trust which files count without being named
 * @returns real paths; none of a file that cannot be read
 */
export function sourcesInDatabases(
  near: Iterable<string>,
  named: string | undefined,
  trust: BuildTrust,
): string[] {
  const paths =
    named === undefined
      ? [...databasesAbove(near)].filter((path) => doubtAboutCommands(path, trust) === undefined)
      : [namedCompileCommands(named)];
  return paths.flatMap((path) => {
    try {
      return readSources(path);
    } catch (error) {
      if (!isHcrError(error, 'malformed-file')) throw error;
      return [];
    }
  });
}
