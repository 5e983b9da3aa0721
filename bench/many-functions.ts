/** A thousand functions in one file, in the place of the one that the other targets have. */
import { execFile } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Place, extractBody } from './by-hand.js';
import { TARGET_SOURCES } from './places.js';
import { CFLAGS, type Programs } from './programs.js';

const run = promisify(execFile);

export const FUNCTIONS = 1000;

export interface ManyFunctions {
  readonly program: string;
  readonly versions: readonly [FunctionsVersion, FunctionsVersion];
}

/** One version of all of them. */
export interface FunctionsVersion {
  readonly number: number;
  readonly object: string;
  /** Bare code for a patch by hand, and where each function is in it. */
  readonly body: string;
  readonly places: readonly Place[];
}

const indices = Array.from({ length: FUNCTIONS }, (_, i) => i);

/** Names of the functions that hcr patches. */
export const NAMES: readonly string[] = indices.map((i) => `answer_${i}`);

/** `VERSION` tells the bodies apart; all are long enough for a jump. */
function source(): string {
  const functions = indices.map((i) => `int NAME(${i})(void) { return VERSION; }`);
  return `#ifndef VERSION
#define VERSION 1
#endif
#ifdef BY_HAND
#define NAME(i) answer_by_hand_##i
#else
#define NAME(i) answer_##i
#endif
${functions.join('\n')}
`;
}

/** Defines what the spinner calls: the sum of what all of them return. */
function sums(): string {
  const sum = (name: string): string => `${indices.map((i) => `int ${name}_${i}(void);`).join('\n')}
static int (*const all_of_${name}[])(void) = {${indices.map((i) => `${name}_${i}`).join(', ')}};
int ${name}(void)
{
    int sum = 0;

    for (int i = 0; i < ${FUNCTIONS}; i++)
        sum += all_of_${name}[i]();
    return sum;
}
`;
  return `${sum('answer')}\n${sum('answer_by_hand')}`;
}

/** The spinner with a thousand functions. */
export async function buildManyFunctions(programs: Programs): Promise<ManyFunctions> {
  const functions = programs.path('many.c');
  writeFileSync(functions, source());
  const sum = programs.path('sums.c');
  writeFileSync(sum, sums());
  const compile = async (name: string, ...flags: string[]): Promise<string> => {
    const object = programs.path(name);
    await programs.compile([...CFLAGS, ...flags, '-c', '-o', object, functions]);
    return object;
  };
  const objects = [await compile('many.o'), await compile('many-by-hand.o', '-DBY_HAND')];
  const main = programs.path('spinner.c');
  copyFileSync(join(TARGET_SOURCES, 'spinner.c'), main);
  const program = programs.path('many');
  await programs.compile([...CFLAGS, '-pthread', '-o', program, main, sum, ...objects]);
  const version = async (number: number): Promise<FunctionsVersion> => {
    const object = await compile(`many-${number}.o`, `-DVERSION=${number}`);
    const body = programs.path(`many-${number}.bin`);
    await extractBody(object, body);
    return { number, object, body, places: await placesIn(object) };
  };
  return { program, versions: [await version(2), await version(3)] };
}

async function placesIn(object: string): Promise<Place[]> {
  const { stdout } = await run('nm', [object]);
  return [...stdout.matchAll(/^([0-9a-f]+) T answer_(\d+)$/gm)]
    .sort((a, b) => Number(a[2]) - Number(b[2]))
    .map(([, offset = '', index = '']) => ({
      name: `answer_by_hand_${index}`,
      offset: Number.parseInt(offset, 16),
    }));
}
