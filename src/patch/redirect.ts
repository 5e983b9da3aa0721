/**
 * How an entry is made to lead to a new body.
 *
 * The usual way is one direct jump over the first bytes of the function. A function shorter than
 * the jump may be followed by padding that nothing enters, which then serves as well. Where the
 * jump does not fit even so, a short jump leads to an island: a run of padding nearby that holds
 * the whole jump. A jump never crosses a page: the kernel writes two pages in two steps, and hcr
 * may be killed between them.
 */
import type { Decoder } from '../arch/decoder.js';
import type { Jumps } from '../arch/jumps.js';
import { type Addr, offsetBy } from '../core/address.js';
import { HcrError } from '../core/failure.js';
import type { Memory } from '../core/memory.js';

export interface RedirectSite {
  readonly name: string;
  readonly entry: Addr;
  /** Size of the original body, in bytes. */
  readonly sizeBytes: number;
  /** First address after the body that belongs to something else: padding ends there. */
  readonly limit: Addr;
}

/** Places that a redirect of one entry overwrites, in the order in which they are written; the
 *  last makes it take effect. Independent of where it leads. */
export interface RedirectPlaces {
  readonly kind: 'near' | 'island';
  readonly places: readonly { readonly address: Addr; readonly sizeBytes: number }[];
}

/** What is known of the code around. */
export interface Surroundings {
  /** Whether bytes are part of another redirect already. */
  readonly isTaken: (start: Addr, sizeBytes: number) => boolean;
  /** Whether a function ends right before an address. */
  readonly isFunctionEnd: (address: Addr) => boolean;
  /** Whether the old body branches to what a redirect would overwrite. */
  readonly branchesInto: (places: RedirectPlaces) => boolean;
}

/**
 * Chooses the places. With a loop right behind the entry a short jump may leave its head alone,
 * where a long one would have to wait until nobody is in the loop.
 * @param original reads the original bytes, whatever is patched now
 * @throws HcrError `function-not-patchable` when nothing fits
 */
export function chooseRedirect(
  site: RedirectSite,
  jumps: Jumps,
  pageBytes: number,
  original: Memory,
  surroundings: Surroundings,
): RedirectPlaces {
  let first: RedirectPlaces | undefined;
  for (const places of possibleRedirects(site, jumps, pageBytes, original, surroundings)) {
    if (!surroundings.branchesInto(places)) return places;
    first ??= places;
  }
  if (first !== undefined) return first;
  throw new HcrError({
    code: 'function-not-patchable',
    function: site.name,
    reason: `its ${site.sizeBytes} bytes of code do not hold a jump and there is no room beside it`,
    advice: 'Patch the functions that call it instead.',
  });
}

/** The best first. */
function* possibleRedirects(
  site: RedirectSite,
  jumps: Jumps,
  pageBytes: number,
  original: Memory,
  surroundings: Surroundings,
): Generator<RedirectPlaces> {
  const body = original.read(site.entry, Math.max(0, site.limit - site.entry));
  const pad = jumps.landingPadBytes(body);
  const usable = site.sizeBytes + jumps.paddingBytes(body.subarray(site.sizeBytes));
  for (const skip of pad > 0 ? [pad, 0] : [0]) {
    const at = offsetBy(site.entry, skip);
    if (skip + jumps.nearBytes <= usable && samePage(at, jumps.nearBytes, pageBytes)) {
      yield { kind: 'near', places: [{ address: at, sizeBytes: jumps.nearBytes }] };
    }
  }
  for (const skip of pad > 0 ? [pad, 0] : [0]) {
    const at = offsetBy(site.entry, skip);
    if (skip + jumps.shortBytes > usable || !samePage(at, jumps.shortBytes, pageBytes)) continue;
    const island = findIsland(at, jumps, pageBytes, original, surroundings);
    if (island === undefined) continue;
    yield {
      kind: 'island',
      places: [
        { address: island, sizeBytes: jumps.nearBytes },
        { address: at, sizeBytes: jumps.shortBytes },
      ],
    };
  }
}

function samePage(start: number, sizeBytes: number, pageBytes: number): boolean {
  return Math.floor(start / pageBytes) === Math.floor((start + sizeBytes - 1) / pageBytes);
}

const MAX_PADDING_BYTES = 16;

/** How far padding is looked for: what a short jump reaches. */
const ISLAND_REACH_BYTES = 120;

/** Padding inside a function (before a loop head) is run through; that behind one is not. */
function findIsland(
  at: Addr,
  jumps: Jumps,
  pageBytes: number,
  original: Memory,
  { isTaken, isFunctionEnd }: Surroundings,
): Addr | undefined {
  for (let distance = jumps.shortBytes; distance <= ISLAND_REACH_BYTES; distance++) {
    for (const start of [offsetBy(at, distance), offsetBy(at, -distance)]) {
      if (!isFunctionEnd(start)) continue;
      const bytes = original.tryRead(start, MAX_PADDING_BYTES);
      if (bytes === undefined || jumps.paddingBytes(bytes) < jumps.nearBytes) continue;
      if (!samePage(start, jumps.nearBytes, pageBytes) || isTaken(start, jumps.nearBytes)) continue;
      return start;
    }
  }
  return undefined;
}

/** The bytes that make the places lead to `body`.
 *  @throws HcrError `out-of-reach` */
export function redirectBytes(
  places: RedirectPlaces,
  name: string,
  body: Addr,
  jumps: Jumps,
): Uint8Array[] {
  const [first, second] = places.places;
  const bytes: (Uint8Array | undefined)[] = [];
  if (first !== undefined) bytes.push(jumps.near(first.address, body));
  if (first !== undefined && second !== undefined)
    bytes.push(jumps.short(second.address, first.address));
  return bytes.map((code) => {
    if (code === undefined) {
      throw new HcrError({
        code: 'out-of-reach',
        symbol: name,
        detail: 'no jump reaches from its entry',
      });
    }
    return code;
  });
}

/** Whether the original body jumps to bytes that a redirect overwrites, its entry included: a loop
 *  whose head is the entry would run on into the new body with its registers half used. A call of
 *  the entry is only recursion. */
export function branchesBackInto(
  body: Uint8Array,
  entry: Addr,
  places: RedirectPlaces,
  decoder: Decoder,
): boolean {
  const last = places.places.at(-1);
  if (last === undefined) return false;
  const end = last.address + last.sizeBytes;
  return decoder
    .decode(body, entry)
    .some(
      ({ flow, target }) =>
        flow !== 'call' && target !== undefined && target >= entry && target < end,
    );
}
