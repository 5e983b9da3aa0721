#!/usr/bin/env node
/** Where `hcr` starts. */
import { exitOnSignals } from './exit-on-signal.js';
import { runCommandLine } from './program.js';
import { Terminal } from './terminal.js';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `hcr functions PID | head` is no fault of anybody.
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

const args = process.argv.slice(2);
// `run` takes signals in its own way: they may be for the program.
if (args[0] !== 'run') exitOnSignals();
process.exitCode = await runCommandLine(
  args,
  new Terminal(process.stdout, process.stderr, process.env),
);
