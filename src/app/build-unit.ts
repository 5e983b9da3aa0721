/** The build stage for one translation unit: from what the live program says of it to an object. */
import { resolve } from 'node:path';
import { type CompileCommand, discoverCompileCommand } from '../build/compile-command.js';
import { type Compile, compileObject } from '../build/compile.js';
import { readGivenObject } from '../build/user-build.js';
import { HcrError } from '../core/failure.js';
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

/** @throws HcrError `compile-failed`, `compiler-not-found`, `source-not-found`, `source-not-trusted`,
 *   `no-debug-info`, `debug-file-missing`, `build-user-denied`, `usage` */
export async function buildUnit(
  wanted: WantedUnit,
  options: PatchOptions,
  setting: BuildSetting,
  extraFlags: readonly string[],
  onProgress: ReportProgress,
  compile: Compile = compileObject,
): Promise<BuiltUnit> {
  if (options.object !== undefined) {
    return { bytes: readGivenObject(options.object), what: resolve(options.object), notes: [] };
  }
  const command = findCommand(wanted, options, setting);
  for (const text of command.explanation) onProgress({ stage: 'log', text });
  const built = await compile(command, {
    extraFlags,
    onStart: (line) => {
      onProgress({ stage: 'build', command: line });
    },
  });
  const notes =
    built.diagnostics.trim() === '' ? [] : [`The compiler warned:\n${built.diagnostics.trimEnd()}`];
  return { bytes: built.bytes, what: command.source, command, notes };
}

/** What gcc calls the unit that link-time optimisation makes. */
const MERGED_BY_LTO = '<artificial>';

/** How a unit is compiled. @throws HcrError as `discoverCompileCommand`, `no-debug-info`, and
 *  `function-not-patchable` after gcc's link-time optimisation */
export function findCommand(
  wanted: WantedUnit,
  options: PatchOptions,
  setting: BuildSetting,
): CompileCommand {
  const { unit, names, module } = wanted;
  if (unit === undefined && options.source === undefined) {
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
  const command = discoverCompileCommand({
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
      ...(options.source === undefined ? {} : { source: options.source }),
      ...(options.cc === undefined ? {} : { cc: options.cc }),
      ...(options.cflags === undefined ? {} : { cflags: options.cflags }),
      ...(options.compileCommands === undefined
        ? {}
        : { compileCommands: options.compileCommands }),
    },
    searchRoots: setting.roots,
    ...(setting.user === undefined ? {} : { user: setting.user }),
    isForeign: setting.isForeign === true,
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
