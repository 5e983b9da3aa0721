/**
 * A program with more than 100 MB of debug information: a thousand translation units that share a
 * header of types and inline functions, as units of large programs do. Built once and kept in the
 * system's folder for temporary files.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { COMPILER } from './programs.js';

const run = promisify(execFile);

export const UNITS = 1000;
const STRUCTS = 900;
const MEMBERS = 8;
const INLINES = 60;
const FUNCTIONS = 12;
/** Types that a unit does not use stay in its debug information: it is to be large. */
const CFLAGS = ['-O1', '-g', '-fno-eliminate-unused-debug-types'] as const;
/** The unit in the middle is patched. */
const PATCHED_UNIT = UNITS / 2;
export const PATCHED_FUNCTION = `version_${PATCHED_UNIT}`;

export interface LargeProgram {
  readonly executable: string;
  /** Of the unit that is patched, and the flags that it was built with. */
  readonly patchedSource: string;
  readonly cflags: readonly string[];
  /** Writes the object of the patched unit, with its function alone in a section of its own. */
  compileVersion(version: number, object: string): Promise<void>;
}

function* count(end: number): Generator<number> {
  for (let i = 0; i < end; i++) yield i;
}

function header(): string {
  const structs = [...count(STRUCTS)].map((s) => {
    const members = [...count(MEMBERS)].map((m) => {
      const other = s === 0 ? 'void' : `struct record_${(s * 7 + m) % s}`;
      return m % 3 === 0 ? `    ${other} *link_${m};` : `    long field_${m};`;
    });
    return `struct record_${s} {\n${members.join('\n')}\n};`;
  });
  const inlines = [...count(INLINES)].map(
    (i) => `static inline long step_${i}(struct record_${i} *record, long by)
{
    long sum = by;

    for (long i = 0; i < record->field_1; i++)
        sum += record->field_2 ^ (i * ${i + 3});
    return sum;
}`,
  );
  return [...structs, ...inlines].join('\n\n');
}

function unit(u: number): string {
  const functions = [...count(FUNCTIONS)].map((f) => {
    const step = (u + f * 5) % INLINES;
    return `long work_${u}_${f}(struct record_${step} *record, long by)
{
    long sum = step_${step}(record, by);

    if (sum > ${f})
        sum = step_${step}(record, sum) + step_${step}(record, by + ${u});
    return sum;
}`;
  });
  return `#include "types.h"
#ifndef VERSION
#define VERSION 1
#endif

int version_${u}(void)
{
    return VERSION;
}

${functions.join('\n\n')}
`;
}

/** Ends with the benchmark, which holds its input. */
const MAIN = `#include <stdio.h>

int main(void)
{
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
`;

/** Builds it, or finds it built. Takes a minute or two on two processors. */
export async function buildLargeProgram(): Promise<LargeProgram> {
  const recipe = JSON.stringify([header(), unit(PATCHED_UNIT), MAIN, UNITS, CFLAGS]);
  const key = createHash('sha256').update(recipe).digest('hex').slice(0, 12);
  const directory = join(tmpdir(), `hcr-bench-large-${key}`);
  if (!existsSync(directory)) {
    const unfinished = `${directory}.${process.pid}`;
    mkdirSync(unfinished);
    try {
      await build(unfinished);
      renameSync(unfinished, directory);
    } finally {
      rmSync(unfinished, { recursive: true, force: true });
    }
  }
  return {
    executable: join(directory, 'main'),
    patchedSource: join(directory, `unit_${PATCHED_UNIT}.c`),
    cflags: CFLAGS,
    async compileVersion(version, object) {
      const source = `unit_${PATCHED_UNIT}.c`;
      const flags = [...CFLAGS, '-ffunction-sections', `-DVERSION=${version}`, '-c', '-o', object];
      await run(COMPILER, [...flags, source], { cwd: directory });
    },
  };
}

async function build(directory: string): Promise<void> {
  const write = (name: string, text: string): void => {
    writeFileSync(join(directory, name), text);
  };
  write('types.h', header());
  write('main.c', MAIN);
  const names = ['main', ...[...count(UNITS)].map((u) => `unit_${u}`)];
  for (const u of count(UNITS)) write(`unit_${u}.c`, unit(u));
  const queue = names.values();
  const worker = async (): Promise<void> => {
    for (const name of queue) {
      await run(COMPILER, [...CFLAGS, '-c', `${name}.c`], { cwd: directory });
    }
  };
  await Promise.all([...count(availableParallelism())].map(worker));
  write('objects', names.map((name) => `${name}.o`).join('\n'));
  await run(COMPILER, ['-o', 'main', '@objects'], { cwd: directory });
  for (const name of names) rmSync(join(directory, `${name}.o`));
}

/** Bytes of its debug information, by the headers of its sections. */
export async function debugBytes(executable: string): Promise<number> {
  const { stdout } = await run('readelf', ['--wide', '--section-headers', executable]);
  const sizes = [...stdout.matchAll(/\] \.debug_\w+ +\w+ +\w+ +\w+ +(\w+)/g)];
  return sizes.reduce((sum, [, size = '0']) => sum + Number.parseInt(size, 16), 0);
}

export function sizeBytes(executable: string): number {
  return statSync(executable).size;
}
