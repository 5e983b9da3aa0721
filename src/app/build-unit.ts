/** The build stage for one translation unit: from what the live program says of it to an object. */
import { resolve } from 'node:path';
import { type CompileCommand, discoverCompileCommand } from '../build/compile-command.js';
import { type Compile, compileObject } from '../build/compile.js';
import { readGivenObject } from '../build/user-build.js';
import { HcrError, isHcrError } from '../core/failure.js';
import type { BuildSetting } from './build-setting.js';
import type { WantedUnit } from './locate.js';
import type { PatchOptions, ReportProgress } from './report.js';

export interface BuiltUnit {
  readonly bytes: Uint8Array;
  /** Names the object in messages. */
  readonly what: string;
  /** Absent for an object that the user brought. */
  readonly command?: CompileCommand;
  readonly notes: readonly string[];
}

/** What the build said and what turned out wrong: by its place, why. */
export type RefutedAnswers = Map<string, string>;

/** What a compiler says that was given the folders of another build. */
const MISSES_HEADER = /: fatal error: .*(No such file or directory|file not found)/;

/**
 * Compiles by the first command that is not refuted. One that nobody named and that does not find the
 * headers is refuted too, if the next one does.
 *
 * @throws HcrError `compile-failed`, `compiler-not-found`, `source-not-found`, `source-not-trusted`,
 *   `no-debug-info`, `debug-file-missing`, `build-user-denied`, `usage`
 */
export async function buildUnit(
  wanted: WantedUnit,
  options: PatchOptions,
  setting: BuildSetting,
  extraFlags: readonly string[],
  onProgress: ReportProgress,
  compile: Compile = compileObject,
  refuted: RefutedAnswers = new Map(),
): Promise<BuiltUnit> {
  if (options.object !== undefined) {
    return { bytes: readGivenObject(options.object), what: resolve(options.object), notes: [] };
  }
  const command = await findCommand(wanted, options, setting, refuted);
  for (const text of command.explanation) onProgress({ stage: 'log', text });
  const onStart = (line: string): void => {
    onProgress({ stage: 'build', command: line });
  };
  const build = (more: RefutedAnswers): Promise<BuiltUnit> =>
    buildUnit(wanted, options, setting, extraFlags, onProgress, compile, more);
  try {
    const { signal } = options;
    const aborting = signal === undefined ? {} : { signal };
    const { bytes, diagnostics } = await compile(command, { extraFlags, onStart, ...aborting });
    const warnings =
      diagnostics.trim() === '' ? [] : [`The compiler warned:\n${diagnostics.trim()}`];
    return { bytes, what: command.source, command, notes: warnings };
  } catch (error) {
    const { place } = command;
    if (place === undefined || !missesHeader(error)) throw error;
    const why = 'with its command the source does not find its headers';
    try {
      const built = await build(new Map([...refuted, [place, why]]));
      refuted.set(place, why);
      return { ...built, notes: [`Passed over ${place}: ${why}.`, ...built.notes] };
    } catch {
      throw error;
    }
  }
}

function missesHeader(error: unknown): boolean {
  return (
    isHcrError(error) &&
    error.failure.code === 'compile-failed' &&
    MISSES_HEADER.test(error.failure.diagnostics)
  );
}

/** What gcc calls the unit that link-time optimisation makes. */
const MERGED_BY_LTO = '<artificial>';

/** What decides how a unit is compiled. */
export type UnitToCompile = Pick<WantedUnit, 'module' | 'unit' | 'absent' | 'names' | 'added'>;
export type CommandOptions = Pick<PatchOptions, 'source' | 'cc' | 'cflags' | 'compileCommands'>;

/** How a unit is compiled. @throws HcrError as `discoverCompileCommand`, `no-debug-info`, and
 *  `function-not-patchable` after gcc's link-time optimisation */
export async function findCommand(
  wanted: UnitToCompile,
  options: CommandOptions,
  setting: BuildSetting,
  refuted: RefutedAnswers = new Map(),
): Promise<CompileCommand> {
  const { added, names, module } = wanted;
  const unit = wanted.unit ?? added?.like;
  const source = added?.source ?? options.source;
  if (unit === undefined && source === undefined) {
    const failure = { module: module.path, function: names.join(', ') };
    throw wanted.absent ?? new HcrError({ code: 'no-debug-info', ...failure });
  }
  if (unit?.name === MERGED_BY_LTO) {
    throw new HcrError({
      code: 'function-not-patchable',
      function: names.length > 0 ? names.join(', ') : `the code of ${module.name}`,
      reason:
        'link-time optimisation compiled several files into one, so no source by itself gives this code',
      advice: 'Build the program without -flto (gcc), or link only its other files with it.',
    });
  }
  const command = await discoverCompileCommand({
    ...(unit === undefined
      ? {}
      : {
          unit: {
            name: unit.name,
            compDir: unit.compDir ?? '',
            producer: unit.producer ?? '',
            isOptimised: unit.accountsForCalls(),
            includeDirectories: unit.includeDirectories(),
          },
        }),
    overrides: {
      ...(source === undefined ? {} : { source }),
      ...(options.cc === undefined ? {} : { cc: options.cc }),
      ...(options.cflags === undefined ? {} : { cflags: options.cflags }),
      ...(options.compileCommands === undefined
        ? {}
        : { compileCommands: options.compileCommands }),
    },
    module: module.path,
    searchRoots: setting.roots,
    ...(setting.user === undefined ? {} : { user: setting.user }),
    isForeign: setting.isForeign === true,
    refuted,
  });
  if (command.args.some((flag) => COUNTING.test(flag))) {
    throw new HcrError({
      code: 'function-not-patchable',
      function: names.length > 0 ? names.join(', ') : command.source,
      reason:
        'it was built to count what runs (--coverage, -fprofile-generate), and the counters of edited code do not fit those of the program',
      advice: 'Build the program without these flags.',
    });
  }
  return command;
}

/** Instrumentation whose counters lie in arrays that are as long as the code has branches. */
const COUNTING =
  /^(--?coverage|-fprofile-(arcs|generate|instr-generate)|-fcs-profile-generate|-fcoverage-mapping)/;
