/** A program in a terminal of tmux: what it shows, and keys for it. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { quoteShellWords } from '../../src/build/shell-words.js';
import { until } from './until.js';

const run = promisify(execFile);

/** A look takes tmux some milliseconds of a processor that the program under test needs. */
const LOOK_EVERY_MS = 40;

export interface TerminalState {
  /** Whether the alternate screen is shown. */
  readonly isAlternate: boolean;
  readonly hasCursor: boolean;
}

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
    const size = ['-x', String(columns), '-y', String(lines)];
    // The shell stays, so that what is left on the screen can be seen.
    await terminal.tmux(
      ...['-f', '/dev/null', 'new-session', '-d', ...size],
      `${quoteShellWords(['env', ...variables, ...command])}; echo "left with $?"; exec cat`,
    );
    // Its last line would be missing from the screen; the clipboard becomes a buffer of tmux.
    await terminal.tmux(
      'set-option',
      '-g',
      'status',
      'off',
      ';',
      'set-option',
      '-s',
      'set-clipboard',
      'on',
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

  /** The screen with its colours, as escape sequences. */
  paintedScreen(): Promise<string> {
    return this.tmux('capture-pane', '-p', '-e');
  }

  clipboard(): Promise<string> {
    return this.tmux('show-buffer');
  }

  async state(): Promise<TerminalState> {
    const format = '#{alternate_on} #{cursor_flag}';
    const [alternate, cursor] = (await this.tmux('display-message', '-p', format))
      .trim()
      .split(' ');
    return { isAlternate: alternate === '1', hasCursor: cursor === '1' };
  }

  /** Process id of what was started, or of the shell around it. */
  async pid(): Promise<number> {
    return Number(await this.tmux('display-message', '-p', '#{pane_pid}'));
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
        if (pattern.test(shown)) return true;
        await delay(LOOK_EVERY_MS);
        return false;
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
