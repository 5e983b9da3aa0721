/** Looks at a thread that is about to get a fatal signal: whether a new body is to blame, where it was,
 *  and what can be done. Nothing is changed. */
import { codeRangesOf } from '../patch/ledger.js';
import type { Machine } from '../arch/arch.js';
import type { Decoder } from '../arch/decoder.js';
import type { RegisterSet } from '../arch/register-set.js';
import { hex } from '../core/address.js';
import { CachedMemory } from '../core/cached-memory.js';
import { HcrError } from '../core/failure.js';
import { DW_CC } from '../dwarf/constants.js';
import { declaredParameters, sizeOfType, typeOf } from '../dwarf/types.js';
import { signatureOf } from '../dwarf/signature.js';
import { type Frame, type FrameRegisters, walkFrames } from '../dwarf/unwind.js';
import { valueClass } from '../dwarf/value-class.js';
import type { TraceEnd } from '../core/thread-trace.js';
import { fileAddress } from '../elf/loaded-module.js';
import { type CalledAs, type CrashFacts, crashObstacles } from '../patch/crash-choices.js';
import { type CrashSite, findCrashSite, newBodyFinder } from '../patch/crash-site.js';
import { writtenBefore } from '../patch/written-registers.js';
import type { FatalSignal } from '../ptrace/fatal-signal.js';
import { readThreadStatus } from '../ptrace/procfs.js';
import type { Tracee } from '../ptrace/tracee.js';
import { nameFrames } from './backtrace.js';
import type { CrashReport } from './crash-report.js';
import { debugEntryAt } from './locate.js';
import type { ProcessImage } from './observe.js';
import { UnwindTables } from './unwind-tables.js';

/** As many frames are shown. */
const SHOWN_FRAMES = 24;

/** How the result of the function is passed on. */
export interface ResultForm {
  readonly kind: 'nothing' | 'integer' | 'floating-point';
  readonly sizeBytes: number;
}

export interface ExaminedCrash {
  readonly machine: Machine;
  readonly site: CrashSite;
  readonly report: Omit<CrashReport, 'liveGeneration' | 'rolledBack'>;
  /** Of the frame that the function returns to; undefined when that is not known for certain. */
  readonly caller: FrameRegisters | undefined;
  readonly result: ResultForm | undefined;
}

/** @returns undefined when no new body has anything to do with it
 *  @throws HcrError `target-exited` */
export async function examineCrash(
  image: ProcessImage,
  tracee: Tracee,
  fatal: FatalSignal,
): Promise<ExaminedCrash | undefined> {
  const { ledger } = image.store;
  const { machine, pid, memory } = image.target;
  const registers = machine.unwinding.values(tracee.readRegisters());
  const stack = new Stack(image, registers, new CachedMemory(memory));
  const site = findCrashSite(stack.codeAddresses(), newBodyFinder(ledger));
  if (site === undefined) return undefined;
  const decoder = await machine.loadDecoder();
  const [frame, caller] = stack.framesFrom(site.frame);
  const { calledAs, result } = calledAsOf(image, site);
  const name = site.body.label ?? site.body.name;
  const facts: CrashFacts = {
    name,
    caller: certaintyOf(caller),
    hasShadowStack: readThreadStatus(pid, tracee.tid)?.hasShadowStack === true,
    calledAs,
    written: frame && writtenIn(image, site, frame, decoder),
    hasPrevious: site.body.reason !== 'new',
  };
  const shown = { frames: stack.first, end: stack.end, isCertain: false };
  const { frames } = nameFrames(image, tracee.tid, shown);
  const source = frames[site.frame]?.source ?? site.body.source;
  const report = {
    pid,
    tid: tracee.tid,
    signal: fatal.name,
    ...(fatal.faultAddress === undefined ? {} : { faultAddress: hex(fatal.faultAddress) }),
    function: name,
    generation: site.generation,
    ...(source === undefined ? {} : { source }),
    frames,
    moreFrames: stack.count - stack.first.length,
    end: stack.end,
    registers: Object.fromEntries(
      registers.map((value, number) => [machine.unwinding.names[number] ?? '', hex(value)]),
    ),
    impossible: crashObstacles(facts, machine.callingConvention, decoder),
    ...(result === undefined ? {} : { returns: result.kind }),
    notes: notesOf(site, stack),
  };
  return {
    machine,
    site,
    report,
    caller: facts.caller === 'certain' ? caller?.registers : undefined,
    result,
  };
}

function certaintyOf(caller: Frame | undefined): CrashFacts['caller'] {
  if (caller === undefined) return 'none';
  if (caller.isCertain) return 'certain';
  return caller.kind === 'interrupted' ? 'beyond-signal' : 'uncertain';
}

/** The stack of a thread, which may have hundreds of thousands of frames. */
class Stack {
  readonly first: Frame[] = [];
  count = 0;
  end: TraceEnd = 'too-deep';
  private readonly image: ProcessImage;
  private readonly start: FrameRegisters;
  private readonly tables: UnwindTables;
  private readonly memory: CachedMemory;

  constructor(image: ProcessImage, start: FrameRegisters, memory: CachedMemory) {
    this.image = image;
    this.start = start;
    this.tables = new UnwindTables(image);
    this.memory = memory;
  }

  /** Of all frames, the innermost first. */
  *codeAddresses(): Generator<number> {
    const walk = this.walk();
    for (;;) {
      const next = walk.next();
      if (next.done === true) {
        this.end = next.value;
        return;
      }
      if (this.count < SHOWN_FRAMES) this.first.push(next.value);
      this.count++;
      yield next.value.codeAddr;
    }
  }

  /** A frame and the one that called it, as far as they are there. */
  framesFrom(number: number): readonly (Frame | undefined)[] {
    if (number + 1 < this.first.length) return this.first.slice(number, number + 2);
    let at = 0;
    const found: Frame[] = [];
    for (const frame of this.walk()) {
      if (at++ < number) continue;
      found.push(frame);
      if (found.length === 2) break;
    }
    return found;
  }

  private walk(): ReturnType<typeof walkFrames> {
    return walkFrames(this.tables.context(this.memory), this.start);
  }
}

/** From the program's own debug information: a patch does not change how a function is called. */
function calledAsOf(
  image: ProcessImage,
  { body }: CrashSite,
): { readonly calledAs: CalledAs | undefined; readonly result: ResultForm | undefined } {
  const nothing = { calledAs: undefined, result: undefined };
  const module = image.modules.find(({ path }) => path === body.module);
  // The compiler calls its own clones of a function as it likes.
  if (module === undefined || body.reason === 'new' || body.name.includes('.')) return nothing;
  const unit = image.debugInfo(module)?.unitAt(fileAddress(module, body.entry));
  const entry = debugEntryAt(unit, module, body.entry);
  if (entry === undefined) return nothing;
  const declaration = entry.declaration();
  const signature = signatureOf(entry);
  if (signature.callingConvention !== DW_CC.normal) return nothing;
  const returned = typeOf(declaration);
  const returns = valueClass(returned);
  const calledAs: CalledAs = {
    returns,
    neverReturns: signature.neverReturns,
    parameters: declaredParameters(declaration).entries.map((die) => valueClass(typeOf(die))),
    variadic: signature.variadic,
    isInternal: !entry.external,
  };
  return returns === 'other'
    ? { calledAs, result: undefined }
    : { calledAs, result: { kind: returns, sizeBytes: sizeOfType(returned) ?? 0 } };
}

function writtenIn(
  image: ProcessImage,
  { body }: CrashSite,
  { pc, kind }: Frame,
  decoder: Decoder,
): RegisterSet | undefined {
  const { memory } = image.target;
  const parts = codeRangesOf(body).flatMap(({ start, end }) => {
    const bytes = memory.tryRead(start, end - start);
    return bytes === undefined ? [] : [{ start, bytes }];
  });
  // A call is over when it has come back: what the callee did is done.
  if (kind !== 'innermost' && kind !== 'interrupted') return decoder.callClobbered;
  return writtenBefore(parts, body.start, pc, decoder);
}

function notesOf({ frame, depth, body }: CrashSite, { count, first }: Stack): string[] {
  const name = body.label ?? body.name;
  const inner = first.slice(0, frame).length;
  return [
    ...(frame > inner || depth > 1 ? [`${name} is on the stack ${depth} times.`] : []),
    ...(count > 1
      ? [
          `To leave ${name} skips what it and the functions that it called would still do: destructors, unlocking, freeing.`,
        ]
      : []),
  ];
}

/** @returns the number that a user means, or what is wrong with it */
export function parseResult(
  { kind, sizeBytes }: ResultForm,
  text: string | undefined,
): bigint | number | undefined | HcrError {
  const wrong = (what: string): HcrError =>
    new HcrError({
      code: 'usage',
      detail: `'${text ?? ''}' is not ${what}.`,
      advice: 'Give a number such as 0, -1, 0x7f or 2.5.',
    });
  if (kind === 'nothing') return undefined;
  const words = text ?? '0';
  if (kind === 'floating-point')
    return words.trim() === '' || Number.isNaN(Number(words)) ? wrong('a number') : Number(words);
  const named = { true: 1n, false: 0n, NULL: 0n, nullptr: 0n }[words];
  if (named !== undefined) return named;
  if (!/^-?(0x[0-9a-f]+|\d+)$/i.test(words)) return wrong('a whole number');
  const value = words.startsWith('-') ? -BigInt(words.slice(1)) : BigInt(words);
  const bits = 8n * BigInt(sizeBytes || 8);
  if (value >= 1n << bits || value < -(1n << (bits - 1n)))
    return wrong(`a number of ${sizeBytes} bytes`);
  return BigInt.asUintN(64, value);
}
