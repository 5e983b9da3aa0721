/** A file that is written after another one, as edits come after builds. */
import { statSync, utimesSync, writeFileSync } from 'node:fs';

/** More than the clocks of file systems tick by. */
const LATER_MS = 50;

/** Tests edit within the same tick of the file system's clock in which the program was linked: no
 *  user is so fast, and hcr rightly takes such a file for one that the program was made of. */
export function writeAfter(path: string, text: string, earlier: string): void {
  writeFileSync(path, text);
  const earlierMs = statSync(earlier, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (statSync(path).mtimeMs > earlierMs) return;
  const later = new Date(earlierMs + LATER_MS);
  utimesSync(path, later, later);
}
