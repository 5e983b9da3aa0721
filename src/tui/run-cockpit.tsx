/** Puts the cockpit on the screen and takes it down again. */
import { render } from 'ink';
import { debugAt, editSource } from '../app/foreground.js';
import type { PatchOptions } from '../app/report.js';
import { CockpitScreen } from './components/cockpit-screen.js';
import { type Engine, startEngine } from './engine/engine.js';
import { initialCockpit } from './model/state.js';
import { type Outside, hear } from './perform.js';
import { Screen } from './screen.js';
import { Store } from './store.js';
import { Themed, themeFor } from './theme.js';

export interface CockpitOptions {
  readonly pid: number;
  readonly patch: PatchOptions;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Runs until the user quits; the process is left as it is.
 * @throws HcrError what the first look at the process is refused with, before the screen is taken
 */
export async function runCockpit({ pid, patch, environment }: CockpitOptions): Promise<void> {
  await using engine = startEngine(pid, patch);
  const { overview, status } = await engine.call('observe');
  const { stdout } = process;
  using screen = new Screen(stdout);
  const store = new Store(initialCockpit(pid, stdout.columns || 80, stdout.rows || 24));
  store.dispatch({ type: 'observed', overview, status, at: Date.now() });
  await new Cockpit(engine, store, screen, environment).untilQuit();
}

class Cockpit {
  private readonly store: Store;
  private readonly screen: Screen;
  private readonly outside: Outside;
  private readonly theme: ReturnType<typeof themeFor>;
  private takeDown: (() => void) | undefined;
  private quit: (() => void) | undefined;

  constructor(
    engine: Engine,
    store: Store,
    screen: Screen,
    environment: CockpitOptions['environment'],
  ) {
    this.store = store;
    this.screen = screen;
    this.theme = themeFor(environment);
    const { pid } = store.state();
    this.outside = {
      engine,
      dispatch: store.dispatch,
      edit: (file, line) => {
        this.giveTerminalTo(() => editSource(file, line, environment));
      },
      debug: (row) => {
        this.giveTerminalTo(() => debugAt(pid, row?.listing.entry));
      },
      copy: (text) => {
        screen.copy(text);
      },
      quit: () => this.quit?.(),
    };
    engine.onEvent((event) => {
      hear(event, this.outside);
    });
  }

  async untilQuit(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.quit = resolve;
    });
    try {
      this.show();
      await ended;
    } finally {
      this.takeDown?.();
      this.screen.give();
    }
  }

  private show(): void {
    this.screen.take();
    const instance = render(
      <Themed theme={this.theme}>
        <CockpitScreen store={this.store} outside={this.outside} />
      </Themed>,
      { exitOnCtrlC: false },
    );
    this.takeDown = () => {
      instance.unmount();
      instance.cleanup();
    };
  }

  /** While another program has the terminal nothing is drawn and no key is read. */
  private giveTerminalTo(work: () => string | undefined): void {
    // Ink must be done with the rendering that this was asked for in.
    setImmediate(() => {
      this.takeDown?.();
      this.screen.give();
      const failure = work();
      this.show();
      if (failure === undefined) return;
      const entry = { at: Date.now(), tone: 'bad' as const, text: failure };
      this.store.dispatch({ type: 'logged', entry });
    });
  }
}
