/** Whether a patch changed anything, or would. */
import type { PatchReport } from './report.js';

export function hasEffect({ functions, data }: PatchReport): boolean {
  return functions.length > 0 || resetNames({ data }).length > 0;
}

/** Variables that got their edited initial values. */
export function resetNames({
  data,
}: {
  readonly data?: PatchReport['data'] | undefined;
}): string[] {
  return (data?.reset ?? []).map(({ name }) => name);
}
