/**
 * Whose fault a crash is: the new body that a thread is in, or that it comes back to.
 *
 * The innermost one that has taken the place of another is meant. In an endless recursion it is the
 * outermost call of the same body: to leave the innermost would only lead back into the recursion.
 */
import { contains } from '../core/address.js';
import { type Body, type Ledger, bodiesAt, codeRangesOf, generationOf } from './ledger.js';

export interface NewBody {
  readonly body: Body;
  readonly generation: number;
}

export interface CrashSite extends NewBody {
  /** Number of the frame that is to be left, 0 being the innermost. */
  readonly frame: number;
  /** How often the body is on the stack. */
  readonly depth: number;
}

/** As many calls of one body on a stack are an endless recursion. */
const ENDLESS_DEPTH = 1000;

/** The new body that an address is in. */
export type FindNewBody = (address: number) => NewBody | undefined;

/** Where code of hcr's is, the bodies of earlier generations included: frames of theirs may be left
 *  on a stack. */
export function newBodyFinder(ledger: Ledger): FindNewBody {
  const places = ledger.generations.flatMap(({ number, bodies, blocks }) =>
    blocks.length === 0
      ? []
      : bodies
          .filter(({ start, entry, reason }) => start !== entry || reason === 'new')
          .flatMap((body) =>
            codeRangesOf(body).map((range) => ({ range, found: { body, generation: number } })),
          ),
  );
  return (address) => places.find(({ range }) => contains(range, address))?.found;
}

/** @param frames addresses of the code that each frame is in, the innermost first */
export function findCrashSite(
  frames: Iterable<number>,
  newBodyAt: FindNewBody,
): CrashSite | undefined {
  const calls = new Map<Body, { innermost: CrashSite; outermost: number; depth: number }>();
  let frame = 0;
  for (const address of frames) {
    const found = newBodyAt(address);
    if (found !== undefined) {
      const known = calls.get(found.body);
      if (known === undefined)
        calls.set(found.body, {
          innermost: { ...found, frame, depth: 1 },
          outermost: frame,
          depth: 1,
        });
      else {
        known.outermost = frame;
        known.depth++;
      }
    }
    frame++;
  }
  const all = [...calls.values()];
  // What is new in the program has no callers that have not changed as well.
  const to = all.find(({ innermost }) => innermost.body.reason !== 'new') ?? all[0];
  if (to === undefined) return undefined;
  const { innermost, outermost, depth } = to;
  return { ...innermost, frame: depth < ENDLESS_DEPTH ? innermost.frame : outermost, depth };
}

/** The generation to go back to, so that no call leads to the body any more; undefined when none
 *  does now. */
export function generationWithout(
  ledger: Ledger,
  { body, generation }: NewBody,
): number | undefined {
  if (bodiesAt(ledger, ledger.current).get(body.entry)?.start !== body.start) return undefined;
  let to = generation;
  do {
    to = generationOf(ledger, to)?.parent ?? 0;
  } while (to !== 0 && generationOf(ledger, to)?.retired !== false);
  return to;
}
