/**
 * `npm run fuzz`: hands damaged input to every reader of hcr, for as long as is asked.
 *
 *   npm run fuzz                    each target for a minute
 *   npm run fuzz -- ledger 600      one of them for ten minutes
 *   npm run fuzz -- all 300         each for five
 *   npm run fuzz -- ledger FILE     one input, as a finding is looked at
 *
 * What is kept between runs lies in .cache/fuzz: inputs that reach new code, findings, and a line for
 * each run in log.jsonl.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCampaign } from './campaign.js';
import { buildSeeds } from './seeds.js';
import { TARGETS } from './targets.js';

/** The compiled fuzzer lies in .cache/tools/fuzz. */
const FOLDER = join(import.meta.dirname, '..', '..', 'fuzz');
const DEFAULT_SECONDS = 60;

const [name = 'all', argument] = process.argv.slice(2);
const chosen = TARGETS.filter((target) => name === 'all' || target.name === name);
if (chosen.length === 0) {
  const names = TARGETS.map((target) => target.name).join(', ');
  console.error(`No such target: ${name}. The targets are ${names}.`);
  process.exit(2);
}

const seeds = buildSeeds();
if (argument !== undefined && existsSync(argument)) {
  for (const target of chosen) {
    target.seeds(seeds);
    target.run(new Uint8Array(readFileSync(argument)));
  }
  process.exit(0);
}

mkdirSync(FOLDER, { recursive: true });
const seconds = Number(argument ?? DEFAULT_SECONDS);
let findings = 0;
for (const { name: target } of chosen) {
  const say = (text: string): void => {
    console.log(text);
  };
  const outcome = await runCampaign({ target, seeds, folder: FOLDER, seconds, say });
  findings += outcome.findings;
  const line = { at: new Date().toISOString(), target, seconds, ...outcome };
  appendFileSync(join(FOLDER, 'log.jsonl'), `${JSON.stringify(line)}\n`);
  const rate = Math.round(outcome.executions / seconds);
  console.log(
    `${target}: ${outcome.executions} executions, ${rate} a second; ` +
      `${outcome.corpus} inputs reach ${outcome.coveredBytes} bytes of code; ${outcome.findings} findings`,
  );
}
process.exit(findings > 0 ? 1 : 0);
