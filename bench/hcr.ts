/** hcr as its users run it: a process of its own, measured from outside and by what it reports. */
import type { PatchReport } from '../src/app/report.js';
import type { CommandRunner, Measured } from './command.js';
import { HCR_CLI } from './places.js';

export interface MeasuredPatch extends Measured {
  readonly report: PatchReport;
}

export class Hcr {
  private readonly commands: CommandRunner;

  constructor(commands: CommandRunner) {
    this.commands = commands;
  }

  async run(...args: readonly (string | number)[]): Promise<Measured> {
    return await this.commands.run([process.execPath, HCR_CLI, ...args.map(String), '--json']);
  }

  /** @throws when hcr finds nothing to patch: then nothing was measured */
  async attach(pid: number, name: string, ...more: readonly string[]): Promise<MeasuredPatch> {
    return await this.attachAll(pid, [name], ...more);
  }

  async attachAll(
    pid: number,
    names: readonly string[],
    ...more: readonly string[]
  ): Promise<MeasuredPatch> {
    const functions = names.flatMap((name) => ['--func', name]);
    const measured = await this.run('attach', pid, ...functions, ...more);
    const report = JSON.parse(measured.stdout) as PatchReport;
    if (report.functions.length === 0) throw new Error(`nothing patched: ${measured.stdout}`);
    return { ...measured, report };
  }
}
