/**
 * Reads `DW_AT_producer`: who compiled a unit, and with which flags.
 *
 * gcc writes "GNU C17 12.2.0 -mtune=generic -march=x86-64 -g -O2", words joined by blanks without
 * any quoting, and leaves out -D, -I, -include and the prefix maps. clang writes only its name and
 * version unless -grecord-command-line was given; then the whole command follows, with blanks and
 * backslashes escaped by a backslash.
 *
 * @see DWARF 5, section 3.1.1, attribute 9; gcc/opts.cc gen_command_line_string
 */
import {
  DROPPED_WITH_VALUE,
  type DropReason,
  isPathValue,
  JOINABLE,
  judgeFlag,
  PATH_VALUED,
} from './flag-allow-list.js';

export type CompilerFamily = 'gcc' | 'clang' | 'rustc' | 'unknown';

export interface DroppedFlag {
  readonly flag: string;
  readonly reason: DropReason;
}

export interface Producer {
  readonly compiler: CompilerFamily;
  /** `12.2.0`; empty when it can't be told. */
  readonly version: string;
  /** As gcc writes it: `C17`, `C++20`, `GIMPLE`, `AS`. clang does not say. */
  readonly language?: string;
  /** The `-std=` that the language means, for use when `flags` has none. */
  readonly standard?: string;
  /** Allowed flags, each an argument of its own. */
  readonly flags: readonly string[];
  readonly dropped: readonly DroppedFlag[];
}

/** More words than any compiler ever recorded; the rest of a longer text is ignored. */
const MAX_WORDS = 4096;
const MAX_LENGTH = 1 << 18;

interface Identity {
  readonly compiler: CompilerFamily;
  readonly version: string;
  readonly language?: string;
}

function identify(producer: string): Identity {
  const rustc = /\brustc version (\d[\w.-]*)/.exec(producer);
  if (rustc) return { compiler: 'rustc', version: rustc[1] ?? '' };
  const gnu = /^GNU (\S+) (\d[\w.]*)/.exec(producer);
  if (gnu) return { compiler: 'gcc', version: gnu[2] ?? '', language: gnu[1] ?? '' };
  const clang = /\bclang(?: LLVM)? version (\d+(?:\.\d+)*)/.exec(producer);
  if (clang) return { compiler: 'clang', version: clang[1] ?? '' };
  return { compiler: 'unknown', version: '' };
}

/** `C17` is `-std=gnu17`: gcc names the GNU dialect and the plain one alike, and records -std=c17. */
function standardOf(language: string | undefined): string | undefined {
  const match = /^C(\+\+)?(\d[\dA-Za-z])$/.exec(language ?? '');
  if (!match) return undefined;
  return `-std=gnu${match[1] ?? ''}${(match[2] ?? '').toLowerCase()}`;
}

function wordsOf(producer: string, compiler: CompilerFamily): string[] {
  const text = producer.slice(0, MAX_LENGTH);
  const words =
    compiler === 'clang'
      ? Array.from(text.matchAll(/(?:\\.|[^\s\\])+/g), ([word]) => word.replace(/\\(.)/g, '$1'))
      : text.split(/\s+/).filter((word) => word !== '');
  return words.slice(0, MAX_WORDS);
}

function sortFlags(words: readonly string[]): Pick<Producer, 'flags' | 'dropped'> {
  const flags: string[] = [];
  const dropped: DroppedFlag[] = [];
  const judge = (flag: string): void => {
    const verdict = judgeFlag(flag);
    if (verdict.keep) flags.push(flag);
    else dropped.push({ flag, reason: verdict.reason });
  };
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    const next = words[i + 1];
    if (JOINABLE.has(word) && next !== undefined) {
      judge(`${word}${next}`);
      i += 1;
    } else if (word === '--param' && next !== undefined) {
      judge(`--param=${next}`);
      i += 1;
    } else if (PATH_VALUED.has(word) && next !== undefined) {
      if (isPathValue(next)) flags.push(word, next);
      else dropped.push({ flag: `${word} ${next}`, reason: 'not allowed' });
      i += 1;
    } else if (DROPPED_WITH_VALUE.has(word) && next !== undefined) {
      dropped.push({ flag: `${word} ${next}`, reason: 'not allowed' });
      i += 1;
    } else if (word.startsWith('-') || word.startsWith('@')) {
      judge(word);
    }
    // Anything else is a part of the compiler's name, its date, the input file or the -c before it.
  }
  return { flags, dropped };
}

/** Reads any text: one that no known compiler wrote has the family `unknown`. */
export function parseProducer(producer: string): Producer {
  const identity = identify(producer);
  const standard = standardOf(identity.language);
  return {
    ...identity,
    ...(standard === undefined ? {} : { standard }),
    ...sortFlags(wordsOf(producer, identity.compiler)),
  };
}
