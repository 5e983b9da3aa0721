/**
 * Finds the files that debug information was split off to: a separate debug file by build id or
 * by link, what `dwz` made several files share, split units and packages of them.
 *
 * The program names these files, and it is not to be trusted. A link is a name in one of a few
 * folders, and is not followed out of them; the paths of DWARF can be any. So only regular files
 * are opened, and none is used that is not proven to belong: by build id or checksum here, split
 * units by the signature that both parts have.
 *
 * @see gdb manual, "Debugging Information in Separate Files"
 */
import { basename, dirname, isAbsolute, join } from 'node:path';
import { readDebugLink, readSupplementaryLink, supplementaryId } from './debug-links.js';
import { type CompanionFiles, ElfFile, openElf, type SupplementaryFile } from './elf-file.js';
import { reopenFile } from './file-bytes.js';
import { trueNameOf } from './open-in-root.js';
import { unlessMalformed } from './malformed.js';

export interface FilePlace {
  /** As the process sees it. */
  readonly path: string;
  /** What to put before the paths of that process: `/proc/7/root`; empty for hcr's own. */
  readonly root: string;
  /** Where the system keeps debug files. */
  readonly debugFolders?: readonly string[];
}

const DEBUG_FOLDERS = ['/usr/lib/debug'];
/** What /proc/pid/maps adds to the path of a file that is no more. */
const DELETED = / \(deleted\)$/;

/** Opens a file that others may belong to; dispose of the result to close them all.
 *  @param path where to open it @param place where it is to the process that uses it
 *  @throws HcrError `malformed-file` when it cannot be opened or its headers are damaged */
export function openElfWithCompanions(path: string, place: FilePlace): ElfFile {
  return openElf(path, place.path, (file) => new DebugFiles(file, place));
}

class DebugFiles implements CompanionFiles {
  private readonly file: ElfFile;
  private readonly place: FilePlace & { readonly debugFolders: readonly string[] };
  /** Whether the file is itself a separate debug file, and of which. */
  private readonly strippedPath: string | undefined;
  private readonly opened = new Map<string, ElfFile | undefined>();

  constructor(file: ElfFile, place: FilePlace, strippedPath?: string) {
    this.file = file;
    this.place = {
      path: place.path.replace(DELETED, ''),
      root: place.root,
      debugFolders: place.debugFolders ?? DEBUG_FOLDERS,
    };
    this.strippedPath = strippedPath;
  }

  separate(): ElfFile | undefined {
    if (this.strippedPath !== undefined) return undefined;
    return this.once('separate', () => this.byBuildId(this.buildId()) ?? this.byLink());
  }

  supplementary(): SupplementaryFile | undefined {
    const link = readSupplementaryLink(this.file);
    if (link === undefined) return undefined;
    const file = this.once('supplementary', () => {
      const { path } = link;
      const named = isAbsolute(path) ? path : join(dirname(this.place.path), path);
      for (const candidate of this.bothViews(named)) {
        const found = openIf(candidate, (file) => supplementaryId(file) === link.id);
        if (found !== undefined) return found;
      }
      return this.byBuildId(link.id);
    });
    return { name: link.path, file };
  }

  package(): ElfFile | undefined {
    return this.once('package', () => {
      const names = [this.strippedPath, this.place.path].flatMap((path) => path ?? []);
      for (const path of names.flatMap((name) => this.bothViews(`${name}.dwp`))) {
        const found = openIf(path, ({ header }) => header.machine === this.file.header.machine);
        if (found !== undefined) return found;
      }
      return undefined;
    });
  }

  *splitFiles(name: string, directory: string | undefined): Generator<ElfFile> {
    const folders = [this.strippedPath, this.place.path].flatMap((path) =>
      path === undefined ? [] : [dirname(path)],
    );
    const named = isAbsolute(name) || directory === undefined ? name : join(directory, name);
    const paths = [
      ...(isAbsolute(named) ? [named] : []),
      // The build may have been moved, with or without its folders.
      ...folders.flatMap((folder) => [
        ...(isAbsolute(name) ? [] : [join(folder, name)]),
        join(folder, basename(name)),
      ]),
    ];
    const seen = new Set<string>();
    for (const path of paths.flatMap((one) => this.bothViews(one))) {
      if (seen.has(path)) continue;
      seen.add(path);
      const file = unlessMalformed(() => new ElfFile(reopenFile(path), path));
      if (file !== undefined) yield file;
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.opened.values()) file?.[Symbol.dispose]();
    this.opened.clear();
  }

  private once(what: string, find: () => ElfFile | undefined): ElfFile | undefined {
    if (!this.opened.has(what)) this.opened.set(what, find());
    return this.opened.get(what);
  }

  private buildId(): string | undefined {
    return unlessMalformed(() => this.file.buildId());
  }

  private byBuildId(id: string | undefined): ElfFile | undefined {
    if (id === undefined || id.length < 4) return undefined;
    const name = `.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`;
    for (const folder of this.place.debugFolders.flatMap((one) => this.bothViews(one))) {
      const found = this.openSeparate(folder, name, (file) => file.buildId() === id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private byLink(): ElfFile | undefined {
    const link = unlessMalformed(() => readDebugLink(this.file));
    if (link === undefined) return undefined;
    const own = this.buildId();
    // Two files of one build id are of one link, so that to read all of one for its checksum
    // would tell nothing more.
    const belongs = (file: ElfFile): boolean => {
      const other = file.buildId();
      return own === undefined || other === undefined ? file.crc32() === link.crc : own === other;
    };
    const { root, path, debugFolders } = this.place;
    const folder = dirname(path);
    const places = [
      [root + folder, link.name],
      [root + folder, join('.debug', link.name)],
      ...debugFolders
        .flatMap((one) => this.bothViews(one))
        .map((one) => [one, join(`.${folder}`, link.name)]),
    ] as const;
    for (const [within = '', name = ''] of places) {
      const found = this.openSeparate(within, name, belongs);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A file below a folder that symbolic links do not lead out of it. */
  private openSeparate(
    folder: string,
    name: string,
    belongs: (file: ElfFile) => boolean,
  ): ElfFile | undefined {
    const path = join(folder, name);
    const { root, debugFolders } = this.place;
    const isRooted = root !== '' && path.startsWith(`${root}/`);
    const place = { path: isRooted ? path.slice(root.length) : path, root, debugFolders };
    return openIf(
      path,
      (file) => {
        const { machine } = this.file.header;
        return file.header.machine === machine && isWithin(path, folder) && belongs(file);
      },
      (file) => new DebugFiles(file, place, this.place.path),
    );
  }

  /** A path of the process, as it sees it and as hcr does. */
  private bothViews(path: string): readonly string[] {
    const { root } = this.place;
    return root === '' ? [path] : [root + path, path];
  }
}

/** The file at a path when there is a sound one that belongs; otherwise it is closed again. */
function openIf(
  path: string,
  belongs: (file: ElfFile) => boolean,
  companionsOf?: (file: ElfFile) => CompanionFiles,
): ElfFile | undefined {
  const file = unlessMalformed(() => openElf(path, path, companionsOf));
  if (file === undefined) return undefined;
  if (unlessMalformed(() => belongs(file)) === true) return file;
  file[Symbol.dispose]();
  return undefined;
}

/** Told by the names of what is open: a path below /proc/pid/root has no other true name. */
function isWithin(path: string, folder: string): boolean {
  const truePath = trueNameIf(path);
  const trueFolder = trueNameIf(folder);
  if (truePath === undefined || trueFolder === undefined) return false;
  return truePath.startsWith(trueFolder.endsWith('/') ? trueFolder : `${trueFolder}/`);
}

function trueNameIf(path: string): string | undefined {
  try {
    return trueNameOf(path);
  } catch {
    return undefined;
  }
}
