/**
 * Decides how one source file of the live program is compiled: where the source is, by which
 * compiler, in which folder, with which flags. What the user says wins over what the build says
 * (compile_commands.json, ninja, make), which wins over what the program's debug information records.
 */
import { dirname, isAbsolute, resolve } from 'node:path';
import { HcrError } from '../core/failure.js';
import type { BuildUser } from './build-user.js';
import { askBuild, notAsked } from './ask-build.js';
import { flagsFromDwarf } from './dwarf-flags.js';
import { withoutFoldersNamed } from './include-fallback.js';
import { isFile, realPath } from './file-kind.js';
import { findProgram, isSameProgram } from './find-program.js';
import type { BuildOrigin, ConsultedSource, FlagQuestion, FoundFlags } from './found-flags.js';
import { decideLanguage, driverNames } from './language.js';
import { type Producer, parseProducer } from './producer-flags.js';
import { splitShellWords } from './shell-words.js';
import { type LocatedSource, locateSource } from './source-search.js';
import { doubtAbout, trustedUsers } from './trusted-path.js';

/** What DWARF says of a translation unit. All of it is hostile input. */
export interface UnitDescription {
  readonly name: string;
  readonly compDir: string;
  readonly producer: string;
  /** As a DWARF constant (`DW_LANG_C11`, `C_plus_plus_14`) or as readelf prints it (`C++14`). */
  readonly language?: string;
  /** True when it was optimised, where its producer does not record the flags. */
  readonly isOptimised?: boolean;
  /** Folders of the line table, relative ones to `compDir`. */
  readonly includeDirectories?: readonly string[];
}

/** What the user says, as the command line names it. */
export interface BuildOverrides {
  /** Relative to the current folder, like every path the user gives. */
  readonly source?: string;
  /** Compiler, with flags of its own if need be (`--cc "gcc -m32"`). */
  readonly cc?: string;
  /** Appended after the flags that were found, so that they win. Split as a shell would. */
  readonly cflags?: string;
  /** compile_commands.json, or the folder that holds it. */
  readonly compileCommands?: string;
}

export interface DiscoveryInput {
  /** Absent when the program has no debug information; then `overrides.source` is needed. */
  readonly unit?: UnitDescription;
  readonly overrides: BuildOverrides;
  /** Path of the program or library that the unit is part of. */
  readonly module?: string;
  /** Absolute folders near which a moved source may lie: the executable's, the target's current. */
  readonly searchRoots: readonly string[];
  /** With whose rights hcr builds, when not with its own. */
  readonly user?: BuildUser;
  /** Whether the program's paths are those of another root than hcr's. */
  readonly isForeign?: boolean;
  /** Answers of the build that turned out wrong: by their place, why. */
  readonly refuted?: ReadonlyMap<string, string>;
}

export interface CompileCommand {
  /** Absolute path of the compiler. */
  readonly cc: string;
  /** Flags only: neither input nor output. */
  readonly args: readonly string[];
  /** Folder to compile in; relative paths in `args` start there. */
  readonly directory: string;
  /** Absolute path. */
  readonly source: string;
  /** The source as the build named it to the compiler, for `__FILE__`; starts in `directory`. */
  readonly input: string;
  /** With whose rights to run it, when not with those of hcr. */
  readonly user?: BuildUser;
  readonly origin: 'options' | BuildOrigin | 'dwarf';
  /** The file that the flags were found in without having been named: of the build's, if any. */
  readonly place?: string;
  /** Every source of flags, in the order in which they are asked. */
  readonly consulted: readonly ConsultedSource[];
  /** True when the level of optimisation is a guess, because nothing records it. */
  readonly guessesLevel: boolean;
  /** One short sentence per decision, for --verbose and `hcr doctor`. */
  readonly explanation: readonly string[];
}

const USUAL_LEVEL = '-O2';
const UNKNOWN_PRODUCER = parseProducer('');

function givenSource(path: string): string {
  const source = resolve(path);
  if (isFile(source)) return source;
  throw new HcrError({ code: 'source-not-found', source: path, tried: [source] });
}

/** Where the recorded source is; with --source it may be nowhere. */
function locate(input: DiscoveryInput): LocatedSource | undefined {
  if (input.unit === undefined) return undefined;
  try {
    return locateSource(input.unit, input.searchRoots);
  } catch (error) {
    if (input.overrides.source === undefined) throw error;
    return undefined;
  }
}

/** A place to compile a source that the debug information knows nothing of. */
function placeOf(source: string): LocatedSource {
  const directory = dirname(source);
  return {
    source,
    directory,
    atRecordedPlace: false,
    toLocal: (path) => resolve(directory, path),
  };
}

/** The first of the names that is installed. */
function findCompiler(names: readonly string[], directory: string): string {
  for (const name of names) {
    const path = findProgram(name, directory);
    if (path === undefined) continue;
    // gcc-12 and gcc are most often one file; then the short name is the one people know.
    const short = findProgram(name.replace(/-\d+$/, ''), directory);
    return short !== undefined && isSameProgram(short, path) ? short : path;
  }
  throw new HcrError({ code: 'compiler-not-found', compiler: names.join(' or ') });
}

interface Compiler {
  readonly cc: string;
  /** Words of `--cc` after the first. */
  readonly leading: readonly string[];
}

function chooseCompiler(
  input: DiscoveryInput,
  source: string,
  producer: Producer,
  database: FoundFlags | undefined,
): Compiler {
  if (input.overrides.cc !== undefined) {
    const [name = '', ...leading] = splitShellWords(input.overrides.cc, '--cc option');
    return { cc: findCompiler([name], process.cwd()), leading };
  }
  if (database !== undefined) {
    return { cc: findCompiler([database.compiler], database.directory), leading: [] };
  }
  const language = decideLanguage(source, input.unit?.language, producer.language);
  const names = driverNames(producer.compiler, language, producer.version);
  return { cc: findCompiler(names, process.cwd()), leading: [] };
}

/**
 * The name under which the build knew the source, when it still leads there from `directory`.
 * A name that the compiler would take for a flag is not one.
 */
function inputName(source: string, directory: string, name: string | undefined): string {
  if (name === undefined || /^[-@]/.test(name)) return source;
  return realPath(resolve(directory, name)) === realPath(source) ? name : source;
}

function questionOf(
  { unit, module, searchRoots, user, isForeign }: DiscoveryInput,
  sources: readonly string[],
  place: LocatedSource,
  producer: Producer,
): FlagQuestion {
  const near = isForeign === true ? searchRoots : [place.directory, ...searchRoots];
  return {
    sources,
    hints: {
      ...(unit === undefined ? {} : { name: unit.name, compDir: unit.compDir }),
      flags: producer.flags,
      near: searchRoots,
    },
    live: producer,
    directory: place.directory,
    ...(module === undefined ? {} : { module }),
    folders: near.filter((folder) => isAbsolute(folder)),
    ...(user === undefined ? {} : { user }),
  };
}

function consultedOptions({ source, cc, cflags }: BuildOverrides): ConsultedSource[] {
  const given = [
    ...(source === undefined ? [] : [`--source ${source}`]),
    ...(cc === undefined ? [] : [`--cc ${cc}`]),
    ...(cflags === undefined ? [] : [`--cflags '${cflags}'`]),
  ];
  return given.length === 0
    ? []
    : [{ origin: 'options', outcome: 'used', detail: given.join(' ') }];
}

/**
 * Finds the command. Reads files, and asks ninja and make what they would run; changes nothing.
 *
 * @throws HcrError `source-not-found`, `source-not-trusted`, `compiler-not-found`,
 * `build-user-denied`, `unsupported-language`,
 * `no-compile-command` and `malformed-file` for a compile_commands.json that the user named, `usage`
 * for an option that makes no sense
 */
export async function discoverCompileCommand(input: DiscoveryInput): Promise<CompileCommand> {
  const { unit, overrides } = input;
  const explanation: string[] = [];
  const recorded = locate(input);
  const given = overrides.source === undefined ? undefined : givenSource(overrides.source);
  const source = given ?? recorded?.source;
  if (source === undefined) {
    throw new HcrError({
      code: 'usage',
      detail: 'The program does not say what it was compiled from.',
      advice: 'Name the source with --source FILE or a compiled object with --object FILE.',
    });
  }
  const doubt = given === undefined ? doubtAbout(source, trustedUsers(input.user?.uid)) : undefined;
  if (doubt !== undefined)
    throw new HcrError({ code: 'source-not-trusted', source, reason: doubt });
  const place = recorded ?? placeOf(source);
  explanation.push(
    given !== undefined
      ? `source ${source}, as given`
      : `source ${source}${place.atRecordedPlace ? '' : ', found near the program'}`,
  );

  const producer = unit === undefined ? UNKNOWN_PRODUCER : parseProducer(unit.producer);
  const sources = [...new Set([source, place.source])];
  const consulted: ConsultedSource[] = [];
  const question = questionOf(input, sources, place, producer);
  const terms = {
    named: overrides.compileCommands,
    refuted: input.refuted,
    isForeign: input.isForeign === true,
  };
  const answer = await askBuild(question, terms, explanation, consulted);
  const database = answer?.flags;
  const found =
    database?.args ??
    (unit === undefined
      ? []
      : flagsFromDwarf(
          producer,
          unit.includeDirectories ?? [],
          place,
          { trusted: trustedUsers(input.user?.uid), isForeign: input.isForeign === true },
          explanation,
        ));
  const guessesLevel =
    database === undefined &&
    unit?.isOptimised === true &&
    producer.compiler === 'clang' &&
    ![...found, ...splitShellWords(overrides.cflags ?? '', '--cflags option')].some((flag) =>
      /^-O/.test(flag),
    );
  if (guessesLevel)
    explanation.push('optimised to a level that is not recorded; the one that fits is looked for');
  const { cc, leading } = chooseCompiler(input, source, producer, database);
  // A copy of the source elsewhere still includes the headers beside the original.
  const beside = source === place.source ? [] : ['-iquote', dirname(place.source)];
  const own = splitShellWords(overrides.cflags ?? '', '--cflags option');
  if (own.length > 0) explanation.push('flags of --cflags appended');
  explanation.push(`compiler ${cc}${overrides.cc === undefined ? '' : ', as given'}`);
  const user = input.user ?? database?.user;
  if (user !== undefined) explanation.push(`compiled as user ${user.uid}`);

  const directory = database?.directory ?? place.directory;
  return {
    cc,
    args: [
      ...(guessesLevel ? [USUAL_LEVEL] : []),
      ...leading,
      ...withoutFoldersNamed(found, own, directory),
      ...beside,
      ...own,
    ],
    directory,
    source,
    input: inputName(source, directory, database === undefined ? unit?.name : database.input),
    origin: answer?.origin ?? (unit === undefined ? 'options' : 'dwarf'),
    ...(answer?.place === undefined ? {} : { place: answer.place }),
    consulted: [
      ...consultedOptions(overrides),
      ...consulted,
      ...notAsked(answer, question, consulted),
    ],
    guessesLevel,
    explanation,
    ...(user === undefined ? {} : { user }),
  };
}
