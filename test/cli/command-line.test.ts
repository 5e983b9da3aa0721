import { beforeEach, describe, expect, it, vi } from 'vitest';
import type {
  DoctorReport,
  PatchOptions,
  PatchReport,
  ReportProgress,
  RunEvent,
  RunOptions,
} from '../../src/app/report.js';
import { HcrError } from '../../src/core/failure.js';
import { hcr } from './capture.js';
import { patchReport } from './reports.js';

type Attach = (
  pid: number,
  names: readonly string[],
  options: PatchOptions,
  onProgress: ReportProgress,
) => Promise<PatchReport>;
type RollBack = (pid: number, options: object, onProgress: ReportProgress) => Promise<PatchReport>;
type Run = (
  command: readonly string[],
  options: RunOptions,
  listener: (event: RunEvent) => void,
) => Promise<number>;
type Diagnose = (pid: number | undefined) => Promise<DoctorReport>;

const verbs = vi.hoisted(() => ({
  attach: vi.fn<Attach>(),
  rollBack: vi.fn<RollBack>(),
  run: vi.fn<Run>(),
  diagnose: vi.fn<Diagnose>(),
}));
vi.mock('../../src/app/attach.js', () => ({ attachFunctions: verbs.attach }));
vi.mock('../../src/app/rollback.js', () => ({ rollBack: verbs.rollBack }));
vi.mock('../../src/app/run.js', () => ({ runProgram: verbs.run }));
vi.mock('../../src/app/doctor.js', () => ({ diagnose: verbs.diagnose }));

beforeEach(() => {
  vi.resetAllMocks();
  verbs.attach.mockResolvedValue(patchReport());
  verbs.rollBack.mockResolvedValue(patchReport({ generation: 0 }));
  verbs.run.mockResolvedValue(7);
});

describe('usage', () => {
  it.each([
    [['attach'], "Missing required argument 'pid'."],
    [['attach', '0', '--func', 'f'], "'0' is not a process id."],
    [['attach', '-7', '--func', 'f'], "'-7' is not a process id."],
    [['attach', '1e3', '--func', 'f'], "'1e3' is not a process id."],
    [['attach', '7'], 'No function is named.'],
    [['attach', '7', '--fun', 'f'], "Unknown option '--fun' (Did you mean --func?)"],
    [['attach', '7', '--func', 'f', '--timeout', '1.5'], "'1.5' is not a time."],
    [['rollback', '7', '--to', '-1'], "'-1' is not a generation."],
    [['inspect', '7'], "Unknown command 'inspect'."],
    [['run'], "Missing required argument 'command'."],
    [['run', '--on', 'SIGWHAT', '--', 'x'], "'SIGWHAT' is not a signal."],
    [['run', '--on', 'KILL', '--', 'x'], 'SIGKILL cannot trigger a reload.'],
    [['run', '--on', '19', '--', 'x'], 'SIGSTOP cannot trigger a reload.'],
  ])('%j ends with 2: %s', async (args, message) => {
    const plain = await hcr(...args);
    expect(plain.exitCode).toBe(2);
    expect(plain.stdout).toBe('');
    expect(plain.stderr).toContain(`hcr: ${message}\nhint: `);
    const json = await hcr(args[0] ?? '', '--json', ...args.slice(1));
    expect(json).toMatchObject({ exitCode: 2, stderr: '' });
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, error: { code: 'usage', message } });
    expect(verbs.attach).not.toHaveBeenCalled();
    expect(verbs.run).not.toHaveBeenCalled();
  });

  it.each(['attach', 'run', 'watch', 'functions', 'status', 'rollback', 'doctor'])(
    '%s --help shows examples',
    async (command) => {
      const { exitCode, stdout, stderr } = await hcr(command, '--help');
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout).toContain(`Examples:\n  hcr ${command} `);
      expect(stdout).toContain('--json');
    },
  );

  it('prints its version', async () => {
    expect((await hcr('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('prints help and ends with 2 without a command', async () => {
    const { exitCode, stderr } = await hcr();
    expect(exitCode).toBe(2);
    expect(stderr).toContain('Usage: hcr');
  });
});

describe('attach', () => {
  it('hands over the functions in order and every option', async () => {
    await hcr(
      ...['attach', '7', '--func', 'a.c:f', '--func', 'g', '--source', 's.c', '--object', 'o.o'],
      ...[
        '--compile-commands',
        'build',
        '--build',
        'make',
        '--cc',
        'gcc-11',
        '--module',
        'libx.so',
      ],
      ...['--cflags', '-O2 -g', '--dry-run', '--unchecked', '--timeout', '250'],
    );
    expect(verbs.attach).toHaveBeenCalledWith(
      7,
      ['a.c:f', 'g'],
      {
        source: 's.c',
        object: 'o.o',
        compileCommands: 'build',
        build: 'make',
        cc: 'gcc-11',
        cflags: '-O2 -g',
        module: 'libx.so',
        dryRun: true,
        unchecked: true,
        timeoutMs: 250,
      },
      expect.any(Function),
    );
  });

  it.each([[['--cflags', '-O2']], [['--cflags=-O2']]])(
    'takes flags with a dash: %j',
    async (flags) => {
      await hcr('attach', '7', '--func', 'f', ...flags);
      expect(verbs.attach.mock.lastCall?.[2]).toEqual({
        cflags: '-O2',
        dryRun: false,
        unchecked: false,
        timeoutMs: 5000,
      });
    },
  );

  it('prints one JSON object and nothing else with --json', async () => {
    verbs.attach.mockImplementation((_pid, _names, _options, report) => {
      report({ stage: 'build', command: 'gcc' });
      report({ stage: 'log', text: 'x' });
      return Promise.resolve(patchReport());
    });
    const { exitCode, stdout, stderr } = await hcr(
      'attach',
      '7',
      '--func',
      'f1',
      '--json',
      '--verbose',
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout.trimEnd()).not.toContain('\n');
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, pid: 7, generation: 1 });
  });

  it('prints nothing with --quiet', async () => {
    expect(await hcr('attach', '7', '--func', 'f', '--quiet')).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: '',
    });
  });

  it('tells the compiler command with --verbose', async () => {
    verbs.attach.mockImplementation((_pid, _names, _options, report) => {
      report({ stage: 'build', command: 'gcc -O2' });
      return Promise.resolve(patchReport());
    });
    expect((await hcr('attach', '7', '--func', 'f', '--verbose')).stderr).toBe('hcr: gcc -O2\n');
    expect((await hcr('attach', '7', '--func', 'f')).stderr).toBe('');
  });

  it.each([
    [new HcrError({ code: 'no-such-process', pid: 7 }), 3],
    [new HcrError({ code: 'abi-changed', function: 'f', differences: [] }), 4],
    [
      new HcrError({ code: 'compile-failed', command: 'gcc', diagnostics: 'x.c:1', exitCode: 1 }),
      5,
    ],
    [new HcrError({ code: 'busy', detail: 'x', threads: [7], waitedMs: 5 }), 6],
    [new TypeError('boom'), 1],
  ])('%s ends with %i', async (error, exitCode) => {
    verbs.attach.mockRejectedValue(error);
    const plain = await hcr('attach', '7', '--func', 'f');
    expect(plain).toMatchObject({ exitCode, stdout: '' });
    expect(plain.stderr).toContain(error.message);
    const json = await hcr('attach', '7', '--func', 'f', '--json');
    expect(json).toMatchObject({ exitCode, stderr: '' });
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, error: { message: error.message } });
  });
});

describe('rollback', () => {
  it('goes one generation back unless told where to', async () => {
    await hcr('rollback', '7');
    expect(verbs.rollBack.mock.lastCall?.[1]).toEqual({
      dryRun: false,
      timeoutMs: 5000,
      whenIdle: false,
    });
    await hcr('rollback', '7', '--to', '0', '--dry-run');
    expect(verbs.rollBack.mock.lastCall?.[1]).toEqual({
      to: 0,
      dryRun: true,
      timeoutMs: 5000,
      whenIdle: false,
    });
  });
});

describe('doctor', () => {
  it('ends with 4 when a condition failed', async () => {
    verbs.diagnose.mockResolvedValue({ patchable: false, conditions: [] });
    const { exitCode, stdout } = await hcr('doctor', '--json');
    expect(exitCode).toBe(4);
    expect(JSON.parse(stdout)).toEqual({ ok: true, patchable: false, conditions: [] });
  });
});

describe('run', () => {
  it.each([
    [
      ['--', './main', '-x', '--', '--json'],
      ['./main', '-x', '--', '--json'],
    ],
    [
      ['./main', '--help', '--on', 'x'],
      ['./main', '--help', '--on', 'x'],
    ],
    [['--', '--odd'], ['--odd']],
  ])('hands over %j untouched', async (args, command) => {
    const { exitCode } = await hcr('run', '--on', 'int', '--func', 'f', ...args);
    expect(exitCode).toBe(7);
    expect(verbs.run).toHaveBeenCalledWith(
      command,
      {
        on: 'SIGINT',
        functions: ['f'],
        patch: { dryRun: false, unchecked: false, timeoutMs: 5000 },
        crashes: { policy: 'ask', ask: expect.any(Function) as unknown },
      },
      expect.any(Function),
    );
  });

  it.each([
    ['return=-1', { policy: 'return', returnValue: '-1' }],
    ['debugger', { policy: 'debugger' }],
  ])('takes --on-crash %s', async (word, crashes) => {
    await hcr('run', '--on-crash', word, '--', './main');
    const choice = expect.objectContaining({
      crashes: expect.objectContaining(crashes) as unknown,
    }) as unknown;
    expect(verbs.run).toHaveBeenLastCalledWith(['./main'], choice, expect.any(Function));
  });

  it.each(['dance', 'crash=1', 'return=1=2'])('refuses --on-crash %s', async (word) => {
    const { exitCode } = await hcr('run', '--on-crash', word, '--', './main');
    expect(exitCode).toBe(2);
  });

  it('keeps stdout for the program', async () => {
    verbs.run.mockImplementation((_command, _options, listener) => {
      listener({ kind: 'reloaded', report: patchReport() });
      return Promise.resolve(0);
    });
    const plain = await hcr('run', '--', './main');
    expect(plain).toMatchObject({ exitCode: 0, stdout: '' });
    expect(plain.stderr).toMatch(/^hcr: reloaded f1 .*\n$/);
    const json = await hcr('run', '--json', '--', './main');
    expect(json.stdout).toBe('');
    expect(JSON.parse(json.stderr)).toMatchObject({ event: 'reloaded', ok: true, pid: 7 });
  });

  it.each(['SIGINT', 'INT', 'sigint', '2'])('knows %s', async (name) => {
    await hcr('run', '--on', name, '--', 'x');
    expect(verbs.run.mock.lastCall?.[1]).toMatchObject({ on: 'SIGINT' });
  });
});
