/** Runs the command under test as its users do: a process of its own. */
import { spawn } from 'node:child_process';
import type { PatchReport, StatusReport } from '../../src/app/report.js';
import { HCR_CLI } from './repository.js';

/** Only a run that hangs comes near it. */
const PATIENCE_MS = 60_000;

export interface HcrOutcome {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HcrOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Where a compilation alone takes a minute. */
  readonly patienceMs?: number;
  /** Words before the command, such as those of strace or setpriv. */
  readonly under?: readonly string[];
}

/** The words that start hcr, for programs which start it themselves. */
export function hcrCommand(args: readonly (string | number)[]): string[] {
  return [process.execPath, HCR_CLI, ...args.map(String)];
}

export async function runHcr(
  args: readonly (string | number)[],
  options: HcrOptions = {},
): Promise<HcrOutcome> {
  const [program = '', ...words] = [...(options.under ?? []), ...hcrCommand(args)];
  const child = spawn(program, words, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.patienceMs ?? PATIENCE_MS,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }));
  });
}

export type Success<T> = T & { readonly ok: true };

export interface Refusal {
  readonly exitCode: number;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** The typed fields of the failure. */
  readonly error: Readonly<Record<string, unknown>>;
}

/** stdout of a run with --json. @throws when it is not exactly one object */
export function parseJson({ stdout, stderr }: HcrOutcome): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(stdout);
  } catch {
    throw new Error(`stdout is not one JSON object: ${stdout}\nstderr: ${stderr}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`stdout is not an object: ${stdout}`);
  }
  return value as Record<string, unknown>;
}

/** Runs hcr with --json and takes its answer.
 *  @throws when it refused, with all that it said */
async function answer<T>(args: readonly (string | number)[], options?: HcrOptions): Promise<T> {
  const outcome = await runHcr([...args, '--json'], options);
  const json = parseJson(outcome);
  if (outcome.exitCode !== 0 || json['ok'] !== true) {
    throw new Error(
      `hcr ${args.join(' ')} exited with ${outcome.exitCode ?? outcome.signal}: ${outcome.stdout}${outcome.stderr}`,
    );
  }
  return json as T;
}

export function attach(
  pid: number,
  functions: readonly string[],
  more: readonly string[] = [],
  options?: HcrOptions,
): Promise<Success<PatchReport>> {
  return answer(
    ['attach', pid, ...functions.flatMap((name) => ['--func', name]), ...more],
    options,
  );
}

/** @param words files and further options */
export function reload(
  pid: number,
  words: readonly string[] = [],
  options?: HcrOptions,
): Promise<Success<PatchReport>> {
  return answer(['reload', pid, ...words], options);
}

export function rollBack(
  pid: number,
  more: readonly string[] = [],
  options?: HcrOptions,
): Promise<Success<PatchReport>> {
  return answer(['rollback', pid, ...more], options);
}

export function readStatus(pid: number, options?: HcrOptions): Promise<Success<StatusReport>> {
  return answer(['status', pid], options);
}

/** Runs hcr with --json and takes its refusal. @throws when it did not refuse */
export async function refusalOf(
  args: readonly (string | number)[],
  options?: HcrOptions,
): Promise<Refusal> {
  const outcome = await runHcr([...args, '--json'], options);
  const json = parseJson(outcome);
  const error = json['error'] as Readonly<Record<string, unknown>> | undefined;
  if (json['ok'] !== false || error === undefined || outcome.exitCode === null) {
    throw new Error(`hcr ${args.join(' ')} did not refuse: ${outcome.stdout}${outcome.stderr}`);
  }
  return {
    exitCode: outcome.exitCode,
    code: String(error['code']),
    message: String(error['message']),
    hint: String(error['hint']),
    error,
  };
}
