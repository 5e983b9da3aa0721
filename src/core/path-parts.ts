/** Following a path as the kernel does. @see path_resolution(7) */

/** Links that the kernel follows on one way before it says ELOOP. */
export const MAX_LINKS = 40;

/** The names to go through one by one, `..` among them. */
export function pathParts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
