/** All sources that the compile_commands.json of a project lists. */
import { dirname } from 'node:path';
import {
  doubtAboutCommands,
  findCompileCommands,
  namedCompileCommands,
  readSources,
} from './compile-commands.js';
import { isHcrError } from '../core/failure.js';

/** Every compile_commands.json above some sources, and in build folders there. */
export function databasesAbove(sources: Iterable<string>): Set<string> {
  const anyOfFolder = new Map([...sources].map((source) => [dirname(source), source]));
  return new Set([...anyOfFolder.values()].flatMap((source) => findCompileCommands(source)));
}

/**
 * @param near sources of the project
 * @param named the file or folder that the user named, in place of those above the sources
 * @param users whose files count without being named
 * @param builder with whose rights hcr builds, when not with its own
 * @returns real paths; none of a file that cannot be read
 */
export function sourcesInDatabases(
  near: Iterable<string>,
  named: string | undefined,
  users: ReadonlySet<number>,
  builder: number | undefined,
): string[] {
  const user = builder ?? process.geteuid?.() ?? -1;
  const paths =
    named === undefined
      ? [...databasesAbove(near)].filter(
          (path) => doubtAboutCommands(path, users, user) === undefined,
        )
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
