/**
 * Opens files below /proc/<pid>/root as that process would: its links are followed within its root.
 *
 * The kernel follows an absolute link from the root of whoever asks, which is hcr. A process with a
 * root of its own would so lead hcr, perhaps as root, to files of the machine; and its links would
 * miss the files that they mean. Each step is taken from the folder that the last one opened, so that
 * nothing can be exchanged in between. openat2(2) with RESOLVE_IN_ROOT does the same in one call, on
 * kernels and in sandboxes that have it.
 *
 * @see path_resolution(7); openat2(2), RESOLVE_IN_ROOT; open(2), O_PATH
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MAX_LINKS, pathParts } from '../core/path-parts.js';

/** The same on all machines that Node runs on. @see asm-generic/fcntl.h */
const O_PATH = 0o10000000;
const IN_ROOT = /^(\/proc\/\d+\/root)(\/.*)?$/;

/** The root that a path leads into where it is not hcr's own, and the path below it. */
function splitAtRoot(path: string): readonly [root: string, below: string] | undefined {
  const match = IN_ROOT.exec(path);
  if (match?.[1] === undefined || isOwnRoot(match[1])) return undefined;
  return [match[1], match[2] ?? '/'];
}

/** Whether every path means the same to that process and to hcr: then the kernel finds it faster. */
function isOwnRoot(root: string): boolean {
  try {
    const namespace = readlinkSync(join(dirname(root), 'ns/mnt'));
    if (namespace !== readlinkSync('/proc/self/ns/mnt')) return false;
    const [theirs, own] = [statSync(`${root}/`), statSync('/')];
    return theirs.dev === own.dev && theirs.ino === own.ino;
  } catch {
    return false;
  }
}

/** Folders on the way, each held open. */
class Way implements Disposable {
  private readonly folders: number[];

  constructor(root: string) {
    this.folders = [openSync(root, O_PATH | constants.O_DIRECTORY)];
  }

  /** How the kernel gets to a name in the folder where the way has come to. */
  to(name: string): string {
    return `/proc/self/fd/${this.folders.at(-1) ?? ''}/${name}`;
  }

  enter(folder: number): void {
    this.folders.push(folder);
  }

  /** Never above the root. */
  goUp(): void {
    if (this.folders.length > 1) closeSync(this.folders.pop() ?? -1);
  }

  goToRoot(): void {
    while (this.folders.length > 1) this.goUp();
  }

  [Symbol.dispose](): void {
    for (const folder of this.folders.splice(0)) closeSync(folder);
  }
}

function failed(code: 'ENOENT' | 'ELOOP', path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/** What a path is, without opening it: a descriptor of kind O_PATH, which the caller closes.
 *  @throws what open(2) would */
function locate(root: string, below: string): number {
  using way = new Way(root);
  const left = pathParts(below);
  for (let links = 0; links <= MAX_LINKS; ) {
    const name = left.shift();
    if (name === undefined) break;
    if (name === '..') {
      way.goUp();
      continue;
    }
    const found = openSync(way.to(name), O_PATH | constants.O_NOFOLLOW);
    if (fstatSync(found).isSymbolicLink()) {
      closeSync(found);
      links += 1;
      const target = readlinkSync(way.to(name));
      if (target.startsWith('/')) way.goToRoot();
      left.unshift(...pathParts(target));
      if (links > MAX_LINKS) throw failed('ELOOP', below);
    } else if (left.length === 0) return found;
    else way.enter(found);
  }
  return openSync(way.to('.'), O_PATH | constants.O_DIRECTORY);
}

/**
 * Opens what is at a path for reading when it is a regular file, and nothing else: a device could
 * act, and a named pipe would wait. The caller closes it.
 *
 * @returns undefined for anything but a regular file
 * @throws what open(2) would
 */
export function openRegularFile(path: string): number | undefined {
  const place = splitAtRoot(path);
  const found = place === undefined ? openSync(path, O_PATH) : locate(...place);
  try {
    if (!fstatSync(found).isFile()) return undefined;
    return openSync(`/proc/self/fd/${found}`, constants.O_RDONLY | constants.O_NONBLOCK);
  } finally {
    closeSync(found);
  }
}

/** The name that the kernel has for what is at a path, links followed.
 *  @throws what open(2) would */
export function trueNameOf(path: string): string {
  const place = splitAtRoot(path);
  const found = place === undefined ? openSync(path, O_PATH) : locate(...place);
  try {
    return readlinkSync(`/proc/self/fd/${found}`);
  } finally {
    closeSync(found);
  }
}
