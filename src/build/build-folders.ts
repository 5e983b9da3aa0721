/** Where a build keeps its files: in the folders above its sources, and in build folders there. */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isFile } from './file-kind.js';

const BUILD_FOLDER = /^(build|builddir|_build|out|build[-_.].+|cmake-build-.+|debug|release)$/i;

function buildFoldersIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => BUILD_FOLDER.test(name))
      .sort();
  } catch {
    return [];
  }
}

/** Every file of this name in the folders given and above them, the nearest first, and in build
 *  folders there. */
export function findInBuildFolders(name: string, folders: readonly string[]): string[] {
  const found = new Set<string>();
  const seen = new Set<string>();
  for (const start of folders) {
    for (let directory = start; !seen.has(directory); directory = dirname(directory)) {
      seen.add(directory);
      for (const folder of ['', ...buildFoldersIn(directory)]) {
        const path = join(directory, folder, name);
        if (isFile(path)) found.add(path);
      }
    }
  }
  return [...found];
}
