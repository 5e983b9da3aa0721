/** What other tools say about a file. */
import { execFileSync } from 'node:child_process';

function run(program: string, args: readonly string[], input?: string): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    input: input ?? '',
    env: { ...process.env, LC_ALL: 'C', DEBUGINFOD_URLS: '' },
    maxBuffer: 2 ** 28,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
}

export interface NmSymbol {
  readonly name: string;
  readonly value: number;
  readonly sizeBytes: number;
  readonly type: string;
}

/** Defined symbols with a size. */
export function nm(path: string): readonly NmSymbol[] {
  return run('nm', ['-S', '--defined-only', path])
    .split('\n')
    .map((line) => line.split(' '))
    .filter((words) => words.length === 4)
    .map(([value = '', size = '', type = '', name = '']) => ({
      name,
      value: Number.parseInt(value, 16),
      sizeBytes: Number.parseInt(size, 16),
      type,
    }));
}

export interface Frame {
  readonly function: string;
  readonly file: string;
  readonly line: number;
}

/** For each address the functions whose code it is, innermost first. */
export function addr2line(
  path: string,
  addresses: readonly number[],
): readonly (readonly Frame[])[] {
  const input = addresses.map((address) => `0x${address.toString(16)}\n`).join('');
  const chains: Frame[][] = [];
  const lines = run('addr2line', ['-a', '-f', '-i', '-e', path], input).split('\n');
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (line.startsWith('0x')) {
      chains.push([]);
      continue;
    }
    if (line === '') continue;
    const [, file = '', number = ''] = /^(.*):(\d+|\?)/.exec(lines[at + 1] ?? '') ?? [];
    chains.at(-1)?.push({ function: line, file, line: Number(number) });
    at += 1;
  }
  return chains;
}

/** What gdb prints for each command. */
export function gdb(path: string, ...commands: readonly string[]): readonly string[] {
  const separated = commands.flatMap((command) => ['-ex', command, '-ex', 'echo \\n----\\n']);
  return run('gdb', ['-batch', '-nx', ...separated, path])
    .split('\n----\n')
    .slice(0, -1)
    .map((text) => text.trim());
}

export function readelf(path: string, ...options: readonly string[]): readonly string[] {
  return run('readelf', ['-W', ...options, path]).split('\n');
}

/** The groups of each line that matches. */
export function rows(lines: readonly string[], pattern: RegExp): readonly (readonly string[])[] {
  return lines.flatMap((line) => {
    const match = pattern.exec(line);
    return match === null ? [] : [match.slice(1).map((group: string | undefined) => group ?? '')];
  });
}
