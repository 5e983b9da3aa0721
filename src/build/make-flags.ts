/**
 * Asks make what it would run to compile a source, without letting it run anything.
 *
 * `make -n` prints instead of running, with three exceptions: it brings makefiles up to date, it runs
 * lines that are marked with `+`, and lines that call make again. So the shell of all recipes is a
 * stand-in (see make-dry-run), which runs nothing but a further `make -n`, where a line is that and
 * no more. What a makefile computes while it is read (`$(shell …)`) does run, because flags come of
 * it: with the rights of whose makefile it is.
 *
 * The makes are asked that may have built the source: those of the folders above, which may hand
 * down variables, before that of the folder in which the compiler ran.
 *
 * @see GNU make manual, "Instead of Executing Recipes", "How the MAKE Variable Works"
 */
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { type BuildTrust, askUnnamed, doubtAboutBuildFile, trustOf } from './build-trust.js';
import type { BuildUser } from './build-user.js';
import { type ChosenFlags, chosenFlags, ranked } from './compilation-flags.js';
import type { CompileEntry } from './compile-commands.js';
import { isFile, realPath } from './file-kind.js';
import { findProgram } from './find-program.js';
import type { FlagAnswer, FlagQuestion, FoundFlags } from './found-flags.js';
import { TOO_SLOW, dryRunOfMake } from './make-dry-run.js';
import type { MakeOutput } from './make-output.js';
import { flagsNotOf } from './producer-difference.js';
import type { Producer } from './producer-flags.js';
import { SharedAnswers } from './shared-answers.js';

/** In the order in which GNU make looks for them. */
const NAMES = ['GNUmakefile', 'makefile', 'Makefile'];
const MAX_LEVELS = 8;
/** What can stand in a makefile without meaning something to make or to a shell. */
const PLAIN_NAME = /^(?!-)[\w./+-]+$/;

const dryRuns = new SharedAnswers<MakeOutput | string>();

interface Goal {
  readonly makefile: string;
  /** None is what make makes without being told. */
  readonly goal?: string;
}

/** Asks one makefile after the other, as far as they belong to somebody who decides anyway. */
export async function* askMake(question: FlagQuestion): AsyncGenerator<FlagAnswer> {
  for (const goal of goalsFor(question)) {
    const place = goal.goal === undefined ? goal.makefile : `${goal.makefile} (${goal.goal})`;
    const found = await askOne(goal, question);
    yield* ranked('make', [[place, found]]);
    if (typeof found === 'string' && found.startsWith(TOO_SLOW)) return;
  }
}

function askOne({ makefile, goal }: Goal, question: FlagQuestion): Promise<ChosenFlags | string> {
  const { sources, hints, user } = question;
  const trust = trustOf(user);
  const doubt = doubtAboutBuildFile(makefile, trust);
  return askUnnamed(makefile, doubt, user, async (runner) => {
    const run = await sharedDryRun(makefile, goal, question, runner);
    if (typeof run === 'string') return run;
    const found =
      doubtAboutParts(run, trust) ??
      chosenFlags((source) => commandsFor(run, source), sources, hints, runner);
    if (typeof found !== 'string') return otherBuild(found.flags, question.live) ?? found;
    if (run.unclear === 0) return found;
    return `${found}; ${run.unclear} of its commands can only be read by a shell`;
  });
}

/** make may have been told variables that its files do not have (`make CFLAGS=-O0`). */
function otherBuild({ compiler, args, directory }: FoundFlags, live: Producer): string | undefined {
  const name = basename(realPath(findProgram(compiler, directory) ?? compiler));
  const family = /clang/.test(name) ? 'clang' : /gcc|g\+\+/.test(name) ? 'gcc' : 'unknown';
  const others = [family, live.compiler].filter((each) => each === 'gcc' || each === 'clang');
  if (new Set(others).size === 2) return `its compiler is ${family}, that of the program was not`;
  const flags = flagsNotOf(live, args);
  return flags.length === 0
    ? undefined
    : `it compiles with ${flags.join(' ')}, and the program was compiled without`;
}

/** What make said for another source may have the command for this one too: all that an edited
 *  header has made old is in it. */
async function sharedDryRun(
  makefile: string,
  goal: string | undefined,
  question: FlagQuestion,
  user: BuildUser | undefined,
): Promise<MakeOutput | string> {
  const group = JSON.stringify([user?.uid, makefile, goal]);
  for (const run of dryRuns.current(group))
    if (typeof run !== 'string' && question.sources.some((path) => commandsFor(run, path).length))
      return run;
  const edited = editedNames(question);
  const request = {
    directory: dirname(makefile),
    makefile: basename(makefile),
    edited,
    ...(goal === undefined ? {} : { goal }),
    ...(user === undefined ? {} : { user }),
  };
  return await dryRuns.get(
    group + JSON.stringify(edited),
    [makefile],
    () => dryRunOfMake(request),
    (run) => (typeof run === 'string' ? [] : run.makefiles),
  );
}

function commandsFor({ entries }: MakeOutput, source: string): CompileEntry[] {
  const wanted = realPath(source);
  return entries.filter(
    ({ file, directory }) =>
      basename(file) === basename(source) && realPath(resolve(directory, file)) === wanted,
  );
}

/** Makefiles that a makefile takes in decide as well. */
function doubtAboutParts({ makefiles }: MakeOutput, trust: BuildTrust): string | undefined {
  for (const path of makefiles) {
    if (!isFile(path)) continue;
    const doubt = doubtAboutBuildFile(path, trust);
    if (doubt !== undefined) return `of ${path}, which it includes: ${doubt}`;
  }
  return undefined;
}

/** What make makes without being told; then the program or library by its own name, for makefiles that
 *  call make in ways that the stand-in shell does not follow; then the object, where there is one of
 *  that name: a rule that fits says little about an object that never was. */
function goalsFor({ directory, hints, sources, module }: FlagQuestion): Goal[] {
  const makefiles = makefilesAbove(directory);
  const [nearest] = makefiles;
  if (nearest === undefined) return [];
  const modules = makefiles.flatMap((makefile) => {
    const name = module === undefined ? '' : relative(dirname(makefile), module);
    return PLAIN_NAME.test(name) && !name.startsWith('../') ? [{ makefile, goal: name }] : [];
  });
  const below = relative(dirname(nearest), directory);
  const objects = [hints.name, basename(sources[0] ?? '')].flatMap((name) => {
    if (name === undefined || name.startsWith('/') || !PLAIN_NAME.test(name)) return [];
    const object = join(below, `${name.slice(0, name.length - extname(name).length)}.o`);
    return isFile(join(dirname(nearest), object)) ? [object] : [];
  });
  return [
    ...makefiles.toReversed().map((makefile) => ({ makefile })),
    ...modules,
    ...[...new Set(objects)].map((goal) => ({ makefile: nearest, goal })),
  ];
}

/** The nearest makefile in or above a folder, and those of the folders right above it. */
function makefilesAbove(start: string): string[] {
  const found: string[] = [];
  let directory = start;
  for (let level = 0; level < MAX_LEVELS; level += 1) {
    const makefile = NAMES.map((name) => join(directory, name)).find(isFile);
    if (makefile !== undefined) found.push(makefile);
    else if (found.length > 0) break;
    if (directory === dirname(directory)) break;
    directory = dirname(directory);
  }
  return found;
}

/** What the rules of a makefile may call the source. They come from a binary, so that none is taken
 *  that could be more than a name. */
function editedNames({ directory, hints, sources }: FlagQuestion): string[] {
  const names = sources.flatMap((source) => [
    source,
    relative(directory, source),
    basename(source),
  ]);
  return [...new Set([...(hints.name === undefined ? [] : [hints.name]), ...names])].filter(
    (name) => PLAIN_NAME.test(name),
  );
}
