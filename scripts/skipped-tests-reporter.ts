/**
 * A test that cannot run says why and counts as skipped. Where CI is set nothing may be skipped:
 * this reporter makes the run fail and names what was.
 */
import type { Reporter, TestModule } from 'vitest/node';

export default class SkippedTestsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    if ((process.env['CI'] ?? '') === '') return;
    const skipped = modules.flatMap((module) =>
      [...module.children.allTests('skipped')].map((test) => {
        const { note } = test.result() as { readonly note?: string };
        return `${module.relativeModuleId} > ${test.fullName}${note === undefined ? '' : ` [${note}]`}`;
      }),
    );
    if (skipped.length === 0) return;
    console.error(`\nSkipped, which is not allowed here (CI is set):\n  ${skipped.join('\n  ')}`);
    process.exitCode = 1;
  }
}
