/** What a command writes to: the streams and how they look. Tests give their own. */
import type { ReportProgress } from '../app/report.js';
import type { HcrError } from '../core/failure.js';
import { failureReport, formatFailure } from './failure-output.js';
import { type Environment, type Look, lookOf, type Sink } from '../terminal/look.js';
import { printable, printableJson } from '../terminal/printable.js';
import { ProgressLine } from './progress-line.js';

/** Options that every command takes. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
}

export class Terminal {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly look: Look;
  readonly errorLook: Look;

  constructor(stdout: Sink, stderr: Sink, environment: Environment) {
    this.stdout = stdout;
    this.stderr = stderr;
    this.look = lookOf(stdout, environment);
    this.errorLook = lookOf(stderr, environment);
  }

  /** The outcome of a command: `json` of it as one line with --json, `text` otherwise. */
  answer<R>(
    options: OutputOptions,
    report: R,
    json: (report: R) => object,
    text: (report: R, look: Look) => string,
  ): void {
    if (options.json === true) this.stdout.write(`${printableJson(json(report))}\n`);
    else if (options.quiet !== true) this.stdout.write(`${text(printable(report), this.look)}\n`);
  }

  fail(options: OutputOptions, error: HcrError): void {
    if (options.json === true) {
      this.stdout.write(`${printableJson(failureReport(error))}\n`);
      return;
    }
    this.stderr.write(`${formatFailure(error, this.errorLook, options.verbose === true)}\n`);
  }

  /** Shows the progress of `work` and takes it away before anything else is written. */
  async whileReporting<T>(
    options: OutputOptions,
    work: (report: ReportProgress) => Promise<T>,
  ): Promise<T> {
    const talks = options.json !== true && options.quiet !== true;
    using line = new ProgressLine(this.stderr, this.errorLook, {
      animate: talks && this.errorLook.rewritable,
      verbose: talks && options.verbose === true,
    });
    return await work(line.report);
  }
}
