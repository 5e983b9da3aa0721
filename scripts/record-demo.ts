/**
 * Runs the demo in a terminal of its own and draws what it showed, colours and pauses included.
 * The terminal is made by script(1).
 *
 *   npm run demo:record
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { drawSvg } from './record/draw-svg.js';
import { TerminalText } from './record/terminal-text.js';

const COLUMNS = 80;
const ROWS = 24;
/** As if it had been typed: colours as the demo's own commands have them. */
const TYPED = '\u001b[2m$\u001b[22m \u001b[1mnpm run demo\u001b[22m\r\n';

async function record(command: string): Promise<TerminalText> {
  const terminal = new TerminalText();
  terminal.write(TYPED, 0);
  const { NO_COLOR: _, ...environment } = process.env;
  const child = spawn(
    'script',
    ['-q', '-e', '-c', `stty cols ${COLUMNS} rows ${ROWS}; ${command}`, '/dev/null'],
    {
      env: { ...environment, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const startMs = performance.now();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    terminal.write(text, performance.now() - startMs);
  });
  const exitCode = await new Promise((resolve) => child.once('close', resolve));
  if (exitCode !== 0) throw new Error(`The demo failed with exit code ${String(exitCode)}.`);
  return terminal;
}

const [output] = process.argv.slice(2);
if (output === undefined) {
  console.error('usage: record-demo OUTPUT.svg');
  process.exit(2);
}
const demo = join(import.meta.dirname, 'demo.js');
const terminal = await record(`exec '${process.execPath}' '${demo}'`);
mkdirSync(dirname(output), { recursive: true });
writeFileSync(output, drawSvg(terminal.lines, COLUMNS, 'A recorded run of npm run demo'));
console.log(`${output}: ${terminal.lines.length} lines`);
