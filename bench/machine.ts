/** The machine as the results describe it: what matters for the numbers, and nothing that names it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

export function describeMachine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? 'unknown';
  return [
    `- Processor: ${model}, ${processors.length} cores${isVirtual() ? ', a virtual machine' : ''}`,
    `- Memory: ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `- Kernel: Linux ${release()}, ${process.arch}`,
    `- Node ${process.versions.node}`,
    `- ${firstLine('gcc')}`,
    `- ${firstLine('gdb')}`,
    `- Load when it began: ${loadavg()[0]?.toFixed(1) ?? 'unknown'}`,
  ].join('\n');
}

function isVirtual(): boolean {
  return / hypervisor /.test(readFileSync('/proc/cpuinfo', 'utf8'));
}

function firstLine(program: string): string {
  return execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? program;
}
