/** What can be made of a crash, and what was, in words. */
import type { CrashChoice, CrashEvent, CrashReport } from '../app/crash-report.js';

const MEANINGS: { readonly [C in CrashChoice]: (report: CrashReport) => string } = {
  return: ({ function: name, returns }) =>
    `leave ${name} and go on in its caller${returns === 'nothing' ? '' : ', with VALUE as its result'}`,
  previous: ({ function: name }) => `call ${name} again, as it was before`,
  retry: ({ function: name }) => `wait for your next edit, then call ${name} again`,
  debugger: () => 'leave the program stopped here, for gdb to attach to',
  crash: ({ signal }) => `let it crash: deliver ${signal}`,
};

/** What would become of the program, or why that is not possible. */
export function describeChoice(choice: CrashChoice, report: CrashReport): string {
  const why = report.impossible[choice];
  return why === undefined ? MEANINGS[choice](report) : `not possible: ${why}`;
}

/** `SIGSEGV, address 0x18 in f1 (generation 2) at f1.c:4, thread 17`. */
export function describeCrash(report: CrashReport): string {
  const { signal, faultAddress, function: name, generation, source, tid } = report;
  const address = faultAddress === undefined ? '' : `, address ${faultAddress}`;
  const where = source === undefined ? '' : ` at ${source}`;
  return `${signal}${address} in ${name} (generation ${generation})${where}, thread ${tid}`;
}

export function describeSettlement(event: Extract<CrashEvent, { kind: 'crash-settled' }>): string {
  switch (event.choice) {
    case 'return':
      return `returned to the caller${event.value === undefined ? '' : ` with ${event.value}`}; the program goes on`;
    case 'previous':
      return 'called again as it was before; the program goes on';
    case 'retry':
      return 'called again with your edit; the program goes on';
    case 'debugger':
      return `the program is stopped at the fault; attach with: ${event.command ?? ''}`;
    case 'crash':
      return 'it crashes as it would without hcr';
  }
}
