/** Which modules are the user's: those that come with the system are seldom what is to be patched. */
import type { LoadedModule } from '../elf/loaded-module.js';

const SYSTEM_LIBRARY = /^\/(usr\/)?lib(32|64|x32)?\//;

export function isOwnModule({ isExecutable, path }: LoadedModule): boolean {
  return isExecutable || !SYSTEM_LIBRARY.test(path);
}
