/** Work on one program that must not overlap: what one changes, the other has not read yet. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  /** Begins when all work that was given before is done, however it ended. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work, work);
    this.last = turn.catch(() => undefined);
    return turn;
  }
}
