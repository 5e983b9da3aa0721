/** What binutils' readelf says about a file: the oracle of these tests. */
import { execFileSync } from 'node:child_process';

export function readelf(path: string, ...options: string[]): string[] {
  const output = execFileSync('readelf', ['-W', ...options, path], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return output.split('\n');
}

/** The groups of each line that matches. */
export function rows(lines: readonly string[], pattern: RegExp): string[][] {
  return lines.flatMap((line) => {
    const match = pattern.exec(line);
    return match ? [match.slice(1).map((group: string | undefined) => group ?? '')] : [];
  });
}

export interface ListedSymbol {
  readonly index: number;
  readonly value: number;
  readonly sizeBytes: number;
  readonly type: string;
  readonly binding: string;
  readonly visibility: string;
  /** `UND`, `ABS`, `COM` or a number. */
  readonly section: string;
  /** With `@VERSION` or `@@VERSION`. */
  readonly name: string;
}

/** @param table `--syms` lists both tables, so say which one by its section's name. */
export function listSymbols(path: string, table: '.symtab' | '.dynsym'): ListedSymbol[] {
  const lines = readelf(path, '--syms');
  const start = lines.findIndex((line) => line.startsWith(`Symbol table '${table}'`));
  if (start < 0) return [];
  const end = lines.indexOf('', start);
  return rows(
    lines.slice(start, end < 0 ? undefined : end),
    /^\s*(\d+): ([0-9a-f]+)\s+(0x[0-9a-f]+|\d+) (\S+)\s+(\S+)\s+(\S+)\s+(?:\[.*\]\s+)?(\S+)(?: (\S+))?/,
  ).map(([index, value, size, type, binding, visibility, section, name]) => ({
    index: Number(index),
    value: Number(`0x${value ?? ''}`),
    sizeBytes: Number(size),
    type: type ?? '',
    binding: binding ?? '',
    visibility: visibility ?? '',
    section: section ?? '',
    name: name ?? '',
  }));
}
