/** What is killed, and under what: every verb on every kind of target. */
import type { Language } from './programs.js';
import type { Shape } from './target.js';

export type Verb = 'first attach' | 'attach' | 'reload' | 'rollback' | 'watch' | 'run';

export interface Cell {
  readonly verb: Verb;
  readonly language: Language;
  readonly shape: Shape;
  /** How often it is taken, compared with others. */
  readonly weight: number;
}

const VERBS: readonly Verb[] = ['first attach', 'attach', 'reload', 'rollback', 'watch', 'run'];

/** Threads that compute keep all processors busy, and every check of them waiting. */
const SHAPES: readonly (Shape & { readonly weight: number })[] = [
  { threads: 1, running: 1, weight: 6 },
  { threads: 1, running: 0, weight: 6 },
  { threads: 8, running: 8, weight: 3 },
  { threads: 8, running: 0, weight: 8 },
  { threads: 100, running: 100, weight: 0.3 },
  { threads: 100, running: 0, weight: 3 },
];

/** C++ differs in what is written, not in how threads are stopped. */
const CXX_SHAPES: readonly (Shape & { readonly weight: number })[] = [
  { threads: 1, running: 1, weight: 2 },
  { threads: 8, running: 4, weight: 2 },
];

export const CELLS: readonly Cell[] = VERBS.flatMap((verb) => [
  ...SHAPES.map((shape): Cell => ({ verb, language: 'C', shape, weight: shape.weight })),
  ...CXX_SHAPES.map((shape): Cell => ({ verb, language: 'C++', shape, weight: shape.weight })),
]);

/** As it is asked for and reported. */
export function describeCell({ verb, language, shape }: Cell): string {
  return `${verb}, ${language}, ${describeShape(shape)}`;
}

export function describeShape({ threads, running }: Shape): string {
  const what = running === 0 ? 'blocked' : running === threads ? 'running' : `${running} running`;
  return `${threads} ${threads === 1 ? 'thread' : 'threads'} ${what}`;
}
