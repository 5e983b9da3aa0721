/**
 * Finds the compiler among the programs that run it: variables in front, env, ccache and distcc,
 * libtool. hcr runs the compiler itself.
 *
 * @see env(1), ccache(1), GNU libtool manual, "Invoking libtool"
 */
import { basename } from 'node:path';

export interface CompilerWords {
  readonly compiler: string;
  readonly args: readonly string[];
}

/** Programs that run the compiler named after them. */
const LAUNCHERS = new Set(['ccache', 'sccache', 'distcc', 'icecc', 'buildcache', 'gomacc']);
const SHELLS = new Set(['sh', 'bash', 'dash', 'ksh', 'zsh']);
const ASSIGNMENT = /^([A-Za-z_]\w*)=/;
/** Variables that change nothing about what a compiler makes; keys of ccache's settings too. */
const HARMLESS_VARIABLE =
  /^(CCACHE_\w+|SCCACHE_\w+|DISTCC_\w+|ICECC_\w+|LC_\w+|LANG|LANGUAGE|TERM|TMPDIR|GCC_COLORS|[a-z_]+)$/;

/** @param isPositionIndependent whether libtool's compilation for shared objects is meant
 *  @returns undefined where something is in front of the compiler that hcr does not know */
export function unwrapCompiler(
  words: readonly string[],
  isPositionIndependent: boolean,
): CompilerWords | undefined {
  let left = [...words];
  for (;;) {
    const [first, ...rest] = left;
    if (first === undefined || first === '') return undefined;
    const name = basename(first);
    const variable = ASSIGNMENT.exec(first)?.[1];
    if (variable !== undefined) {
      if (!HARMLESS_VARIABLE.test(variable)) return undefined;
      left = rest;
    } else if (name === 'env') {
      if (rest[0]?.startsWith('-') === true) return undefined;
      left = rest;
    } else if (name === 'cmake' && rest[1] === '__run_co_compile') {
      // What CMake puts in front to have a checker run beside the compiler.
      const end = rest.indexOf('--');
      left = end < 0 ? [] : rest.slice(end + 1);
    } else if (LAUNCHERS.has(name)) {
      left = rest;
    } else if (SHELLS.has(name) && isLibtool(rest[0])) {
      left = rest;
    } else if (isLibtool(first)) {
      return ofLibtool(rest, isPositionIndependent);
    } else {
      return SHELLS.has(name) ? undefined : { compiler: first, args: rest };
    }
  }
}

function isLibtool(word: string | undefined): boolean {
  return word !== undefined && /^([\w.-]+-)?libtool$/.test(basename(word));
}

/** Options of libtool that stand in front of the compiler, those with a value apart. */
const LIBTOOL_VALUE = /^--(mode|tag)$/;
/** Options of libtool's own among those of the compiler. */
const LIBTOOL_OWN = /^-(static|shared|prefer-(non-)?pic|no-suppress)$/;
const PIC = ['-fPIC', '-DPIC'];

/** libtool compiles twice: with -fPIC -DPIC for shared objects, and as it is told to for others. */
function ofLibtool(
  words: readonly string[],
  isPositionIndependent: boolean,
): CompilerWords | undefined {
  let at = 0;
  let mode: string | undefined;
  while (words[at]?.startsWith('-') === true) {
    const word = words[at] ?? '';
    const isApart = LIBTOOL_VALUE.test(word);
    if (word.startsWith('--mode')) mode = isApart ? words[at + 1] : word.slice('--mode='.length);
    at += isApart ? 2 : 1;
  }
  const inner = unwrapCompiler(words.slice(at), isPositionIndependent);
  if (mode !== 'compile' || inner === undefined) return undefined;
  const args: string[] = [];
  for (let i = 0; i < inner.args.length; i += 1) {
    const arg = inner.args[i] ?? '';
    if (arg === '-Xcompiler') {
      i += 1;
      args.push(inner.args[i] ?? '');
    } else if (arg.startsWith('-Wc,')) args.push(...arg.slice('-Wc,'.length).split(','));
    else if (!LIBTOOL_OWN.test(arg)) args.push(arg);
  }
  const never = inner.args.some((arg) => /^-(static|prefer-non-pic)$/.test(arg));
  return {
    compiler: inner.compiler,
    args: isPositionIndependent && !never ? [...args, ...PIC] : args,
  };
}
