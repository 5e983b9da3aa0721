/**
 * Flags that are in doubt because most functions of a file differ, judged by the file as it was before
 * the edit: where that gives the program's code, the flags are the program's.
 */
import type { Decoder } from '../arch/decoder.js';
import { compileText, earlierTexts } from '../build/earlier-source.js';
import { isHcrError } from '../core/failure.js';
import { type MatchDoubt, givesTheProgram } from './build-match.js';
import type { BuiltUnit } from './build-unit.js';
import type { ProcessImage } from './observe.js';
import { type PreparedUnit, prepareUnit } from './prepare-unit.js';
import type { PatchOptions } from './report.js';
import type { Attempt } from './try-sources.js';

/** @throws HcrError as `compileObject`, but for `compile-failed` */
export async function isProvenByEarlierVersion(
  image: ProcessImage,
  { object, prepared, guessed }: Attempt,
  doubt: MatchDoubt,
  options: PatchOptions,
  decoder: Decoder,
): Promise<boolean> {
  const { command } = object;
  const { wanted } = prepared;
  if (command === undefined) return false;
  for await (const text of earlierTexts(command, wanted.module.writtenAtMs)) {
    const compiled = await compileText(command, text, guessed);
    if (compiled === undefined) continue;
    const earlier = { bytes: compiled.bytes, what: command.source, command, notes: [] };
    const unit = preparedOrNothing(image, prepared, earlier, decoder);
    if (unit && givesTheProgram(image, unit, earlier, options, doubt.compared, decoder))
      return true;
  }
  return false;
}

/** It may be a version that cannot be linked into the program. */
function preparedOrNothing(
  image: ProcessImage,
  { wanted }: PreparedUnit,
  earlier: BuiltUnit,
  decoder: Decoder,
): PreparedUnit | undefined {
  try {
    return prepareUnit(image, wanted, earlier, 'changed', { unchecked: true }, decoder);
  } catch (error) {
    if (!isHcrError(error)) throw error;
    return undefined;
  }
}
