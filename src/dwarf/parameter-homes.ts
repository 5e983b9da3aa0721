import type { FunctionEntry } from './functions.js';
export function parameterHomes(_entry: FunctionEntry): readonly string[] | undefined {
  return undefined;
}
