/**
 * Reads `compile_commands.json`, the list of compile commands that CMake, Meson, Ninja, Bear and
 * others leave behind.
 *
 * @see clang "JSON Compilation Database Format Specification"
 */
import { basename, dirname, join, resolve } from 'node:path';
import { HcrError } from '../core/failure.js';
import { findInBuildFolders } from './build-folders.js';
import { isFile, realPath } from './file-kind.js';
import { FileVersions } from './file-versions.js';
import { readRegularFile } from './regular-file.js';
import { splitShellWords } from './shell-words.js';

export interface CompileEntry {
  /** As written, perhaps relative to `directory`. */
  readonly file: string;
  /** Absolute. */
  readonly directory: string;
  /** The compiler and its arguments, response files not expanded; never empty. */
  readonly words: readonly string[];
  readonly output?: string;
  /** As a line for the shell, where it was written so. */
  readonly line?: string;
}

const FILE_NAME = 'compile_commands.json';
const MAX_BYTES = 256 << 20;

/** Every compile_commands.json above `source`, the nearest first, and in build folders there; then
 *  those above the other folders. */
export function findCompileCommands(source: string, folders: readonly string[] = []): string[] {
  return findInBuildFolders(FILE_NAME, [dirname(source), ...folders]);
}

/** The file that `--compile-commands PATH` names: PATH itself or the one in that folder. */
export function namedCompileCommands(path: string): string {
  const file = resolve(path);
  return isFile(file) ? file : join(file, FILE_NAME);
}

/** Reading a list of megabytes takes longer than to compile; it is read again when it was written. */
const MAX_LISTS_KEPT = 4;
const lists = new Map<string, { readonly versions: FileVersions; readonly list: CommandList }>();

/** The list in a file, as it is now. @throws HcrError `malformed-file` */
function readList(path: string): CommandList {
  const known = lists.get(path);
  if (known?.versions.areCurrent() === true) return known.list;
  const versions = new FileVersions();
  versions.remember(path, false);
  const text = readRegularFile(path, { maxBytes: MAX_BYTES });
  if (text === undefined) {
    const detail = `there is no such file, or it has over ${MAX_BYTES} bytes`;
    throw new HcrError({ code: 'malformed-file', what: path, detail });
  }
  const list = new CommandList(text.toString('utf8'), path);
  lists.delete(path);
  lists.set(path, { versions, list });
  for (const oldest of lists.keys()) if (lists.size > MAX_LISTS_KEPT) lists.delete(oldest);
  return list;
}

/** A compilation database. Entries that make no sense are passed over. */
export class CommandList {
  private readonly base: string;
  private readonly byName = new Map<string, unknown[]>();

  /** @param path of the file, or where it would be: relative folders start there
   *  @throws HcrError `malformed-file` when the text is not a list in JSON */
  constructor(text: string, path: string) {
    this.base = dirname(path);
    for (const raw of parseList(text, path)) {
      const name = fileNameOf(raw);
      const same = this.byName.get(name);
      if (same === undefined) this.byName.set(name, [raw]);
      else same.push(raw);
    }
  }

  /** Real paths of all that it has a command for. */
  sources(): string[] {
    return [...this.byName.values()]
      .flat()
      .flatMap((raw) => parseEntry(raw, this.base) ?? [])
      .map(({ directory, file }) => realPath(resolve(directory, file)));
  }

  /** The entries that compile `source`, by real path, in the order of the list. */
  entriesFor(source: string): CompileEntry[] {
    const wanted = realPath(source);
    return [...new Set([basename(source), basename(wanted)])]
      .flatMap((name) => this.byName.get(name) ?? [])
      .flatMap((raw) => parseEntry(raw, this.base) ?? [])
      .filter((entry) => realPath(resolve(entry.directory, entry.file)) === wanted);
  }
}

function parseList(text: string, path: string): readonly unknown[] {
  const fail = (detail: string): never => {
    throw new HcrError({ code: 'malformed-file', what: path, detail });
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    // What stands there is not repeated: hcr may read more than who sees its messages.
    const place = /at position \d+/.exec(cause instanceof Error ? cause.message : '')?.[0];
    return fail(place === undefined ? 'it is not JSON' : `it is not JSON ${place}`);
  }
  return Array.isArray(parsed) ? parsed : fail('it is not a list');
}

function wordsOf(entry: Readonly<Record<string, unknown>>): readonly string[] {
  const { arguments: list, command } = entry as { arguments?: unknown; command?: unknown };
  if (Array.isArray(list)) return list.every((word) => typeof word === 'string') ? list : [];
  if (typeof command !== 'string') return [];
  try {
    return splitShellWords(command);
  } catch {
    return [];
  }
}

function parseEntry(raw: unknown, base: string): CompileEntry | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const entry = raw as Readonly<Record<string, unknown>>;
  const { file, directory, output, command } = entry as Record<
    'file' | 'directory' | 'output' | 'command',
    unknown
  >;
  if (typeof file !== 'string') return undefined;
  const words = wordsOf(entry);
  if (words[0] === undefined || words[0] === '') return undefined;
  return {
    file,
    directory: resolve(base, typeof directory === 'string' ? directory : '.'),
    words,
    ...(typeof output === 'string' ? { output } : {}),
    ...(typeof command === 'string' ? { line: command } : {}),
  };
}

function fileNameOf(raw: unknown): string {
  const file = (raw as { file?: unknown } | null)?.file;
  return typeof file === 'string' ? basename(file) : '';
}

/**
 * The entries of a file that compile `source`.
 *
 * @throws HcrError `malformed-file` when the file is not a list in JSON, or too large
 */
export function readEntriesFor(path: string, source: string): CompileEntry[] {
  return readList(path).entriesFor(source);
}

/** Real paths of all sources that a file has a command for.
 *  @throws HcrError `malformed-file` */
export function readSources(path: string): string[] {
  return readList(path).sources();
}
