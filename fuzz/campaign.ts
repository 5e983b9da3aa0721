/**
 * Fuzzes one target for a time. The work is done on another thread, which is watched: when an input
 * does not end, or takes the memory of the machine, the thread is ended, the input is kept as a
 * finding, and a new thread goes on.
 */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { MAX_INPUT_BYTES } from './mutate-bytes.js';
import { type Assignment, CONTROL, type WorkerMessage } from './protocol.js';

/** An input that takes so long hangs, however busy the machine is. */
const HANG_MS = 10_000;
const LOOK_MS = 250;
/** Of the whole process: an input that makes it grow so far would not stop there. */
const MOST_RESIDENT_BYTES = 2 ** 31;
const MOST_HEAP_MIB = 768;

export interface CampaignOutcome {
  executions: number;
  findings: number;
  corpus: number;
  coveredBytes: number;
}

export interface CampaignOptions {
  readonly target: string;
  readonly seeds: ReadonlyMap<string, Uint8Array>;
  /** Where what is kept between runs is. */
  readonly folder: string;
  readonly seconds: number;
  readonly say: (text: string) => void;
}

export async function runCampaign(options: CampaignOptions): Promise<CampaignOutcome> {
  const campaign = new Campaign(options);
  const deadline = performance.now() + options.seconds * 1000;
  while (performance.now() < deadline) await campaign.runThread(deadline);
  return campaign.outcome;
}

class Campaign {
  readonly outcome: CampaignOutcome = { executions: 0, findings: 0, corpus: 0, coveredBytes: 0 };
  private readonly options: CampaignOptions;
  private readonly shared = new SharedArrayBuffer(CONTROL.inputAt + MAX_INPUT_BYTES);
  private readonly control = new Int32Array(this.shared, 0, 2);

  constructor(options: CampaignOptions) {
    this.options = options;
    mkdirSync(this.folderOf('corpus'), { recursive: true });
    mkdirSync(this.folderOf('findings'), { recursive: true });
  }

  /** Until the deadline, or until an input has to be ended. */
  async runThread(deadline: number): Promise<void> {
    const { target, seeds } = this.options;
    const assignment: Assignment = {
      targetName: target,
      seeds,
      corpus: this.readCorpus(),
      seed: Date.now() & 0x7fff_ffff,
      shared: this.shared,
    };
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: assignment,
      resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP_MIB },
    });
    const thread = { ended: false };
    worker.on('message', (message: WorkerMessage) => {
      this.receive(message);
    });
    worker.on('error', (error) => {
      this.save('ended the thread', error.stack ?? error.message, this.currentInput());
    });
    const exit = new Promise<void>((resolve) => {
      worker.on('exit', () => {
        thread.ended = true;
        resolve();
      });
    });
    let executions = -1;
    let movedAt = performance.now();
    while (!thread.ended && performance.now() < deadline) {
      await Promise.race([sleep(LOOK_MS), exit]);
      const now = Atomics.load(this.control, CONTROL.executions);
      if (now !== executions) movedAt = performance.now();
      executions = now;
      const fault = this.faultNow(performance.now() - movedAt);
      if (fault === undefined) continue;
      this.save(fault, '', this.currentInput());
      break;
    }
    await worker.terminate();
  }

  private faultNow(stillMs: number): string | undefined {
    if (stillMs > HANG_MS) return 'hang';
    return process.memoryUsage.rss() > MOST_RESIDENT_BYTES ? 'memory of the machine' : undefined;
  }

  private receive(message: WorkerMessage): void {
    switch (message.kind) {
      case 'finding':
        this.save(message.signature, message.detail, message.input);
        break;
      case 'kept':
        writeFileSync(join(this.folderOf('corpus'), nameOf(message.input)), message.input);
        break;
      case 'progress':
        this.outcome.executions += message.executions;
        this.outcome.corpus = message.corpus;
        this.outcome.coveredBytes = message.coveredBytes;
        break;
    }
  }

  private save(signature: string, detail: string, input: Uint8Array): void {
    const path = join(this.folderOf('findings'), nameOf(input));
    this.outcome.findings++;
    writeFileSync(path, input);
    writeFileSync(`${path}.txt`, `${signature}\n${detail}\n`);
    this.options.say(`${this.options.target}: ${signature}\n  ${path}\n${detail}`);
  }

  private currentInput(): Uint8Array {
    const length = Math.min(Atomics.load(this.control, CONTROL.lengthBytes), MAX_INPUT_BYTES);
    return new Uint8Array(this.shared, CONTROL.inputAt, length).slice();
  }

  private readCorpus(): Uint8Array[] {
    const folder = this.folderOf('corpus');
    return readdirSync(folder).map((name) => new Uint8Array(readFileSync(join(folder, name))));
  }

  private folderOf(kind: 'corpus' | 'findings'): string {
    return join(this.options.folder, kind, this.options.target);
  }
}

function nameOf(input: Uint8Array): string {
  return createHash('sha1').update(input).digest('hex').slice(0, 16);
}
