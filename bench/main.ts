/**
 * `npm run bench`: measures hcr against the same patch made by hand with gdb, on the same targets
 * in the same run, and writes docs/benchmarks.md.
 *
 *   npm run bench                 everything
 *   npm run bench -- pause call   some parts, printed only
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { measureCallCost } from './call-cost.js';
import { CommandRunner } from './command.js';
import { measureCommandTime } from './command-time.js';
import { Debugger } from './by-hand.js';
import { Hcr } from './hcr.js';
import { measureLargeBinaries } from './large-binaries.js';
import { describeMachine } from './machine.js';
import { measurePause } from './pause.js';
import { measureSaveToLive } from './save-to-live.js';
import { RESULTS } from './places.js';
import { Programs } from './programs.js';
import type { Bench, Section } from './section.js';

const SECTIONS: ReadonlyMap<string, Section> = new Map([
  ['pause', measurePause],
  ['command', measureCommandTime],
  ['call', measureCallCost],
  ['large', measureLargeBinaries],
  ['save', measureSaveToLive],
]);

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !SECTIONS.has(name));
if (unknown.length > 0) {
  console.error(
    `No such part: ${unknown.join(', ')}. The parts are ${[...SECTIONS.keys()].join(', ')}.`,
  );
  process.exit(2);
}

const isWhole = wanted.length === 0;
const texts: string[] = [];
for (const name of isWhole ? SECTIONS.keys() : wanted) {
  texts.push((await measure(name)) ?? '');
}
if (isWhole) {
  mkdirSync(dirname(RESULTS), { recursive: true });
  writeFileSync(RESULTS, document(texts));
  console.error('Written to docs/benchmarks.md.');
}

async function measure(name: string): Promise<string | undefined> {
  using programs = new Programs();
  const commands = new CommandRunner(await programs.buildTool('measure'));
  const bench: Bench = {
    programs,
    commands,
    hcr: new Hcr(commands),
    gdb: new Debugger(commands),
    say: (text) => console.error(`${text} ...`),
  };
  const text = await SECTIONS.get(name)?.(bench);
  console.log(`\n${text ?? ''}\n`);
  return text;
}

function document(sections: readonly string[]): string {
  return `# Benchmarks

Made by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}. Everything is measured against a gdb script that makes the
same patch by hand, on the same target in the same run: compare the ratios, not the milliseconds,
with other machines.

${describeMachine()}

${sections.join('\n\n')}
`;
}
