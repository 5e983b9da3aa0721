/**
 * Which files could include a header, judged by the text of their `#include` lines: a cheap first
 * look, so that not a thousand units are preprocessed for one macro. It may say yes too often, and
 * never no wrongly: what it cannot follow counts as yes.
 */
import { readdirSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { isFile } from './file-kind.js';
import { readRegularFile } from './regular-file.js';

interface Includes {
  /** Names as they stand in `#include` lines. */
  readonly names: ReadonlySet<string>;
  /** True when some `#include` names a macro. */
  readonly computed: boolean;
}

/** What every C compiler brings along, wherever it keeps it. @see C17, 4 paragraph 6 */
const FREESTANDING = new Set(
  ['float', 'iso646', 'limits', 'stdalign', 'stdarg', 'stdatomic', 'stdbool', 'stddef', 'stdint']
    .concat(['stdnoreturn', 'tgmath'])
    .map((name) => `${name}.h`),
);
/** No source that people write is larger. */
const MAX_TEXT_BYTES = 64 << 20;
const SYSTEM_FOLDER = '/usr/include';

const INCLUDE =
  /^[ \t]*#[ \t]*(?:include|include_next|import)\b[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)?/gm;

export class IncludeTexts {
  private readonly texts = new Map<string, Includes>();
  private readonly byName = new Map<string, string[]>();
  private readonly systemNames = new Map<string, boolean>();
  private systemFolders: readonly string[] | undefined;

  /** @param files every file of the project that is known, absolute */
  constructor(files: Iterable<string>) {
    for (const path of new Set(files)) {
      const name = basename(path);
      const alike = this.byName.get(name);
      if (alike === undefined) this.byName.set(name, [path]);
      else alike.push(path);
    }
  }

  /** Whether one of `starts` could lead to a file of one of these names.
   *  @param names last parts of paths */
  mayReach(starts: Iterable<string>, names: ReadonlySet<string>): boolean {
    const queue = [...starts];
    const seen = new Set(queue);
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      const includes = this.includesOf(path);
      if (includes.computed) return true;
      for (const included of includes.names) {
        const name = basename(included);
        if (names.has(name)) return true;
        const alike = this.byName.get(name);
        if (alike === undefined && !this.isOfSystem(included)) return true;
        for (const next of alike ?? []) {
          if (seen.has(next)) continue;
          seen.add(next);
          queue.push(next);
        }
      }
    }
    return false;
  }

  /** Whether a name that is no file of the project is one of the system, which includes none of it. */
  private isOfSystem(name: string): boolean {
    let known = this.systemNames.get(name);
    if (known === undefined) {
      this.systemFolders ??= systemFolders();
      known =
        FREESTANDING.has(name) ||
        // <vector> and the like.
        extname(name) === '' ||
        this.systemFolders.some((folder) => isFile(join(folder, name)));
      this.systemNames.set(name, known);
    }
    return known;
  }

  private includesOf(path: string): Includes {
    let includes = this.texts.get(path);
    if (includes === undefined) {
      includes = readIncludes(path);
      this.texts.set(path, includes);
    }
    return includes;
  }
}

function readIncludes(path: string): Includes {
  const names = new Set<string>();
  let computed = false;
  for (const [, inQuotes, inBrackets] of readText(path).matchAll(INCLUDE)) {
    const name = inQuotes ?? inBrackets;
    if (name === undefined) computed = true;
    else names.add(name);
  }
  return { names, computed };
}

function readText(path: string): string {
  return readRegularFile(path, { maxBytes: MAX_TEXT_BYTES })?.toString('latin1') ?? '';
}

/** The system's include folder, and those in it that are for one machine. */
function systemFolders(): string[] {
  try {
    const own = readdirSync(SYSTEM_FOLDER).filter((name) => name.includes('-linux-'));
    return [SYSTEM_FOLDER, ...own.map((name) => join(SYSTEM_FOLDER, name))];
  } catch {
    return [];
  }
}
