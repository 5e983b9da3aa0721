/**
 * `hcr run` is the tracer of its program all the time: it starts it, patches it when SIGUSR1 comes,
 * and is killed at any point of that. The program lives on, or was never started.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { kill } from 'node:process';
import type { Cell } from './cells.js';
import { type Fate, type Plan, meet } from './fate.js';
import { startRun } from './hcr.js';
import { Loss } from './health.js';
import { type Program, type Scratch, VERSIONS } from './programs.js';
import { Subject } from './subject.js';
import { Target, argumentsFor, isRunning, makeNotes, nap, versionsSeen } from './target.js';

const PATIENCE_MS = 60_000;

export interface RunEncounter {
  readonly fate: Fate;
  /** Undefined when hcr was killed before it let the program start. */
  readonly subject: Subject | undefined;
}

/** @throws Loss */
export async function meetRun(
  scratch: Scratch,
  program: Program,
  cell: Cell,
  plan: Plan,
): Promise<RunEncounter> {
  const notes = makeNotes(scratch);
  const [version] = VERSIONS;
  const pid = await startRun(program, argumentsFor(notes, cell.shape), version);
  let isTold = false;
  const fate = meet(
    {
      pid,
      isTarget: () => true,
      stopsItself: true,
      startsTarget: true,
      // hcr looks after its program several times a second.
      isDone: (child) => {
        const versions = versionsSeen(notes, cell.shape);
        if (versions.has(0)) return false;
        if (!isTold) kill(child, 'SIGUSR1');
        isTold = true;
        return versions.size === 1 && versions.has(version);
      },
    },
    plan,
  );
  const target = processOf(notes);
  if (target === undefined || !(await startsUp(target, notes, cell)))
    return { fate, subject: undefined };
  const left = await Target.adopt(target, notes, program, cell.shape);
  try {
    return { fate, subject: await Subject.leftBehind(scratch, left, cell, version) };
  } catch (error) {
    await left[Symbol.asyncDispose]();
    throw error;
  }
}

/** The program, or the shell that is to start it: it has the name of its notes among its words. */
function processOf(notes: string): number | undefined {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).find((pid) => isRunning(pid) && wordsOf(pid).includes(notes));
}

function wordsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
  } catch {
    return [];
  }
}

/** Whether the program runs, or was never started and is gone. @throws Loss when it is neither */
async function startsUp(pid: number, notes: string, { shape }: Cell): Promise<boolean> {
  const deadline = performance.now() + PATIENCE_MS;
  while (versionsSeen(notes, shape).has(0)) {
    if (!isRunning(pid)) {
      if ([...versionsSeen(notes, shape)].some((version) => version > 0))
        throw new Loss('the program died while it started');
      return false;
    }
    if (performance.now() > deadline) {
      kill(pid, 'SIGKILL');
      throw new Loss('a killed hcr left a program that neither runs nor ends');
    }
    await nap();
  }
  return true;
}
