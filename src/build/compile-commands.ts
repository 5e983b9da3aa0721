/**
 * Reads `compile_commands.json`, the list of compile commands that CMake, Meson, Ninja, Bear and
 * others leave behind.
 *
 * Such a file is a list of programs to run. One that was found, not named, counts only when it
 * belongs to the user: the path that leads to it comes from the target's binary, or from a folder
 * above it that everyone may write to.
 *
 * @see clang "JSON Compilation Database Format Specification"
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { HcrError } from '../core/failure.js';
import { isFile, realPath } from './file-kind.js';
import { splitShellWords } from './shell-words.js';

export interface CompileEntry {
  /** As written, perhaps relative to `directory`. */
  readonly file: string;
  /** Absolute. */
  readonly directory: string;
  /** The compiler and its arguments, response files not expanded; never empty. */
  readonly words: readonly string[];
  readonly output?: string;
}

const FILE_NAME = 'compile_commands.json';
const BUILD_FOLDER = /^(build|builddir|_build|out|build-.+|cmake-build-.+)$/;
const MAX_BYTES = 256 << 20;

/** Whether commands in this file may be run without the user having named it. */
export function belongsToUser(path: string): boolean {
  const self = process.geteuid?.() ?? -1;
  const owners = [0, self];
  const sudoUid = Number.parseInt(process.env['SUDO_UID'] ?? '', 10);
  if (self === 0 && sudoUid > 0) owners.push(sudoUid);
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && owners.includes(stat.uid) && (stat.mode & 0o002) === 0;
}

function buildFoldersIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => BUILD_FOLDER.test(name))
      .sort();
  } catch {
    return [];
  }
}

/** Every compile_commands.json above `source`, the nearest first, and in build folders there. */
export function findCompileCommands(source: string): string[] {
  const found: string[] = [];
  for (let directory = dirname(source); ; directory = dirname(directory)) {
    for (const folder of ['', ...buildFoldersIn(directory)]) {
      const path = join(directory, folder, FILE_NAME);
      if (isFile(path)) found.push(path);
    }
    if (directory === dirname(directory)) return found;
  }
}

/** The file that `--compile-commands PATH` names: PATH itself or the one in that folder. */
export function namedCompileCommands(path: string): string {
  const file = resolve(path);
  return isFile(file) ? file : join(file, FILE_NAME);
}

function parseList(path: string): readonly unknown[] {
  const fail = (detail: string): never => {
    throw new HcrError({ code: 'malformed-file', what: path, detail });
  };
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile()) return fail('there is no such file');
  if (stat.size > MAX_BYTES) return fail(`${stat.size} bytes are too many`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    return fail(cause instanceof Error ? cause.message : 'it is not JSON');
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
  const { file, directory, output } = entry as Record<'file' | 'directory' | 'output', unknown>;
  if (typeof file !== 'string') return undefined;
  const words = wordsOf(entry);
  if (words[0] === undefined || words[0] === '') return undefined;
  return {
    file,
    directory: resolve(base, typeof directory === 'string' ? directory : '.'),
    words,
    ...(typeof output === 'string' ? { output } : {}),
  };
}

function fileNameOf(raw: unknown): string {
  const file = (raw as { file?: unknown } | null)?.file;
  return typeof file === 'string' ? basename(file) : '';
}

/**
 * The entries that compile `source`, by real path, in the order of the file. Entries that make no
 * sense are passed over.
 *
 * @throws HcrError `malformed-file` when the file is not a list in JSON, or too large
 */
export function readEntriesFor(path: string, source: string): CompileEntry[] {
  const wanted = realPath(source);
  const names = new Set([basename(source), basename(wanted)]);
  return parseList(path)
    .filter((raw) => names.has(fileNameOf(raw)))
    .flatMap((raw) => parseEntry(raw, dirname(path)) ?? [])
    .filter((entry) => realPath(resolve(entry.directory, entry.file)) === wanted);
}
