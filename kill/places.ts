/** Where things are. The compiled harness lies in .cache/tools/kill. */
import { join } from 'node:path';

const REPOSITORY = join(import.meta.dirname, '..', '..', '..');

export const HCR_CLI = join(REPOSITORY, 'dist', 'cli', 'main.js');

export const TARGET_SOURCES = join(REPOSITORY, 'kill', 'targets');
