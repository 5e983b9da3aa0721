/** The compiled programs under test, and later versions of what is patched in them. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TARGET_SOURCES } from './places.js';

/** The functions that are patched, all in one transaction. */
export const PART_NAMES = ['part_a', 'part_b', 'part_c', 'part_d', 'part_e', 'part_f'] as const;

export type Language = 'C' | 'C++';

/** Versions of the parts that there are objects of; the program itself has version 1. */
export const VERSIONS = [2, 3] as const;

const SUFFIX: Readonly<Record<Language, string>> = { C: 'c', 'C++': 'cpp' };
const COMPILER: Readonly<Record<Language, string>> = { C: 'gcc', 'C++': 'g++' };
const CFLAGS = ['-O2', '-g'] as const;

export interface Program {
  readonly language: Language;
  readonly path: string;
  /** The source of the parts. */
  readonly source: string;
  readonly objects: ReadonlyMap<number, string>;
  /** Where the parts are in the file, in their order. */
  readonly addresses: readonly number[];
}

/** A folder for all that the harness makes, gone at the end. */
export class Scratch implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'hcr-kill-'));

  path(name: string): string {
    return join(this.directory, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function buildProgram(scratch: Scratch, language: Language): Program {
  const directory = scratch.path(language === 'C' ? 'c' : 'cxx');
  mkdirSync(directory);
  cpSync(TARGET_SOURCES, directory, { recursive: true });
  const run = (program: string, ...args: readonly string[]): string =>
    execFileSync(program, args, { cwd: directory, encoding: 'utf8' });
  const suffix = SUFFIX[language];
  const compiler = COMPILER[language];
  run('gcc', ...CFLAGS, '-pthread', '-c', 'main.c', 'waits.c');
  run(compiler, ...CFLAGS, '-c', `run-parts.${suffix}`, `parts.${suffix}`);
  run(compiler, '-pthread', '-o', 'main', 'main.o', 'waits.o', 'run-parts.o', 'parts.o', '-lm');
  const objects = VERSIONS.map((version): [number, string] => {
    const object = join(directory, `parts-${version}.o`);
    run(compiler, ...CFLAGS, `-DVERSION=${version}`, '-c', '-o', object, `parts.${suffix}`);
    return [version, object];
  });
  const path = join(directory, 'main');
  const table = run('nm', path)
    .split('\n')
    .map((line) => line.split(' '));
  const addresses = PART_NAMES.map((name) => {
    const row = table.find(([, type, symbol]) => type === 'T' && symbol?.includes(name));
    return Number(`0x${row?.[0] ?? ''}`);
  });
  // For hcr watch, the source was edited after the program was built.
  const soon = new Date(Date.now() + 2000);
  utimesSync(join(directory, `parts.${suffix}`), soon, soon);
  return {
    language,
    path,
    source: join(directory, `parts.${suffix}`),
    objects: new Map(objects),
    addresses,
  };
}
