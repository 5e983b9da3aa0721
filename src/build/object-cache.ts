/**
 * Compiles, and keeps what came out for as long as none of the files that went in is written: one
 * save may take several attempts, and several processes of one program need the same object.
 */
import type { CompileCommand } from './compile-command.js';
import { type Compile, type CompiledObject, compileObject } from './compile.js';
import { realPath } from './file-kind.js';
import { FileVersions } from './file-versions.js';
import { quoteShellWords } from './shell-words.js';

interface Kept {
  readonly object: CompiledObject;
  readonly inputs: FileVersions;
}

export interface CompileEvents {
  onStart(source: string, command: string): void;
  /** @param inputs real paths of the source and of every file that it includes */
  onEnd(source: string, durationMs: number, inputs: readonly string[]): void;
}

export class ObjectCache {
  private readonly events: CompileEvents;
  /** By source, then by command: a unit may need further flags. */
  private readonly kept = new Map<string, Map<string, Kept>>();

  constructor(events: CompileEvents) {
    this.events = events;
  }

  /** As {@link compileObject}, without starting the compiler where the object is there. */
  readonly compile: Compile = async (command, options) => {
    const source = realPath(command.source);
    const key = keyOf(command, options.extraFlags);
    const known = this.kept.get(source)?.get(key);
    if (known?.inputs.areCurrent() === true) return known.object;
    const object = await compileObject(command, {
      ...options,
      onStart: (line) => {
        options.onStart?.(line);
        this.events.onStart(source, line);
      },
    });
    const files = object.dependencies.map(realPath);
    this.events.onEnd(source, object.durationMs, files);
    if (object.dependencies.length > 0) {
      const inputs = new FileVersions();
      for (const file of files) inputs.remember(file, false);
      const ofSource = this.kept.get(source) ?? new Map<string, Kept>();
      this.kept.set(source, ofSource.set(key, { object, inputs }));
    }
    return object;
  };

  /** Compiles this source anew next time. To be told of each edit: the clock of a file system may
   *  be too coarse to tell two of them apart. @param source its real path */
  forget(source: string): void {
    this.kept.delete(source);
  }
}

function keyOf(command: CompileCommand, extra: readonly string[]): string {
  const { cc, args, directory, input, user } = command;
  return quoteShellWords([String(user?.uid), directory, cc, ...args, ...extra, input]);
}
