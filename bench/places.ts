/** Where things are. The compiled benchmark lies in .cache/tools/bench. */
import { join } from 'node:path';

const REPOSITORY = join(import.meta.dirname, '..', '..', '..');

/** The command that is measured; HCR_CLI names another one. */
export const HCR_CLI = process.env['HCR_CLI'] ?? join(REPOSITORY, 'dist', 'cli', 'main.js');

export const TARGET_SOURCES = join(REPOSITORY, 'bench', 'targets');

export const RESULTS = join(REPOSITORY, 'docs', 'benchmarks.md');
