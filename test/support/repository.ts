/** Where things are in this checkout. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** The command under test; HCR_CLI names another one, such as an installed package's. */
export const HCR_CLI = process.env['HCR_CLI'] ?? join(REPOSITORY, 'dist/cli/main.js');
