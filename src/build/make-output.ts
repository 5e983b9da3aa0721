/**
 * Finds compile commands in what make says it would run.
 *
 * make tells the folder of each (recursive) make as it enters it. Each recipe line runs in a shell of
 * its own there, so a `cd` counts to the end of its line. A command that is not certain (see
 * shell-commands) is left out and counted.
 *
 * @see GNU make manual, "Instead of Executing Recipes", "The '--print-directory' Option"
 */
import { basename, extname, resolve } from 'node:path';
import { sortCompileArguments } from './compile-arguments.js';
import type { CompileEntry } from './compile-commands.js';
import { unwrapCompiler } from './compiler-words.js';
import { isFile } from './file-kind.js';
import { CPP_EXTENSIONS } from './language.js';
import { type ShellWord, type SimpleCommand, readSimpleCommands } from './shell-commands.js';

export interface MakeOutput {
  readonly entries: readonly CompileEntry[];
  /** Compile commands of which not every word is known without running a shell. */
  readonly unclear: number;
  /** Absolute paths of the makefiles that were read. */
  readonly makefiles: readonly string[];
}

const ENTERING = /^\S*make(?:\[\d+\])?: Entering directory '(.*)'$/;
const LEAVING = /^\S*make(?:\[\d+\])?: Leaving directory '/;
const READING = /^Reading makefile '([^']+)'/;
const COMPILER = /^(.*-)?(cc|gcc|g\+\+|c\+\+|clang|clang\+\+|icx|icpx)(-\d[\d.]*)?$/;
/** Ends after the preprocessor, or makes assembly: no object comes of it. */
const NO_OBJECT = /^(-E|-S|-MM?|-fsyntax-only|--version|-v|-###|-print-.*|-dump.*)$/;
/** Words whose value changes nothing about the object, and which build tools like to compute. */
const SIDE_OUTPUT = /^-(MF|MT|MQ|MJ|o)$/;
const JOINED_SIDE_OUTPUT = /^(-M[FTQJ]|-Wp,-M|-o)./;
/** automake's way to name a source that is in this folder or in that of the sources. */
const FIND_SOURCE = /^`test -f '?([^'` ]+)'? \|\| echo '?([^'` ]*)'?`([^'"`$*?[\\]+)$/;

/** @param directory where make was started */
export function readMakeOutput(output: string, directory: string): MakeOutput {
  const reader = new MakeOutputReader(directory);
  for (const line of logicalLines(output)) reader.line(line);
  return reader;
}

/** Lines that a backslash continues are one, as in the recipe. */
function* logicalLines(output: string): Generator<string> {
  let line = '';
  for (const part of output.split('\n')) {
    line += line === '' ? part : `\n${part}`;
    if (/(?<!\\)(\\\\)*\\$/.test(part)) continue;
    yield line;
    line = '';
  }
  if (line !== '') yield line;
}

class MakeOutputReader implements MakeOutput {
  readonly entries: CompileEntry[] = [];
  unclear = 0;
  readonly makefiles: string[] = [];
  private readonly folders: string[];
  /** Named before the folder is. */
  private readonly readBefore: string[] = [];

  constructor(directory: string) {
    this.folders = [directory];
  }

  line(line: string): void {
    const entered = ENTERING.exec(line)?.[1];
    const read = READING.exec(line)?.[1];
    if (entered !== undefined) {
      this.folders.push(entered);
      for (const name of this.readBefore.splice(0)) this.makefiles.push(resolve(entered, name));
    } else if (LEAVING.test(line)) {
      if (this.folders.length > 1) this.folders.pop();
      this.readBefore.length = 0;
    } else if (read !== undefined) {
      this.readBefore.push(read);
    } else if (COMPILER_WITHIN.test(line)) {
      this.commands(line);
    }
  }

  private commands(line: string): void {
    const start = this.folders.at(-1) ?? '/';
    /** Of each subshell that is open; undefined where it is not known. */
    const folders: (string | undefined)[] = [start];
    for (const command of readSimpleCommands(line)) {
      while (folders.length <= command.depth) folders.push(folders.at(-1));
      folders.length = Math.max(1, command.depth + 1);
      const folder = folders.at(-1);
      const [first, target, ...more] = command.words;
      if (first?.text === 'cd' && first.isExact) {
        const isKnown = target?.isExact === true && more.length === 0 && folder !== undefined;
        folders[folders.length - 1] = isKnown ? resolve(folder, target.text) : undefined;
      } else {
        this.command(command, folder);
      }
    }
  }

  private command({ words }: SimpleCommand, folder: string | undefined): void {
    const exact = exactWords(words, folder);
    const unwrapped = unwrapCompiler(exact ?? words.map(({ text }) => text), false);
    if (unwrapped === undefined || !COMPILER.test(basename(unwrapped.compiler))) return;
    if (unwrapped.args.some((arg) => NO_OBJECT.test(arg))) return;
    const { inputs } = sortCompileArguments(unwrapped.args);
    const sources = inputs.filter(isSource);
    if (sources.length === 0) return;
    if (exact === undefined || folder === undefined) {
      this.unclear += 1;
      return;
    }
    for (const file of sources) this.entries.push({ file, directory: folder, words: exact });
  }
}

/** A cheap look at a line before it is read in full. */
const COMPILER_WITHIN = /(cc|\+\+|clang|icp?x)(-\d[\d.]*)?['"]?\s/;

function isSource(input: string): boolean {
  const extension = extname(input);
  return extension === '.c' || CPP_EXTENSIONS.has(extension);
}

/** The words as the shell would make them; undefined where one that matters is not known. Those that
 *  name side outputs are left out where they are not. */
function exactWords(words: readonly ShellWord[], folder: string | undefined): string[] | undefined {
  const exact: string[] = [];
  for (const [i, { text, isExact }] of words.entries()) {
    const before = words[i - 1];
    if (isExact) {
      exact.push(text);
    } else if (before?.isExact === true && SIDE_OUTPUT.test(before.text)) {
      exact.pop();
    } else if (!JOINED_SIDE_OUTPUT.test(text)) {
      const source = folder === undefined ? undefined : foundSource(text, folder);
      if (source === undefined) return undefined;
      exact.push(source);
    }
  }
  return exact;
}

function foundSource(text: string, folder: string): string | undefined {
  const [, tested, prefix = '', name] = FIND_SOURCE.exec(text) ?? [];
  if (tested === undefined || name === undefined) return undefined;
  return isFile(resolve(folder, tested)) ? name : `${prefix}${name}`;
}
