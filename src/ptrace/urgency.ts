/**
 * While the target stands still, hcr comes first.
 *
 * On a busy machine hcr would lose its processor to any other process, for milliseconds each time,
 * and the target would stand still all that while. Where it is permitted (to root, with CAP_SYS_NICE
 * or an RLIMIT_RTPRIO), hcr's thread takes the lowest of the real-time priorities from just before
 * the stop until just after; elsewhere it goes on as it is. Niceness would not do: with autogroups
 * it counts only among the processes of one session.
 *
 * hcr sleeps while it waits for a thread to stop, so that it cannot keep that thread from its
 * processor; and a stop has a deadline. The policy is this thread's own: it ends with it.
 * @see sched(7)
 */
import type { Libc } from './libc.js';

const SCHED_FIFO = 1;
/** SCHED_OTHER, SCHED_BATCH, SCHED_IDLE. Who set another one has his reasons. */
const ORDINARY: readonly number[] = [0, 3, 5];
const LOWEST = 1;
/** A nap takes as long as it should, not 50 µs more. */
const TIMER_SLACK_NANOS = 1;

export class Urgency implements Disposable {
  private readonly libc: Libc;
  /** The policy to go back to. */
  private policy: number | undefined;

  private constructor(libc: Libc, policy: number | undefined) {
    this.libc = libc;
    this.policy = policy;
  }

  static raise(libc: Libc): Urgency {
    libc.setTimerSlack(TIMER_SLACK_NANOS);
    const policy = libc.schedulingPolicy();
    const isRaised = ORDINARY.includes(policy) && libc.setSchedulingPolicy(SCHED_FIFO, LOWEST) >= 0;
    return new Urgency(libc, isRaised ? policy : undefined);
  }

  [Symbol.dispose](): void {
    if (this.policy !== undefined) this.libc.setSchedulingPolicy(this.policy, 0);
    this.policy = undefined;
    this.libc.setTimerSlack(0);
  }
}
