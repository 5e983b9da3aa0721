/** Does what waits in the cockpit's outbox, and tells the cockpit what came of it. */
import { hasEffect } from '../app/patch-effect.js';
import { HcrError, failureOf, isHcrError } from '../core/failure.js';
import type { Failure } from '../core/failure-codes.js';
import type { PatchReport } from '../app/report.js';
import type { Engine } from './engine/engine.js';
import type { EngineEvent, Inspection } from './engine/protocol.js';
import type { Latest } from './latest.js';
import { type Action, programEnded } from './model/actions.js';
import type { FunctionRow } from './model/function-row.js';
import type { FailureValue, Task } from './model/state.js';

/** What lies outside: the process behind the engine, and the terminal. */
export interface Outside {
  readonly engine: Engine;
  readonly dispatch: (action: Action) => void;
  readonly inspections: Latest;
  /** Whether the user looks at what the program prints. */
  wantsOutput(): boolean;
  /** Gives the terminal to an editor and takes it back. */
  edit(file: string, line: number | undefined): void;
  /** Gives the terminal to a debugger and takes it back. */
  debug(row: FunctionRow | undefined, isStopped: boolean): void;
  copy(text: string): void;
  /** Stops hcr, and comes back when the shell has it go on. */
  suspend(): void;
  redraw(): void;
  quit(): void;
}

function noDetail(error: unknown): Inspection {
  const failure = error instanceof Error ? error.message : String(error);
  return { code: [], original: [], threads: [], source: undefined, failure };
}

export function perform(task: Task, outside: Outside): void {
  const { engine, dispatch } = outside;
  const at = (): number => Date.now();
  switch (task.kind) {
    case 'list':
      attempt(outside, 'list', undefined, async () => {
        dispatch({ type: 'listed', ...(await engine.call('list')), at: at() });
      });
      return;
    case 'inspect': {
      const { row } = task;
      outside.inspections.run(async () => {
        const detail = await engine.call('inspect', row).catch(noDetail);
        dispatch({ type: 'inspected', key: row.key, detail });
      });
      return;
    }
    case 'compare':
      attempt(outside, 'compare', undefined, () => engine.call('compare'));
      return;
    case 'patch': {
      const { row, way } = task;
      const what = row === undefined ? 'reload all' : `reload ${row.name}`;
      patch(outside, what, row, () => engine.call('patch', row && nameOf(row), way));
      return;
    }
    case 'roll-back':
      patch(outside, `roll back to ${task.to}`, undefined, () => engine.call('rollBack', task.to));
      return;
    case 'watch':
      attempt(outside, 'watch', undefined, async () => {
        await engine.call('watch', task.on);
        dispatch({ type: 'watching', on: task.on, at: at() });
      });
      return;
    case 'guard':
      operate(outside, task.on ? 'attach' : 'detach', async () => {
        await engine.call('guard', task.on);
        dispatch({ type: 'guarding', on: task.on, at: at() });
      });
      return;
    case 'answer-crash':
      attempt(outside, 'answer', undefined, () => engine.call('answerCrash', task.answer));
      return;
    case 'suspend':
      outside.suspend();
      return;
    case 'redraw':
      outside.redraw();
      return;
    case 'edit':
      outside.edit(task.file, task.line);
      return;
    case 'debug':
      outside.debug(task.row, task.isStopped);
      return;
    case 'copy':
      outside.copy(task.text);
      dispatch({ type: 'logged', entry: { at: at(), tone: 'plain', text: `copied ${task.text}` } });
      return;
    case 'quit':
      outside.quit();
      return;
  }
}

/** What the engine tells by itself. */
export function hear(event: EngineEvent, { dispatch }: Pick<Outside, 'dispatch'>): void {
  const at = Date.now();
  switch (event.kind) {
    case 'progress':
      dispatch({ type: 'progressed', stage: event.stage });
      return;
    case 'changed':
      dispatch({ type: 'saved', files: event.files, units: event.units, at });
      return;
    case 'reloaded':
      if (event.report.dryRun) {
        dispatch({ type: 'compared', report: event.report, files: event.files });
      } else if (hasEffect(event.report)) {
        dispatch({ type: 'patched', what: 'saved', report: event.report, at });
      }
      return;
    case 'refused':
      dispatch({ type: 'compare-refused', problem: failureValue(event.error.failure), at });
      return;
    case 'activity':
      dispatch({ type: 'busied', activity: event.text });
      return;
    case 'crash':
      dispatch({ type: 'crashed', event: event.event, at });
      return;
    case 'failed':
      dispatch({ type: 'ended', why: `hcr has a fault: ${event.detail}`, at });
      return;
    case 'ended':
      dispatch(programEnded(at));
      return;
  }
}

/** A function of C++ is told from its namesakes by its whole name, one of C by its symbol. */
function nameOf({ name, symbol, listing }: FunctionRow): string {
  return listing.label === undefined ? symbol : name;
}

/** Something that changes the process: the cockpit shows that it runs. */
function operate(
  outside: Outside,
  what: string,
  work: () => Promise<void>,
  row?: FunctionRow,
): void {
  const { dispatch } = outside;
  dispatch({ type: 'started', what, at: Date.now() });
  attempt(outside, what, row, async () => {
    await work();
    dispatch({ type: 'finished' });
  });
}

function patch(
  outside: Outside,
  what: string,
  row: FunctionRow | undefined,
  work: () => Promise<PatchReport>,
): void {
  const { dispatch, engine } = outside;
  const publish = async (): Promise<void> => {
    const report = await work();
    // What can be done next depends on it: a roll back means what is live now.
    const seen = await engine.call('observe', outside.wantsOutput());
    dispatch({ type: 'observed', ...seen, at: Date.now() });
    dispatch({ type: 'patched', report, what, at: Date.now() });
  };
  operate(outside, what, publish, row);
}

function attempt(
  { dispatch }: Outside,
  what: string,
  row: FunctionRow | undefined,
  work: () => Promise<unknown>,
): void {
  work().catch((error: unknown) => {
    const at = Date.now();
    if (isHcrError(error, 'no-such-process') || isHcrError(error, 'target-exited')) {
      dispatch(programEnded(at));
      return;
    }
    dispatch({ type: 'refused', what, problem: failureValue(failureOf(error)), row, at });
  });
}

function failureValue(failure: Failure): FailureValue {
  const { message, hint } = new HcrError(failure);
  return { failure, message, hint };
}
