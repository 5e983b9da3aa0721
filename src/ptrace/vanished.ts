/**
 * What has become of a process whose memory was there and is not any more. It is killed, or another
 * of its threads has called exec, or its first thread has left the others: in each case its threads
 * end one by one, and only the next moment shows which it is.
 * @see execve(2), "all threads other than the calling thread are destroyed"; pthread_exit(3)
 */
import { type Pid, tid } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Libc } from './libc.js';
import { hasThreadEnded, idInProc } from './procfs.js';

const LOOK_EVERY_MICROS = 1000;
/** A thread that calls exec takes the first one's place when the last of the others has ended. */
const LOOKS = 200;

/** @param how hcr noticed @returns `target-exited` or `target-replaced` */
export function vanished(libc: Libc, pid: Pid, how: string, cause?: unknown): HcrError {
  for (let look = 0; look < LOOKS; look++) {
    if (idInProc(pid) === undefined)
      return new HcrError({ code: 'target-exited', pid, how }, { cause });
    if (!hasThreadEnded(pid, tid(pid))) {
      const detail = 'nothing was changed in it';
      return new HcrError({ code: 'target-replaced', pid, detail }, { cause });
    }
    libc.sleepMicros(LOOK_EVERY_MICROS);
  }
  return new HcrError(
    { code: 'target-exited', pid, how: 'its first thread did, others run on' },
    { cause },
  );
}
