/** Runs a command and measures it from outside, by wait4(2) in a small program of its own. */
import { spawn } from 'node:child_process';
import { Readable, type Writable } from 'node:stream';

/** Only a run that hangs comes near it. */
const PATIENCE_MS = 300_000;

export interface Measured {
  readonly wallMs: number;
  /** Of all its threads and of the processes that it waited for. */
  readonly cpuMs: number;
  /** The most memory it held at a time. */
  readonly maxRssBytes: number;
  readonly stdout: string;
}

export class CommandRunner {
  /** The executable made of targets/measure.c. */
  private readonly measure: string;

  constructor(measure: string) {
    this.measure = measure;
  }

  /** @throws when it does not exit with 0, with all that it said */
  async run(words: readonly string[]): Promise<Measured> {
    const child = spawn(this.measure, words, {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL',
    });
    const outputs = [child.stdout, child.stderr, child.stdio[3]].map(readAll);
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    const [stdout = '', stderr = '', report = ''] = await Promise.all(outputs);
    if (exitCode !== 0) {
      throw new Error(
        `${words.join(' ')} exited with ${exitCode ?? 'a signal'}: ${stdout}${stderr}`,
      );
    }
    const [wallNanos, cpuNanos, kibibytes] = report.trim().split(' ').map(Number);
    if (wallNanos === undefined || cpuNanos === undefined || kibibytes === undefined) {
      throw new Error(`${words.join(' ')} was not measured: ${report}`);
    }
    return {
      wallMs: wallNanos / 1e6,
      cpuMs: cpuNanos / 1e6,
      maxRssBytes: kibibytes * 1024,
      stdout,
    };
  }
}

async function readAll(stream: Readable | Writable | null | undefined): Promise<string> {
  if (!(stream instanceof Readable)) throw new Error('not a pipe that can be read');
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk as string;
  return text;
}
