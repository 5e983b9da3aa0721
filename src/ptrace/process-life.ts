/**
 * Follows from afar whether a process lives and what it runs, by a look into /proc a few times a
 * second. A pidfd would tell of the end at once, but Node cannot wait for one.
 * @see proc_pid_stat(5), proc_pid_auxv(5)
 */
import { readFileSync } from 'node:fs';
import type { Pid } from '../core/address.js';
import { hasEnded, parseStat } from './proc-stat.js';
import { idInProc } from './procfs.js';

const LOOK_MS = 200;

export interface LifeEvents {
  onEnd(): void;
  /** It has called exec, or has loaded or unloaded a module. */
  onChange(): void;
}

export class ProcessLife implements Disposable {
  private readonly pid: Pid;
  private readonly events: LifeEvents;
  private readonly startTime: number | undefined;
  private readonly timer: NodeJS.Timeout;
  /** At the last look, and when it was last told of. */
  private modules: string | undefined;
  private toldModules: string | undefined;

  /** @param isStarting its dynamic linker is at work: tells of a change when that is done */
  constructor(pid: Pid, events: LifeEvents, isStarting = false) {
    this.pid = pid;
    this.events = events;
    this.startTime = startTimeOf(pid);
    this.modules = this.modulesNow();
    this.toldModules = isStarting ? undefined : this.modules;
    this.timer = setInterval(() => {
      this.look();
    }, LOOK_MS);
  }

  private look(): void {
    // Another process may have its id by now.
    const startTime = startTimeOf(this.pid);
    if (startTime === undefined || startTime !== this.startTime) {
      this[Symbol.dispose]();
      this.events.onEnd();
      return;
    }
    const modules = this.modulesNow();
    // What is still changing is about to change again.
    const isSettled = modules === this.modules;
    this.modules = modules;
    if (!isSettled || modules === this.toldModules) return;
    this.toldModules = modules;
    this.events.onChange();
  }

  /** Where which files are mapped as code: exec gives another list, for the addresses are random. */
  private modulesNow(): string | undefined {
    try {
      return (
        readFileSync(`/proc/${idInProc(this.pid) ?? this.pid}/maps`, 'latin1')
          .split('\n')
          .filter((line) => /^\S+ ..x. .*\/(?!memfd:)/.test(line))
          // Who rebuilds a program deletes the file that runs: the code that is mapped stays the same.
          .map((line) => line.replace(/ \(deleted\)$/, ''))
          .join('\n')
      );
    } catch {
      return this.modules;
    }
  }

  /** Looks no more. */
  [Symbol.dispose](): void {
    clearInterval(this.timer);
  }
}

/** In clock ticks since the system's start; undefined for a process that has ended. */
function startTimeOf(pid: Pid): number | undefined {
  try {
    const stat = parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return hasEnded(stat) && idInProc(pid) === undefined ? undefined : stat.startTicks;
  } catch {
    return undefined;
  }
}
