/**
 * Which files have another content than when they were last looked at. A file that was only touched,
 * or that a switch to another branch and back wrote anew, has the same.
 */
import { createHash } from 'node:crypto';
import { type BigIntStats, statSync } from 'node:fs';
import { readRegularFile } from './regular-file.js';

/** No source is larger; of other files each writing counts. */
const MAX_BYTES = 1 << 26;

interface Version {
  /** Of the file on the disk: as long as it is the same, the content is not read. */
  readonly stamp: string;
  /** Undefined while it was never read. */
  readonly content: string | undefined;
}

export type FileChange = 'same' | 'changed' | 'absent';

export class FileVersions {
  private readonly versions = new Map<string, Version>();

  /** Takes a file as it is now for the version that is known.
   *  @param reads whether to read it, so that a mere touch is recognised later */
  remember(path: string, reads = true): void {
    const stamp = stampOf(path);
    if (stamp === undefined) this.versions.delete(path);
    else this.versions.set(path, { stamp, content: reads ? contentOf(path) : undefined });
  }

  isKnown(path: string): boolean {
    return this.versions.has(path);
  }

  /** Whether it was written, made or removed since; its content may be the same. */
  isStale(path: string): boolean {
    return this.versions.get(path)?.stamp !== stampOf(path);
  }

  /** Whether none of all that are known was written since. */
  areCurrent(): boolean {
    return [...this.versions.keys()].every((path) => !this.isStale(path));
  }

  /** How it compares with the version that is known, which it then becomes. A file that is gone keeps
   *  its version, for when it comes back. */
  look(path: string): FileChange {
    const known = this.versions.get(path);
    const stamp = stampOf(path);
    if (stamp === undefined) return 'absent';
    if (known?.stamp === stamp) return 'same';
    const content = contentOf(path) ?? stamp;
    this.versions.set(path, { stamp, content });
    return known?.content === content ? 'same' : 'changed';
  }
}

/** Changes with every way of writing a file. */
function stampOf(path: string): string | undefined {
  let stat: BigIntStats | undefined;
  try {
    stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
  if (stat?.isFile() !== true) return undefined;
  return `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
}

function contentOf(path: string): string | undefined {
  const bytes = readRegularFile(path, { maxBytes: MAX_BYTES });
  return bytes && createHash('sha1').update(bytes).digest('base64');
}
