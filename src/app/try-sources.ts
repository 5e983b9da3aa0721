/**
 * Flags that nobody named may be of another build than the program: a compile_commands.json of the
 * other configuration, a makefile that was told something else. The new code tells, so that the next
 * source of flags is tried when it does not fit, and said what was passed over. Where none fits, the
 * first is what is refused.
 *
 * An edit of most functions looks like flags of another build. Then the source as it was before is
 * heard; flags that nothing speaks for are passed over only for some that fit beyond doubt, since what
 * records no macros fits an edit no better, and lacks those of the build.
 */
import { type HcrError, isHcrError } from '../core/failure.js';
import type { MatchDoubt } from './build-match.js';
import type { BuiltUnit, RefutedAnswers } from './build-unit.js';
import type { PreparedUnit } from './prepare-unit.js';

export interface Attempt {
  readonly object: BuiltUnit;
  readonly prepared: PreparedUnit;
  readonly doubt: MatchDoubt | undefined;
  /** Flags found by comparing, where nothing records them. */
  readonly guessed: readonly string[];
}

export interface Attempts {
  /** Compiles with the flags of the first source that is not refuted. */
  build(): Promise<BuiltUnit>;
  /** @throws HcrError `build-mismatch`, and whatever else the unit is refused for */
  judge(object: BuiltUnit): Promise<Attempt>;
  /** Whether the source as it was before speaks for the flags that are in doubt. */
  isProven(attempt: Attempt, doubt: MatchDoubt): Promise<boolean>;
}

/**
 * @param first compiled with the flags of the first source
 * @param refuted gets those that turn out wrong, as it goes
 * @throws HcrError `build-mismatch` of the first when none fits, and whatever else one is refused for
 */
export async function firstThatFits(
  first: BuiltUnit,
  refuted: RefutedAnswers,
  attempts: Attempts,
): Promise<Attempt> {
  let best: { readonly attempt: Attempt; readonly before: RefutedAnswers } | undefined;
  let mismatch: HcrError | undefined;
  const known = new Map(refuted);
  for (let object: BuiltUnit | undefined = first; object !== undefined; ) {
    const place: string | undefined = object.command?.place;
    let why = 'most of what it compiles differs from the running code';
    try {
      const attempt = await judge(object, attempts);
      if (best === undefined || isNearer(attempt, best.attempt))
        best = { attempt, before: new Map(refuted) };
      if (attempt.doubt === undefined) break;
    } catch (error) {
      if (!isHcrError(error, 'build-mismatch')) throw error;
      mismatch ??= error;
      why = 'it is of another build than the program';
    }
    if (place === undefined) break;
    refuted.set(place, why);
    object = await builtOrNothing(attempts);
    // What records no macros is no better witness than what has some.
    const isOpen = best !== undefined && best.attempt.doubt?.refusal === undefined;
    if (isOpen && object?.command?.place === undefined) break;
  }
  if (best === undefined) throw mismatch ?? new Error('nothing was tried');
  const { attempt, before } = best;
  if (attempt.doubt?.refusal !== undefined) throw mismatch ?? attempt.doubt.refusal;
  refuted.clear();
  for (const [place, why] of before) refuted.set(place, why);
  const passedOver = new Map([...before].filter(([place]) => !known.has(place)));
  const { prepared } = attempt;
  return {
    ...attempt,
    prepared: { ...prepared, notes: [...notesOn(passedOver), ...prepared.notes] },
  };
}

async function judge(object: BuiltUnit, attempts: Attempts): Promise<Attempt> {
  const attempt = await attempts.judge(object);
  const { doubt } = attempt;
  if (doubt?.refusal === undefined || !(await attempts.isProven(attempt, doubt))) return attempt;
  return { ...attempt, doubt: undefined };
}

/** Places that were passed over for the same reason are named together. */
function notesOn(passedOver: RefutedAnswers): string[] {
  return [...new Set(passedOver.values())].map((why) => {
    const places = [...passedOver].filter((each) => each[1] === why).map(([place]) => place);
    return `Passed over ${places.join(', ')}: ${why}. The code was compiled with the flags of the next source that fits; \`hcr doctor\` lists them.`;
  });
}

/** Another answer than the first has to be better to be taken. */
function isNearer({ doubt: other }: Attempt, { doubt: best }: Attempt): boolean {
  if (best?.refusal !== undefined && other !== undefined) return false;
  return (other?.differing ?? 0) < (best?.differing ?? 0);
}

/** What the next source leads to may not compile at all. */
async function builtOrNothing(attempts: Attempts): Promise<BuiltUnit | undefined> {
  try {
    return await attempts.build();
  } catch (error) {
    if (!isHcrError(error)) throw error;
    return undefined;
  }
}
