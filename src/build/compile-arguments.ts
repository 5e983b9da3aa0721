/**
 * Takes from a build's own compile command what hcr must decide itself: the input, the output, the
 * stage at which the compiler stops, and files written on the side (dependencies, dumps, .dwo).
 */

const OUTPUT_WITH_VALUE = new Set([
  ...['-o', '--output', '-MF', '-MT', '-MQ', '-MJ', '-aux-info', '-dumpbase', '-dumpbase-ext'],
  ...['-dumpdir', '--serialize-diagnostics', '-serialize-diagnostics', '-dependency-file'],
]);

const OUTPUT = [
  /^-o./,
  /^--output=/,
  /^(-c|-S|-E|--compile|--assemble|--preprocess|-emit-llvm|-fsyntax-only)$/,
  /^-M(D|MD|M|P|G|F.+|T.+|Q.+|J.+)?$/,
  /^-Wp,-M/,
  /^-Wa,-a/,
  /^-?-save-temps(=|$)/,
  /^-g(split-dwarf(=|$)|z(=|$))/,
  /^-f(dump-|stack-usage$|callgraph-info|save-optimization-record|time-trace|test-coverage$)/,
  /^-fdiagnostics-format=.*file/,
  // What a compiler says goes into a message.
  /^-f(no-)?(diagnostics-color|color-diagnostics)/,
];

/** Options whose value is the next word, so that it is not taken for an input file. */
const WITH_VALUE = new Set([
  ...['-A', '-B', '-D', '-F', '-G', '-I', '-L', '-T', '-U', '-V', '-arch', '-b', '-e', '-l', '-u'],
  ...['-gcc-toolchain', '-idirafter', '-iframework', '-imacros', '-imultilib', '-include'],
  ...[
    '-include-pch',
    '-iprefix',
    '-iquote',
    '-isysroot',
    '-isystem',
    '-ivfsoverlay',
    '-iwithprefix',
  ],
  ...['-iwithprefixbefore', '-mllvm', '-target', '-wrapper', '-x', '-z', '-Xassembler', '-Xclang'],
  ...['-Xlinker', '-Xpreprocessor', '--include', '--param', '--sysroot', '--define-macro'],
  ...['--include-directory', '--undefine-macro'],
]);

export interface CompileArguments {
  readonly flags: readonly string[];
  /** Input files as the build named them. */
  readonly inputs: readonly string[];
}

/** Sorts the words of a compile command that follow the compiler; output options are left out. */
export function sortCompileArguments(args: readonly string[]): CompileArguments {
  const flags: string[] = [];
  const inputs: string[] = [];
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] ?? '';
    const value = args[i + 1];
    if (arg === '--') {
      inputs.push(...args.slice(i + 1));
      break;
    }
    if (OUTPUT_WITH_VALUE.has(arg)) {
      i += 1;
    } else if (WITH_VALUE.has(arg)) {
      if (value !== undefined) flags.push(arg, value);
      i += 1;
    } else if (!arg.startsWith('-') || arg === '-') {
      inputs.push(arg);
    } else if (!OUTPUT.some((pattern) => pattern.test(arg))) {
      flags.push(arg);
    }
  }
  return { flags, inputs };
}
