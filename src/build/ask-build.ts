/**
 * Asks the build how a source is compiled: compile_commands.json, ninja, make, in this order. An
 * answer by which the compiler ran in another folder than the program's is of another configuration,
 * most likely; it counts only when nobody has a better one.
 */
import { isAbsolute } from 'node:path';
import { askDatabases, flagsFromNamedDatabase } from './database-flags.js';
import { isDirectory, realPath } from './file-kind.js';
import type {
  BuildOrigin,
  ConsultedSource,
  FlagAnswer,
  FlagQuestion,
  FoundFlags,
} from './found-flags.js';
import { askMake } from './make-flags.js';
import { askNinja } from './ninja-flags.js';

export interface BuildAnswer {
  readonly origin: BuildOrigin;
  readonly flags: FoundFlags;
  readonly explanation: readonly string[];
  /** Absent for what the user named. */
  readonly place?: string;
}

export interface AskingTerms {
  /** The compile_commands.json that the user named, or its folder. */
  readonly named: string | undefined;
  /** Answers that turned out wrong: by their place, why. */
  readonly refuted: ReadonlyMap<string, string> | undefined;
  /** Whether the program's paths are those of another root than hcr's. */
  readonly isForeign: boolean;
}

/**
 * What the build says, the first of those who know the source and were not refuted.
 *
 * @param explanation,consulted get what was found, and where
 * @throws HcrError `usage`, `malformed-file`, `no-compile-command` for a file that the user named
 */
export async function askBuild(
  question: FlagQuestion,
  { named, refuted, isForeign }: AskingTerms,
  explanation: string[],
  consulted: ConsultedSource[],
): Promise<BuildAnswer | undefined> {
  if (named !== undefined) {
    const flags = flagsFromNamedDatabase(named, question, explanation);
    consulted.push({ origin: 'options', outcome: 'used', detail: `--compile-commands ${named}` });
    return { origin: 'compile_commands.json', flags, explanation: [] };
  }
  const elsewhere: (BuildAnswer & { readonly place: string; readonly at: number })[] = [];
  for (const origin of ORIGINS) {
    if (isForeign && origin !== 'compile_commands.json') {
      const detail = 'the program has a root of its own, and its paths mean nothing here';
      consulted.push({ origin, outcome: 'not asked', detail });
      continue;
    }
    let asked = 0;
    for await (const answer of ASK[origin](question)) {
      asked += 1;
      const { place } = answer;
      const pass = (detail: string): void => {
        consulted.push({ origin, place, outcome: 'passed over', detail });
        explanation.push(`passed over ${place}: ${detail}`);
      };
      const refutation = refuted?.get(place);
      if ('reason' in answer) pass(answer.reason);
      else if (refutation !== undefined) pass(refutation);
      else if (ranElsewhere(answer.flags, question.hints.compDir)) {
        elsewhere.push({ ...answer, at: consulted.length });
        pass(
          `its compiler runs in ${answer.flags.directory}, and that of the program ran elsewhere`,
        );
      } else return use(answer, explanation, consulted, consulted.length);
    }
    if (asked === 0) consulted.push({ origin, outcome: 'not found', detail: NOT_FOUND[origin] });
  }
  // Better than no macros at all; whether they are right, the code will tell.
  const [first] = elsewhere;
  return first === undefined ? undefined : use(first, explanation, consulted, first.at);
}

/** @param at where its line is, or comes, among those consulted */
function use(
  { origin, place, flags, explanation: why }: BuildAnswer & { readonly place: string },
  explanation: string[],
  consulted: ConsultedSource[],
  at: number,
): BuildAnswer {
  explanation.push(`flags from ${NAMES[origin]}${place}`, ...why);
  const detail = ['its command for the source', ...why].join('; ');
  consulted[at] = { origin, place, outcome: 'used', detail };
  return { origin, place, flags, explanation: why };
}

/** The compiler tells where it ran, which was in the build folder of one configuration. */
function ranElsewhere({ directory }: FoundFlags, compDir: string | undefined): boolean {
  if (compDir === undefined || !isAbsolute(compDir) || !isDirectory(compDir)) return false;
  return realPath(directory) !== realPath(compDir);
}

const ORIGINS = ['compile_commands.json', 'ninja', 'make'] as const;
const ASK: Readonly<Record<BuildOrigin, (question: FlagQuestion) => AsyncIterable<FlagAnswer>>> = {
  'compile_commands.json': askDatabases,
  ninja: askNinja,
  make: askMake,
};
const NAMES: Readonly<Record<BuildOrigin, string>> = {
  'compile_commands.json': '',
  ninja: "ninja's compilation database of ",
  make: 'the dry run of ',
};
const NOT_FOUND: Readonly<Record<BuildOrigin, string>> = {
  'compile_commands.json': 'none above the source or the program, nor in build folders there',
  ninja: 'no build.ninja above the source or the program, nor in build folders there',
  make: 'no makefile in the folder where the compiler ran, or above it',
};

/** What comes after the source that answered. */
export function notAsked(
  answer: BuildAnswer | undefined,
  { hints, live: { compiler, version, flags } }: FlagQuestion,
  consulted: readonly ConsultedSource[],
): ConsultedSource[] {
  if (answer === undefined) {
    if (hints.name === undefined) return [];
    const detail = `${compiler} ${version} recorded ${flags.length === 0 ? 'no flags' : flags.join(' ')}${compiler === 'gcc' ? ', and never records -D and -I' : ''}`;
    return [{ origin: 'dwarf', outcome: 'used', detail }];
  }
  const detail = `${answer.origin} has the command`;
  return [...ORIGINS, 'dwarf' as const]
    .filter((origin) => !consulted.some((each) => each.origin === origin))
    .map((origin) => ({ origin, outcome: 'not asked', detail }));
}
