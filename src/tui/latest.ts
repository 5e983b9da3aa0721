/** Work of which only the newest matters: what the cursor has passed by meanwhile is not looked at. */
export class Latest {
  private isBusy = false;
  private next: (() => Promise<void>) | undefined;

  /** Begins at once, or when what runs is done, unless something newer has come by then. */
  run(work: () => Promise<void>): void {
    this.next = work;
    if (!this.isBusy) void this.drain();
  }

  private async drain(): Promise<void> {
    this.isBusy = true;
    try {
      while (this.next !== undefined) {
        const work = this.next;
        this.next = undefined;
        await work();
      }
    } finally {
      this.isBusy = false;
    }
  }
}
