/** Puts the cockpit on the screen and takes it down again. */
import { constants } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { render } from 'ink';
import { debugAt, editSource } from '../app/foreground.js';
import { stopOwnJob } from '../app/job-control.js';
import type { PatchOptions } from '../app/report.js';
import { isHcrError } from '../core/failure.js';
import { CockpitScreen } from './components/cockpit-screen.js';
import { type Engine, startEngine } from './engine/engine.js';
import { Latest } from './latest.js';
import { initialCockpit } from './model/state.js';
import { type Outside, hear } from './perform.js';
import { Screen } from './screen.js';
import { Signals } from './signals.js';
import { Store } from './store.js';
import { Themed, themeFor } from './theme.js';

export interface CockpitOptions {
  readonly pid: number;
  readonly patch: PatchOptions;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether hcr is to stay attached from the beginning, for crashes of new code. */
  readonly isGuarded: boolean;
  /** Whether Ctrl+C and SIGINT reload what was edited. */
  readonly reloadsOnInterrupt: boolean;
}

/** A signal that ended a program, as shells report it. */
const BY_SIGNAL = 128;
/** Of the event loop, that Ink takes to be gone. */
const MOST_TURNS = 100;

/**
 * Runs until the user quits; the process is left as it is.
 * @returns exit code: 0, or 128 and the number of the signal that ended hcr
 * @throws HcrError what the first look at the process is refused with, before the screen is taken
 */
export async function runCockpit(options: CockpitOptions): Promise<number> {
  const { pid, patch } = options;
  await using engine = startEngine(pid, patch);
  const seen = await engine.call('observe', false);
  using screen = new Screen(process.stdout);
  const { isGuarded, reloadsOnInterrupt } = options;
  const store = new Store(
    initialCockpit(pid, screen.columns, screen.rows, { isGuarded, reloadsOnInterrupt }),
  );
  store.dispatch({ type: 'observed', ...seen, at: Date.now() });
  return await new RunningCockpit(engine, store, screen, options).untilQuit();
}

/** Leaves what is typed from now on to others. Ink stops reading a little after it is taken down. */
async function letKeysGo(): Promise<void> {
  const { stdin } = process;
  for (let turn = 0; turn < MOST_TURNS && stdin.listenerCount('readable') > 0; turn++)
    await nextTurn();
  stdin.pause();
  // A stream that was read on its `readable` does not flow, and says nothing when it is paused: but
  // only when it does the terminal is not read any more.
  stdin.emit('pause');
}

/** That the program has gone meanwhile is told by itself. */
function whatFailed(error: unknown): string | undefined {
  if (isHcrError(error, 'no-such-process')) return undefined;
  return error instanceof Error ? error.message : String(error);
}

/** The cockpit from its first frame to the last; its state is the model's `Cockpit`. */
class RunningCockpit {
  private readonly engine: Engine;
  private readonly store: Store;
  private readonly screen: Screen;
  private readonly outside: Outside;
  private readonly theme: ReturnType<typeof themeFor>;
  private readonly reloadsOnInterrupt: boolean;
  private isOver = false;
  private takeDown: (() => void) | undefined;
  private quit: ((exitCode: number) => void) | undefined;
  private fail: ((error: Error) => void) | undefined;

  constructor(
    engine: Engine,
    store: Store,
    screen: Screen,
    { pid, environment, reloadsOnInterrupt }: CockpitOptions,
  ) {
    this.engine = engine;
    this.store = store;
    this.screen = screen;
    this.reloadsOnInterrupt = reloadsOnInterrupt;
    this.theme = themeFor(environment);
    this.outside = {
      engine,
      dispatch: store.dispatch,
      inspections: new Latest(),
      wantsOutput: () => store.state().view === 'output',
      edit: (file, line) => {
        this.giveTerminalTo(() => editSource(file, line, environment));
      },
      debug: (row, isStopped) => {
        this.giveTerminalTo(() => this.atRest(() => debugAt(pid, row?.listing.entry, isStopped)));
      },
      copy: (text) => {
        screen.copy(text);
      },
      suspend: () => {
        this.suspend();
      },
      redraw: () => {
        screen.repaint();
      },
      quit: () => this.quit?.(0),
    };
    engine.onEvent((event) => {
      hear(event, this.outside);
    });
  }

  async untilQuit(): Promise<number> {
    const ended = new Promise<number>((resolve, reject) => {
      this.quit = resolve;
      this.fail = reject;
    });
    const signals = new Signals({
      onEnd: (signal) => {
        // An editor's or a debugger's Ctrl+C reaches the whole job.
        const isForOthers = signal === constants.signals.SIGINT && this.takeDown === undefined;
        if (!isForOthers) this.quit?.(BY_SIGNAL + signal);
      },
      onStop: () => {
        this.suspend();
      },
      ...(this.reloadsOnInterrupt ? { onTrigger: this.reload } : {}),
    });
    try {
      this.show();
      return await ended;
    } finally {
      this.isOver = true;
      this.takeDown?.();
      this.screen.give();
      signals[Symbol.dispose]();
    }
  }

  private readonly reload = (): void => {
    this.store.dispatch({ type: 'commanded', command: 'reload-all', page: 0 });
  };

  private show(): void {
    this.screen.take();
    const instance = render(
      <Themed theme={this.theme}>
        <CockpitScreen store={this.store} outside={this.outside} />
      </Themed>,
      {
        // The screen is all of a stream that Ink asks of one.
        stdout: this.screen as unknown as NodeJS.WriteStream,
        // Whole frames, at once: what of them is written the screen decides.
        debug: true,
        exitOnCtrlC: false,
        patchConsole: false,
      },
    );
    // A component that fails takes Ink down.
    instance.waitUntilExit().catch((error: unknown) => {
      this.fail?.(error instanceof Error ? error : new Error(String(error)));
    });
    this.takeDown = () => {
      this.takeDown = undefined;
      instance.unmount();
      instance.cleanup();
    };
  }

  /** While another program has the terminal nothing is drawn and no key is read. */
  private giveTerminalTo(work: () => Promise<string | undefined>): void {
    const give = async (): Promise<string | undefined> => {
      // Ink must be done with the rendering that this was asked for in.
      await nextTurn();
      this.takeDown?.();
      this.screen.give();
      await letKeysGo();
      return await work();
    };
    void give()
      .catch(whatFailed)
      .then((failure) => {
        if (this.isOver) return;
        this.show();
        if (failure === undefined) return;
        const entry = { at: Date.now(), tone: 'bad' as const, text: failure };
        this.store.dispatch({ type: 'logged', entry });
      });
  }

  /** While nothing of hcr's touches the process. */
  private async atRest<T>(work: () => T | Promise<T>): Promise<T> {
    await this.engine.call('rest');
    try {
      return await work();
    } finally {
      await this.engine.call('wake');
    }
  }

  /** A tracer that is stopped would hold the program up, and so would one in the middle of a patch. */
  private suspend(): void {
    const stop = (): undefined => {
      stopOwnJob(this.store.state().pid);
    };
    if (this.takeDown === undefined) void this.atRest(stop).catch(() => undefined);
    else this.giveTerminalTo(() => this.atRest(stop));
  }
}
