/**
 * Which compiler flags may be taken from a binary.
 *
 * `DW_AT_producer` is written by whoever made the program, so it is hostile input: a flag from it
 * must not load code into the compiler (-fplugin, -B, -wrapper, -specs, @file, -mllvm), write files
 * (-o, -fdump-*, -save-temps), or read what the user did not name (-fprofile-use). Everything is
 * dropped that is not listed here as shaping the code or the debug information. No value may hold a
 * slash, except where a path is the very point (include folders, prefix maps).
 *
 * @see GCC manual, "Option Summary"; Clang "Command line argument reference"
 */

export type DropReason = 'warning' | 'link-time optimisation' | 'side output' | 'not allowed';

/** What becomes of one flag: kept as these words, or dropped. */
export type Verdict =
  | { readonly keep: true }
  | { readonly keep: false; readonly reason: DropReason };

const KEEP: Verdict = { keep: true };
const drop = (reason: DropReason): Verdict => ({ keep: false, reason });

/** Values of `-mX=` and `-fX=`: names, numbers, lists; never a path. */
const PLAIN_VALUE = /^[A-Za-z0-9._+,:-]+$/;
const LETTERS = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
/** Any text that can stand in an argument vector. */
// Control characters are what is refused.
const PRINTABLE = /^[^\u0000-\u001f\u007f]*$/;

/** Alone on the command line, with nothing to vary. */
const EXACT = new Set(['-ansi', '-trigraphs', '-p', '-pg', '-pthread', '-nostdinc', '-nostdinc++']);

const DEBUG = new RegExp(
  '^-g(|[0-3]|gdb[0-3]?|dwarf(-[2-5])?|dwarf32|dwarf64|line-tables-only|mlt|' +
    '(no-)?(column-info|strict-dwarf|variable-location-views|statement-frontiers|inline-points|' +
    'internal-reset-location-views|record-gcc-switches|record-command-line|describe-dies|pubnames|' +
    'gnu-pubnames|as-loc-support|as-locview-support))$',
);

/** `-f` names with these beginnings are dropped, also in their `-fno-` form. */
const REFUSED_F: readonly (readonly [DropReason, readonly string[]])[] = [
  [
    'link-time optimisation',
    [
      'lto',
      'whopr',
      'wpa',
      'ltrans',
      'fat-lto',
      'use-linker-plugin',
      'resolution',
      'thin',
      'embed',
    ],
  ],
  [
    'warning',
    ['diagnostics', 'color-diagnostics', 'message-length', 'max-errors', 'opt-info', 'verbose-asm'],
  ],
  [
    'side output',
    [
      ...['dump', 'stack-usage', 'callgraph-info', 'save-optimization-record', 'test-coverage'],
      ...['time-', 'mem-report', 'proc-stat-report', 'report-bug', 'compare-debug', 'deps-'],
      ...['syntax-only', 'preprocessed', 'directives-only', 'pch', 'working-directory'],
    ],
  ],
  [
    'not allowed',
    [
      ...[
        'plugin',
        'pass-plugin',
        'profile-use',
        'profile-instr-use',
        'profile-sample',
        'auto-profile',
      ],
      ...[
        'branch-probabilities',
        'module',
        'implicit-module',
        'prebuilt-module',
        'use-ld',
        'self-test',
      ],
      ...['offload', 'crash', 'rewrite', 'build-session', 'cs-profile', 'memory-profile'],
    ],
  ],
];

/** `-fNAME=VALUE` whose value is a word; numbers are allowed for every name. */
const VALUED_F = new Set([
  ...['abi-version', 'align-functions', 'align-jumps', 'align-labels', 'align-loops'],
  ...['cf-protection', 'denormal-fp-math', 'excess-precision', 'exec-charset', 'fp-contract'],
  ...['fp-eval-method', 'fp-exception-behavior', 'fp-model', 'input-charset', 'ira-algorithm'],
  ...['ira-region', 'live-patching', 'no-sanitize', 'no-sanitize-recover', 'no-sanitize-trap'],
  ...['patchable-function-entry', 'permitted-flt-eval-methods', 'random-seed'],
  ...[
    'reorder-blocks-algorithm',
    'sanitize',
    'sanitize-recover',
    'sanitize-trap',
    'simd-cost-model',
  ],
  ...['stack-check', 'stack-limit-register', 'stack-limit-symbol', 'stack-reuse', 'tls-model'],
  ...['trivial-auto-var-init', 'vect-cost-model', 'veclib', 'visibility', 'wide-exec-charset'],
  ...['zero-call-used-regs', 'gnuc-version', 'instrument-functions-exclude-function-list'],
]);

const PREFIX_MAP = /^-f(file|debug|macro)-prefix-map=[^=]*=.*$/;

function judgeF(body: string): Verdict {
  const equals = body.indexOf('=');
  const name = equals < 0 ? body : body.slice(0, equals);
  if (!LETTERS.test(name)) return drop('not allowed');
  const positive = name.startsWith('no-') ? name.slice(3) : name;
  for (const [reason, prefixes] of REFUSED_F) {
    if (prefixes.some((prefix) => positive.startsWith(prefix))) return drop(reason);
  }
  if (equals < 0) return KEEP;
  const value = body.slice(equals + 1);
  const fits = /^\d+$/.test(value) || (VALUED_F.has(name) && PLAIN_VALUE.test(value));
  return fits ? KEEP : drop('not allowed');
}

function judgeM(body: string): Verdict {
  const equals = body.indexOf('=');
  const name = equals < 0 ? body : body.slice(0, equals);
  const fits =
    LETTERS.test(name) &&
    !name.startsWith('llvm') &&
    (equals < 0 || PLAIN_VALUE.test(body.slice(equals + 1)));
  return fits ? KEEP : drop('not allowed');
}

/** Judges a flag that is one word, or one word and its value already joined. */
export function judgeFlag(flag: string): Verdict {
  if (!PRINTABLE.test(flag)) return drop('not allowed');
  if (EXACT.has(flag) || DEBUG.test(flag)) return KEEP;
  if (/^-O([0-9]|s|z|g|fast)?$/.test(flag)) return KEEP;
  if (/^-std=[a-z0-9+:]+$/.test(flag)) return KEEP;
  if (/^--param=[a-z0-9-]+=\d+$/.test(flag)) return KEEP;
  if (/^--target=[A-Za-z0-9._-]+$/.test(flag)) return KEEP;
  if (/^-D[A-Za-z_]\w*(\([\w, .]*\))?(=.*)?$/.test(flag) || /^-U[A-Za-z_]\w*$/.test(flag))
    return KEEP;
  if (/^-I[^@-].*$/.test(flag) || PREFIX_MAP.test(flag)) return KEEP;
  if (/^-g(split-dwarf|z|toggle)/.test(flag) || flag.startsWith('-save-temps'))
    return drop('side output');
  if (flag === '-w' || flag.startsWith('-pedantic') || /^-W(?![alp],)/.test(flag))
    return drop('warning');
  if (flag.startsWith('-f')) return judgeF(flag.slice(2));
  if (flag.startsWith('-m')) return judgeM(flag.slice(2));
  return drop('not allowed');
}

/** Flags whose value may be the next word. Their value is joined to them before being judged. */
export const JOINABLE = new Set(['-D', '-U', '-I']);

/** Flags that stay apart from their value, which must be a path. */
export const PATH_VALUED = new Set(['-isystem', '-iquote', '-idirafter', '-include', '-imacros']);

/** Flags that are dropped together with the word after them. */
export const DROPPED_WITH_VALUE = new Set([
  ...['-B', '-L', '-MF', '-MJ', '-MQ', '-MT', '-T', '-Xassembler', '-Xclang', '-Xlinker'],
  ...[
    '-Xpreprocessor',
    '-arch',
    '-aux-info',
    '-dumpbase',
    '-dumpbase-ext',
    '-dumpdir',
    '-imultilib',
  ],
  ...['-iplugindir', '-isysroot', '-ivfsoverlay', '-l', '-mllvm', '-o', '-specs', '-target'],
  ...['-u', '-wrapper', '-x', '-z', '--output', '--serialize-diagnostics', '--sysroot'],
]);

/** Whether `path` may follow a flag of {@link PATH_VALUED}: no flag, and no response file. */
export function isPathValue(path: string): boolean {
  return path !== '' && PRINTABLE.test(path) && !/^[@-]/.test(path);
}
