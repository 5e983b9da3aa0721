/** A program in a terminal of tmux: what it shows, and keys for it. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { quoteShellWords } from '../../src/build/shell-words.js';
import { until } from './until.js';

const run = promisify(execFile);

export class TmuxTerminal implements AsyncDisposable {
  /** A server of its own: no settings and no sessions of the user's. */
  private readonly server = `hcr-test-${randomUUID()}`;

  static async start(
    command: readonly string[],
    environment: Readonly<Record<string, string>>,
    columns = 80,
    lines = 24,
  ): Promise<TmuxTerminal> {
    const terminal = new TmuxTerminal();
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    // The shell stays, so that what is left on the screen can be seen.
    await terminal.tmux(
      ...['-f', '/dev/null', 'new-session', '-d', '-x', String(columns), '-y', String(lines)],
      `${quoteShellWords(['env', ...variables, ...command])}; echo "left with $?"; exec cat`,
    );
    return terminal;
  }

  private async tmux(...args: readonly string[]): Promise<string> {
    const { stdout } = await run('tmux', ['-L', this.server, ...args]);
    return stdout;
  }

  screen(): Promise<string> {
    return this.tmux('capture-pane', '-p');
  }

  /** As tmux calls them: `Enter`, `Escape`, `Down`; other words are typed. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.tmux('send-keys', ...keys);
  }

  async resize(columns: number, lines: number): Promise<void> {
    await this.tmux('resize-window', '-x', String(columns), '-y', String(lines));
  }

  /** @returns the screen that shows it */
  async shows(pattern: RegExp): Promise<string> {
    let shown = '';
    try {
      await until(`the screen shows ${pattern.source}`, async () => {
        shown = await this.screen();
        return pattern.test(shown);
      });
    } catch (error) {
      throw new Error(`the last screen was\n${shown}`, { cause: error });
    }
    return shown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tmux('kill-server').catch(() => undefined);
  }
}
