/** Where things are in this checkout. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Tests run from their sources; scripts that use this are compiled into a folder further down. */
function rootAbove(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootAbove(dirname(folder));
}

export const REPOSITORY = rootAbove(import.meta.dirname);

/** The command under test; HCR_CLI names another one, such as an installed package's. */
export const HCR_CLI = process.env['HCR_CLI'] ?? join(REPOSITORY, 'dist/cli/main.js');
