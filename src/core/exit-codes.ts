/** Exit codes of the command line. */
export const EXIT = {
  done: 0,
  unexpected: 1,
  usage: 2,
  cannotAttach: 3,
  refused: 4,
  compileFailed: 5,
  timedOut: 6,
} as const;
