/**
 * What hcr says with each failure: a message, a hint and the exit code. The table is mapped over the
 * codes, so that one without them does not compile.
 */
import { EXIT } from './exit-codes.js';
import type { Difference, Failure, FailureCode } from './failure-codes.js';
import { traceText } from './thread-trace.js';

type FailureOf<C extends FailureCode> = Extract<Failure, { readonly code: C }>;

interface Wording<F> {
  readonly message: (failure: F) => string;
  readonly hint: (failure: F) => string;
  readonly exit: (typeof EXIT)[keyof typeof EXIT];
}

const sideBySide = (differences: readonly Difference[]): string =>
  differences.map((d) => `\n  ${d.what}\n    live:   ${d.live}\n    edited: ${d.edited}`).join('');

const orNothing = (names: readonly string[], lead: string): string =>
  names.length === 0 ? '' : `${lead}${names.join(', ')}`;

/** As a shell takes it for one word. */
const quoted = (name: string): string => (/[^\w.:/-]/.test(name) ? `'${name}'` : name);

const WORDING: { readonly [C in FailureCode]: Wording<FailureOf<C>> } = {
  usage: {
    message: (f) => f.detail,
    hint: (f) => f.advice ?? 'Run the command with --help to see what it takes.',
    exit: EXIT.usage,
  },
  unexpected: {
    message: (f) => f.detail,
    hint: () => 'This is a fault in hcr: run again with --verbose and report what it prints.',
    exit: EXIT.unexpected,
  },
  'no-such-process': {
    message: (f) => `There is no process ${f.pid}.`,
    hint: () => 'Look the process id up with `pgrep -a NAME`.',
    exit: EXIT.cannotAttach,
  },
  'attach-denied': {
    message: (f) => `Not permitted to attach to process ${f.pid}: ${f.reason}.`,
    hint: (f) => f.advice,
    exit: EXIT.cannotAttach,
  },
  'already-traced': {
    message: (f) => `Process ${f.pid} is already traced by ${f.tracer} (pid ${f.tracerPid}).`,
    hint: (f) => `Detach or end ${f.tracer} (pid ${f.tracerPid}) first; Linux allows one tracer.`,
    exit: EXIT.cannotAttach,
  },
  'build-user-denied': {
    message: (f) => `hcr cannot build as user ${f.uid}, whose process it is: ${f.reason}.`,
    hint: () =>
      'Run hcr as that user, give it what is missing, or pass an object that the user compiled with --object.',
    exit: EXIT.refused,
  },
  'source-not-trusted': {
    message: (f) =>
      `The source ${f.source} may not be what the program was built from: ${f.reason}.`,
    hint: () => 'Look at the file, and if it is the right one name it with --source FILE.',
    exit: EXIT.refused,
  },
  'unsupported-machine': {
    message: (f) => `Process ${f.pid} runs ${f.machine} code, which hcr cannot patch.`,
    hint: () => 'hcr patches 64-bit x86 programs on a 64-bit x86 kernel.',
    exit: EXIT.refused,
  },
  'unsupported-target': {
    message: (f) => `Process ${f.pid} cannot be patched: ${f.detail}.`,
    hint: (f) => `Run \`hcr doctor ${f.pid}\` to see each condition.`,
    exit: EXIT.refused,
  },
  'no-debug-info': {
    message: (f) =>
      `${f.module} has no debug information about ${f.function}, so its source and flags are unknown.`,
    hint: () =>
      'Build with -g, or name the source with --source or a compiled object with --object.',
    exit: EXIT.refused,
  },
  'debug-file-missing': {
    message: (f) => `Debug information of ${f.module} is in the file ${f.file}, which ${f.reason}.`,
    hint: () =>
      'Put that file back where it was built or beside the program, or name the source with --source or a compiled object with --object.',
    exit: EXIT.refused,
  },
  'source-not-found': {
    message: (f) => `The source ${f.source} is not there${orNothing(f.tried, '; tried ')}.`,
    hint: () => 'Name it with --source FILE.',
    exit: EXIT.refused,
  },
  'file-not-in-program': {
    message: (f) => `No translation unit of the program is made of ${f.file} or includes it.`,
    hint: (f) =>
      f.near.length > 0
        ? `Did you mean ${f.near.join(', ')}?`
        : 'Name a source or a header of the program; one that is new to it needs a restart.',
    exit: EXIT.refused,
  },
  'function-not-found': {
    message: (f) => `There is no function ${f.function} in ${f.where}.`,
    hint: (f) =>
      f.near.length > 0
        ? `Did you mean ${f.near.join(', ')}?`
        : 'List what can be patched with `hcr functions PID [PATTERN]`.',
    exit: EXIT.refused,
  },
  'ambiguous-function': {
    message: (f) =>
      `${f.function} names ${f.candidates.length} functions: ${f.candidates.join(', ')}.`,
    hint: (f) =>
      f.modules.length > 1
        ? `Say in which module, for example --module ${quoted(f.modules[0] ?? 'NAME')}.`
        : `Say which, for example --func ${quoted(f.candidates[0] ?? 'file.c:name')}.`,
    exit: EXIT.refused,
  },
  'module-not-found': {
    message: (f) => `No module ${f.module} is loaded; there are ${f.loaded.join(', ')}.`,
    hint: () => 'Pass --module with one of these names.',
    exit: EXIT.refused,
  },
  'function-not-patchable': {
    message: (f) => `${f.function} cannot be patched: ${f.reason}.`,
    hint: (f) => f.advice,
    exit: EXIT.refused,
  },
  'compile-failed': {
    message: (f) =>
      `${f.source === undefined ? 'The edited source' : f.source} does not compile.\n${f.diagnostics.trimEnd()}`,
    hint: (f) => `${f.advice ?? 'Fix the error and run hcr again'}; the command was: ${f.command}`,
    exit: EXIT.compileFailed,
  },
  'compiler-not-found': {
    message: (f) => `The compiler ${f.compiler} is not installed.`,
    hint: () => 'Install it or name another with --cc CC.',
    exit: EXIT.compileFailed,
  },
  'no-compile-command': {
    message: (f) => `${f.file} has no command for ${f.source}.`,
    hint: () =>
      'Name the file of the right build with --compile-commands, or pass the flags with --cflags.',
    exit: EXIT.refused,
  },
  'unsupported-language': {
    message: (f) => `${f.source} is written in ${f.language}, which hcr cannot compile.`,
    hint: () => 'hcr compiles C and C++; pass an object that you compiled with --object.',
    exit: EXIT.refused,
  },
  'build-mismatch': {
    message: (f) =>
      `${f.detail}. Compiler of the program: ${f.liveCompiler}; of hcr: ${f.compiler}.${f.flags === '' ? '' : ` Flags in doubt: ${f.flags}.`}${f.command === undefined ? '' : ` hcr ran: ${f.command}`}`,
    hint: (f) => f.advice,
    exit: EXIT.refused,
  },
  'abi-changed': {
    message: (f) =>
      `${f.function} can no longer be called the way its callers call it.${sideBySide(f.differences)}`,
    hint: () =>
      'Keep the signature, add a new function instead, or go on at your own risk with --unchecked.',
    exit: EXIT.refused,
  },
  'layout-changed': {
    message: (f) => `The layout of ${f.type} changed.${sideBySide(f.differences)}`,
    hint: () => 'Keep the layout for this run, or go on at your own risk with --unchecked.',
    exit: EXIT.refused,
  },
  'unresolved-symbol': {
    message: (f) =>
      f.library !== undefined
        ? `The new code needs ${f.symbol}: ${f.library} has it, but ${f.isLoaded === true ? 'was opened with dlopen for others only' : 'is not loaded'}.`
        : f.isStatic === true
          ? `The new code needs ${f.symbol}, which is not in the program; the program is static, so it has only what was linked in.`
          : `The new code needs ${f.symbol}, which no loaded module defines.`,
    hint: (f) =>
      f.library !== undefined
        ? f.isLoaded === true
          ? `Reach ${f.symbol} through dlsym, or open ${f.library} with RTLD_GLOBAL.`
          : `Link the program with that library or start it with LD_PRELOAD=${f.library}; until then do without ${f.symbol}.`
        : f.near.length > 0
          ? `Did you mean ${f.near.join(', ')}?`
          : 'Define it in the edited file or keep to what the program has loaded.',
    exit: EXIT.refused,
  },
  'unsupported-thread-local': {
    message: (f) => `The thread-local variable ${f.variable} cannot be linked: ${f.reason}.`,
    hint: (f) => f.advice,
    exit: EXIT.refused,
  },
  'unsupported-relocation': {
    message: (f) =>
      `The new code uses ${f.relocation} against ${f.symbol} in ${f.section}, which hcr cannot link.`,
    hint: () => 'Compile that file with the default code model, or report the relocation.',
    exit: EXIT.refused,
  },
  'out-of-reach': {
    message: (f) => `${f.symbol} is out of reach of the new code: ${f.detail}.`,
    hint: () => 'Compile with --cflags -fPIC so that the address is read from memory.',
    exit: EXIT.refused,
  },
  'out-of-memory': {
    message: (f) => `The target has no room for the new code: ${f.detail}.`,
    hint: () => 'Raise its memory limit (prlimit --as) or roll generations back.',
    exit: EXIT.refused,
  },
  busy: {
    message: (f) =>
      `No safe moment came within ${f.waitedMs} ms: ${f.detail}.${(f.traces ?? []).map((trace) => `\n${traceText(trace)}`).join('')}`,
    hint: () => 'Try again, or wait longer with --timeout MS.',
    exit: EXIT.timedOut,
  },
  'hook-failed': {
    message: (f) => `Nothing was patched: the hook ${f.hook} ${f.reason}.`,
    hint: () =>
      'See what the hook waits for, or give it longer with `--timeout MS`; it must return, and take no lock that its own thread may hold.',
    exit: EXIT.refused,
  },
  'target-exited': {
    message: (f) => `Process ${f.pid} ended while hcr worked on it (${f.how}).`,
    hint: () => 'Start it again; a patch lives in the process, not in its file.',
    exit: EXIT.cannotAttach,
  },
  'target-replaced': {
    message: (f) => `Process ${f.pid} called exec while hcr worked on it: ${f.detail}.`,
    hint: () => 'Attach again: it runs another program now.',
    exit: EXIT.cannotAttach,
  },
  'ledger-corrupt': {
    message: (f) => `hcr’s record inside process ${f.pid} is damaged: ${f.detail}.`,
    hint: () =>
      'The program overwrote memory that is not its own; restart it before patching again.',
    exit: EXIT.refused,
  },
  'no-such-generation': {
    message: (f) => `There is no generation ${f.generation} to go to; there are ${f.available}.`,
    hint: () => 'See `hcr status PID` for the generations.',
    exit: EXIT.refused,
  },
  'malformed-file': {
    message: (f) => `${f.what} is malformed: ${f.detail}.`,
    hint: () => 'The file is damaged or not what it claims to be; build it again.',
    exit: EXIT.refused,
  },
  'ffi-unavailable': {
    message: (f) => `No way to call libc from Node: ${f.detail}.`,
    hint: () => 'Reinstall with `npm ci`; hcr needs koffi or ffi-rs.',
    exit: EXIT.unexpected,
  },
};

export function wordingOf<F extends Failure>(failure: F): Wording<F> {
  return WORDING[failure.code] as unknown as Wording<F>;
}
