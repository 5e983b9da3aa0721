/**
 * Whether freshly compiled code is the code that runs: the same instructions, and the same targets
 * by name. No old object file is needed, and the comparison proves the compiler and the flags
 * right: with wrong ones nearly every function differs. (Ksplice calls it run-pre matching.)
 *
 * Bytes decide. Where the new object has a relocation, the live field must mean the same; see
 * compare-targets. When a function is longer or shorter but for branches that the assembler sized
 * differently (`-ffunction-sections` turns a short jump into a neighbour into a long one),
 * instructions decide; see compare-instructions.
 */
import { type Addr, offsetBy } from '../core/address.js';
import type { Section } from '../elf/sections.js';
import { type ObjectFunction, isZeroFilled } from '../link/object-unit.js';
import type { Reference } from '../link/resolve.js';
import { HandlerComparer } from './compare-handlers.js';
import { compareInstructions } from './compare-instructions.js';
import { TargetComparer } from './compare-targets.js';
import { BODY, type CompareContext, type Comparison, SAME, sameBytes } from './comparison.js';

export class CodeComparer {
  private readonly context: CompareContext;
  private readonly targets: TargetComparer;
  private readonly handlers: HandlerComparer;

  constructor(context: CompareContext) {
    this.context = context;
    this.targets = new TargetComparer(context);
    this.handlers = new HandlerComparer(context, this.targets);
  }

  /** Compares a function with the live code at `entry`, and what its exception handlers are for. */
  compareFunction(fn: ObjectFunction, entry: Addr, liveBytes: number): Comparison {
    const verdict = this.compareBody(fn, entry, liveBytes);
    return verdict.same && !this.handlers.isSame(fn, entry) ? BODY : verdict;
  }

  private compareBody(fn: ObjectFunction, entry: Addr, liveBytes: number): Comparison {
    const { unit, original, decoder } = this.context;
    const live = original.tryRead(entry, liveBytes);
    const references = this.targets.referencesWithin(fn.section, fn.offset, fn.sizeBytes);
    if (live === undefined || references === undefined) return BODY;
    const compiled = unit.object.bytesOf(fn.section).subarray(fn.offset, fn.offset + fn.sizeBytes);
    if (compiled.length === live.length) {
      const verdict = this.compareBytes(compiled, live, entry, references, fn.offset, 0);
      // Instructions tell more: where branches of another size lead, and how long a constant is.
      if (verdict.same || decoder === undefined) return verdict;
    }
    if (decoder === undefined) return BODY;
    const code = { fn, entry, compiled, live, references };
    return compareInstructions(code, decoder, this.context.machine.patterns, this.targets);
  }

  /** Whether new code can use the live constant at an address in place of its own. A table of
   *  labels (`&&label`) belongs to one body of its function: the live one leads into the old body. */
  compareConstant(section: Section, address: Addr): boolean {
    if (this.targets.holdsLabels(section)) return false;
    return this.compareDatum(section, 0, this.context.unit.object.bytesOf(section).length, address);
  }

  /** Compares a part of a section of data, which may be zeros that no file holds. */
  compareDatum(section: Section, start: number, sizeBytes: number, address: Addr): boolean {
    const compiled = isZeroFilled(section)
      ? new Uint8Array(sizeBytes)
      : this.context.unit.object.bytesOf(section).subarray(start, start + sizeBytes);
    const live = this.context.original.tryRead(address, compiled.length);
    const references = this.targets.referencesWithin(section, start, compiled.length);
    if (live === undefined || references === undefined) return false;
    return this.compareBytes(compiled, live, address, references, start, 0).same;
  }

  /** @param sectionOffset of the first byte of `compiled` in its section */
  private compareBytes(
    compiled: Uint8Array,
    live: Uint8Array,
    address: Addr,
    references: readonly Reference[],
    sectionOffset: number,
    depth: number,
  ): Comparison {
    const { patterns } = this.context.machine;
    let at = 0;
    for (const reference of references) {
      const offset = reference.relocation.offset - sectionOffset;
      // The call in a sequence that the linker replaced as a whole.
      if (offset < at) continue;
      const { needs } = reference.rule;
      const relaxed = patterns.relaxedTlsAccess(needs, compiled, offset, live, offset);
      if (relaxed !== undefined) {
        if (!sameBytes(compiled, live, at, offset - relaxed.bytesBefore)) return BODY;
        const place = offsetBy(address, offset);
        const verdict = this.targets.compareRelaxed(reference, relaxed, place);
        if (verdict !== SAME) return verdict;
        at = offset + relaxed.bytesAfter;
        continue;
      }
      const access =
        reference.rule.needs === 'got' ? patterns.gotAccess(compiled, live, offset) : undefined;
      const start = access === undefined ? offset : Math.min(offset, access.start);
      if (!sameBytes(compiled, live, at, Math.max(at, start))) return BODY;
      at = Math.max(at, offset + reference.rule.widthBytes, access?.end ?? 0);
      const verdict = this.targets.compare(reference, {
        compiled,
        live,
        offset,
        place: offsetBy(address, offset),
        placeOf: (section, label) =>
          section === reference.section ? address - sectionOffset + label : undefined,
        depth,
      });
      if (verdict !== SAME) return verdict;
    }
    return sameBytes(compiled, live, at, compiled.length) ? SAME : BODY;
  }
}
