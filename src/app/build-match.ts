/**
 * Whether the new object was made the way the program was. With a wrong compiler or wrong flags
 * nearly every function differs, and a patch of "all that differs" would change the program in ways
 * that nobody wrote.
 *
 * Two witnesses are heard. The producers that both sides record: compiler, version and, with gcc,
 * every flag but -D, -I and -include. And the votes of the functions that exist on both sides (see
 * agreement), of which a unit needs {@link MIN_VOTERS}; functions that hold an inlined copy of
 * something that was edited abstain.
 *
 * 1. The producers disagree: refused, unless the votes prove that it makes no difference (at least
 *    three quarters are equal).
 * 2. They agree, or say nothing of flags (clang), and most votes differ:
 *    a. beyond recognition, less than half of the instructions in common: another optimisation
 *       level. Refused.
 *    b. recognisably, as after an edit of a macro that everything uses, or with another -D than the
 *       program's. A header of the unit that is newer than the program, and flags that the user gave
 *       (--cflags, --compile-commands), speak for the edit. So does the source as it was before, when
 *       git has it and the same command makes the program's code of it (see earlier-source). Without
 *       any of them it is refused: what was found may be of another configuration.
 *
 * What is refused although the user named no flags may be right with those of another source; see
 * try-sources.
 *
 * `attach` patches functions by name. There, what the user chose on the command line (--cc, --cflags,
 * --object) is no mistake: a difference in a flag of --cflags, or in the compiler with --cc, is let
 * pass, and so is rule 2. `reload` takes everything that differs and makes no exception.
 */
import type { Decoder } from '../arch/decoder.js';
import { dependenciesOf } from '../build/dependencies.js';
import {
  type ProducerDifference,
  compareProducers,
  compilerText,
  withoutChosen,
} from '../build/producer-difference.js';
import { quoteShellWords, splitShellWords } from '../build/shell-words.js';
import { type Addr, contains } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import { fileAddressWithin } from '../elf/loaded-module.js';
import { type Agreement, agreementOf } from '../patch/agreement.js';
import { bodiesAt } from '../patch/ledger.js';
import type { BuiltUnit } from './build-unit.js';
import type { ProcessImage } from './observe.js';
import type { PreparedUnit } from './prepare-unit.js';
import type { PatchOptions } from './report.js';
import type { Selection } from './select-roots.js';
import { FileClock } from './unit-files.js';

const MIN_VOTERS = 4;
const MIN_LIKENESS = 0.5;
/** Flags that debug information does not record and that change what a source says. */
const MACRO = /^-([DU]|include$|imacros$)/;

/** What the votes came to, where they could not decide. */
export interface MatchDoubt {
  /** Functions that differ: most of those that can be compared, and more than one. */
  readonly differing: number;
  /** Functions that could be compared. */
  readonly compared: number;
  /** `build-mismatch`, which it is refused with unless something else speaks for the flags. */
  readonly refusal?: HcrError;
}

/**
 * @returns a doubt where most of the functions differ and there are too few of them to say more
 * @throws HcrError `build-mismatch`
 */
export async function assertBuildMatches(
  image: ProcessImage,
  prepared: PreparedUnit,
  built: BuiltUnit,
  options: PatchOptions,
  selection: Selection,
  decoder: Decoder,
): Promise<MatchDoubt | undefined> {
  if (prepared.roots.length === 0) return undefined;
  const match = new BuildMatch(image, prepared, built, options, selection === 'changed');
  return await match.assert(decoder);
}

/** Whether every function that can be compared is that of the program. @param least so many at least */
export function givesTheProgram(
  image: ProcessImage,
  prepared: PreparedUnit,
  built: BuiltUnit,
  options: PatchOptions,
  least: number,
  decoder: Decoder,
): boolean {
  return new BuildMatch(image, prepared, built, options, true).givesTheProgram(least, decoder);
}

class BuildMatch {
  private readonly image: ProcessImage;
  private readonly prepared: PreparedUnit;
  private readonly built: BuiltUnit;
  private readonly options: PatchOptions;
  private readonly everything: boolean;
  private readonly clock = new FileClock();

  constructor(
    image: ProcessImage,
    prepared: PreparedUnit,
    built: BuiltUnit,
    options: PatchOptions,
    everything: boolean,
  ) {
    this.image = image;
    this.prepared = prepared;
    this.built = built;
    this.options = options;
    this.everything = everything;
  }

  async assert(decoder: Decoder): Promise<MatchDoubt | undefined> {
    const { cc, cflags, object } = this.options;
    const difference = this.producerDifference();
    const doubt = difference.missing.length + difference.added.length > 0;
    const agreement = this.agreement(decoder);
    const { voters, differing, likeness } = agreement;
    if (difference.compiler || doubt) {
      if (voters < MIN_VOTERS || differing.length * 4 > voters)
        throw this.mismatch(difference, agreement, adviceFor(difference));
      return undefined;
    }
    const chosen = cc !== undefined || cflags !== undefined || object !== undefined;
    if (!this.everything && chosen) return undefined;
    if (voters < MIN_VOTERS) return await this.fewVoters(difference, agreement);
    if (differing.length * 2 <= voters) return undefined;
    if (likeness < MIN_LIKENESS) {
      throw this.mismatch(
        difference,
        agreement,
        `The code has little in common with the program's: pass the build's own -O and -m flags with --cflags, or its compile_commands.json with --compile-commands.`,
      );
    }
    if (this.isVouchedFor()) return undefined;
    const open = { differing: differing.length, compared: agreement.ofAnyLength.voters };
    if (await this.hasNewerHeader()) return this.bringsMacros ? open : undefined;
    return { ...open, refusal: this.otherMacros(difference, agreement) };
  }

  givesTheProgram(least: number, decoder: Decoder): boolean {
    const { voters, differing } = this.agreement(decoder, () => false).ofAnyLength;
    return differing === 0 && voters >= least;
  }

  /** Where nobody else can tell, short functions do; but only against macros that were found. */
  private async fewVoters(
    difference: ProducerDifference,
    agreement: Agreement,
  ): Promise<MatchDoubt | undefined> {
    const { voters, differing } = agreement.ofAnyLength;
    if (differing < 2 || differing * 2 <= voters || this.isVouchedFor()) return undefined;
    const open = { differing, compared: voters };
    if (!this.bringsMacros || voters < MIN_VOTERS || (await this.hasNewerHeader())) return open;
    return { ...open, refusal: this.otherMacros(difference, agreement) };
  }

  private otherMacros(difference: ProducerDifference, agreement: Agreement): HcrError {
    return this.mismatch(
      difference,
      agreement,
      `${this.whatIsInDoubt()}: pass those of the build with --cflags, or its compile_commands.json with --compile-commands. If they are right as they are and you edited all this, say so with --cflags ''.`,
    );
  }

  private get producers(): { readonly live: string; readonly compiled: string } | undefined {
    const live = this.prepared.wanted.unit?.producer;
    const compiled = this.prepared.edited.debug?.producer;
    return live === undefined || compiled === undefined ? undefined : { live, compiled };
  }

  private whatIsInDoubt(): string {
    const place = this.built.command?.place;
    if (place !== undefined)
      return `The -D, -I and -include of ${place} may be those of another build`;
    return `Debug information does not record -D, -I and -include${this.recordsFlags ? '' : ', nor did this compiler record -O and -m'}`;
  }

  private get recordsFlags(): boolean {
    return / -/.test(this.producers?.live ?? '');
  }

  /** As far as it was not asked for. */
  private producerDifference(): ProducerDifference {
    const none = { compiler: false, missing: [], added: [] };
    const { producers, options, everything } = this;
    if (producers === undefined) return none;
    const difference = compareProducers(producers.live, producers.compiled);
    if (everything) return difference;
    if (options.object !== undefined) return none;
    const chosen = withoutChosen(
      difference,
      splitShellWords(
        [options.cc?.replace(/^\S+/, ''), options.cflags].join(' '),
        '--cflags option',
      ),
    );
    return options.cc === undefined ? chosen : { ...chosen, compiler: false };
  }

  /** @param isEdited whether a file was written after the program: what is inlined from it may differ */
  private agreement(
    decoder: Decoder,
    isEdited = (file: string): boolean => this.isNewer(file),
  ): Agreement {
    const { image, prepared } = this;
    const { states, edited, wanted } = prepared;
    const { ledger } = image.store;
    const holders = new Set(
      [wanted.unit, edited.debug].flatMap((unit) =>
        (unit?.inlinedCopies() ?? [])
          .filter(({ callee }) => isEdited(callee.declFile ?? this.built.what))
          .flatMap(({ caller }) => [caller.name, caller.linkageName ?? caller.name]),
      ),
    );
    return agreementOf({
      states,
      unit: edited.unit,
      original: image.original,
      decoder,
      patched: new Set(bodiesAt(ledger, ledger.current).keys()),
      abstains: ({ fn, live }) =>
        holders.has(fn.name) || (live !== undefined && this.isOfAnotherUnit(live.address)),
    });
  }

  /** A template or an inline function, of which the program kept the code of one unit. */
  private isOfAnotherUnit(entry: Addr): boolean {
    const { module, unit } = this.prepared.wanted;
    const at = fileAddressWithin(module, entry);
    return (
      unit !== undefined && (at === undefined || !unit.ranges.some((range) => contains(range, at)))
    );
  }

  private isNewer(file: string): boolean {
    return this.clock.writtenAt(file) > this.prepared.wanted.module.writtenAtMs;
  }

  private isVouchedFor(): boolean {
    const { cflags, compileCommands, object } = this.options;
    return cflags !== undefined || compileCommands !== undefined || object !== undefined;
  }

  /** Whether macros come from a source of flags that nobody named. */
  private get bringsMacros(): boolean {
    const { command } = this.built;
    return command?.place !== undefined && command.args.some((flag) => MACRO.test(flag));
  }

  private async hasNewerHeader(): Promise<boolean> {
    const { command } = this.built;
    const files = command === undefined ? [] : ((await dependenciesOf(command)) ?? []);
    const { clock } = this;
    const source = clock.realPath(command?.source ?? '');
    // Another configuration has headers of its own, of any age.
    const folder = command?.place === undefined ? undefined : clock.realPath(command.directory);
    const own = clock.realPath(this.prepared.wanted.unit?.compDir ?? '');
    return files
      .map((file) => clock.realPath(file))
      .filter((file) => folder === undefined || folder === own || !isBelow(file, folder))
      .some((file) => file !== source && this.isNewer(file));
  }

  private mismatch(
    difference: ProducerDifference,
    { voters, differing, ofAnyLength }: Agreement,
    advice: string,
  ): HcrError {
    const { producers, built } = this;
    const place = built.command?.place;
    const by = place === undefined ? '' : ` by the command of ${place}`;
    const heard = voters < MIN_VOTERS ? ofAnyLength : { voters, differing: differing.length };
    const flags = [
      ...(difference.missing.length > 0 ? [`the program has ${difference.missing.join(' ')}`] : []),
      ...(difference.added.length > 0 ? [`hcr's has ${difference.added.join(' ')}`] : []),
    ];
    return new HcrError({
      code: 'build-mismatch',
      detail:
        heard.voters < MIN_VOTERS
          ? `${built.what} was not compiled${by} the way the program was`
          : `${heard.differing} of the ${heard.voters} functions of ${built.what} that can be compared differ from the running code, so it was not compiled${by} the way the program was`,
      liveCompiler: compilerText(producers?.live ?? 'an unknown compiler'),
      compiler: compilerText(producers?.compiled ?? 'an unknown compiler'),
      flags: flags.join('; '),
      ...(built.command === undefined
        ? {}
        : { command: quoteShellWords([built.command.cc, ...built.command.args]) }),
      advice,
    });
  }
}

function isBelow(file: string, folder: string): boolean {
  return file.startsWith(`${folder}/`);
}

function adviceFor({ compiler, missing, added }: ProducerDifference): string {
  const undo = added.flatMap((flag) =>
    /^-[fm](?!no-)[\w-]+$/.test(flag) ? [`-${flag[1] ?? ''}no-${flag.slice(2)}`] : [],
  );
  const extra =
    added.some((flag) => /^-O/.test(flag)) && !missing.some((flag) => /^-O/.test(flag))
      ? ['-O0']
      : [];
  const flags = [...extra, ...undo, ...missing];
  const parts = [
    ...(compiler ? ["the program's own compiler with --cc"] : []),
    ...(flags.length > 0 ? [`--cflags '${flags.join(' ')}'`] : []),
  ];
  return `Pass ${parts.length === 0 ? "the build's own flags with --cflags" : parts.join(' and ')}, or its compile_commands.json with --compile-commands.`;
}
