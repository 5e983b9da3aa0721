/**
 * Starts programs that hcr may trace. Node's own spawn is of no use for those: libuv's waitpid would
 * take their ptrace stops for exits.
 */
import { type NativeBuffer, libc } from './libc.js';

/** On every machine hcr supports. */
const O_CLOEXEC = 0o2000000;

/** @see glibc's spawn.h */
const SPAWN = {
  attributesBytes: 512,
  fileActionsBytes: 128,
  signalSetBytes: 128,
  setSignalDefaults: 4,
  sigpipe: 13,
} as const;

/** A file of hcr's that a program gets as another. */
export interface HandedFile {
  readonly file: number;
  readonly as: number;
}

/**
 * Starts a program with hcr's own input and outputs, and with the signal that Node ignores at its
 * default.
 * @returns its process id, or a negative errno. @see posix_spawn(3)
 */
export function startProgram(
  file: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  handed?: HandedFile,
): number {
  const variables = Object.entries(environment).flatMap(([k, v]) =>
    v === undefined ? [] : [`${k}=${v}`],
  );
  const path = stringTable([file]);
  const words = stringTable(argv);
  const variableTable = stringTable(variables);
  const actions = fileActions(handed);
  const attributes = signalDefaults();
  const pid = libc().allocate(8);
  const spawn = libc().bind('posix_spawnp', 'int', [
    'address',
    'address',
    'address',
    'address',
    'address',
    'address',
  ]);
  const error = spawn(
    pid.address,
    Number(path.view.getBigUint64(0, true)),
    actions.address,
    attributes.address,
    words.address,
    variableTable.address,
  );
  return error === 0 ? pid.bytes.readInt32LE(0) : -Math.abs(error);
}

/** A pipe that programs started meanwhile do not get.
 *  @throws Error when there are too many open files. @see pipe2(2) */
export function openPipe(): { readonly reading: number; readonly writing: number } {
  const ends = libc().allocate(8);
  const error = libc().bind('pipe2', 'int', ['address', 'int'])(ends.address, O_CLOEXEC);
  if (error < 0) throw new Error(`no pipe can be made: errno ${-error}`);
  return { reading: ends.view.getInt32(0, true), writing: ends.view.getInt32(4, true) };
}

/** @see posix_spawnattr_setsigdefault(3) */
function signalDefaults(): NativeBuffer {
  const attributes = libc().allocate(SPAWN.attributesBytes);
  const defaults = libc().allocate(SPAWN.signalSetBytes);
  defaults.view.setBigUint64(0, 1n << BigInt(SPAWN.sigpipe - 1), true);
  const set = (symbol: string, value: number): void => {
    libc().bind(symbol, 'int', ['address', 'address'])(attributes.address, value);
  };
  set('posix_spawnattr_init', 0);
  set('posix_spawnattr_setsigdefault', defaults.address);
  set('posix_spawnattr_setflags', SPAWN.setSignalDefaults);
  return attributes;
}

/** Node closes its standard files in programs that it starts; duplicating one onto itself keeps
 *  it open. @see posix_spawn_file_actions_adddup2(3) */
function fileActions(handed?: HandedFile): NativeBuffer {
  const actions = libc().allocate(SPAWN.fileActionsBytes);
  libc().bind('posix_spawn_file_actions_init', 'int', ['address'])(actions.address);
  const duplicate = libc().bind('posix_spawn_file_actions_adddup2', 'int', [
    'address',
    'int',
    'int',
  ]);
  for (const file of [0, 1, 2]) duplicate(actions.address, file, file);
  if (handed !== undefined) duplicate(actions.address, handed.file, handed.as);
  return actions;
}

/** A NULL-terminated array of C strings, all in one block. */
function stringTable(strings: readonly string[]): NativeBuffer {
  const encoded = strings.map((text) => Buffer.from(`${text}\0`, 'utf8'));
  const pointersBytes = (strings.length + 1) * 8;
  const block = libc().allocate(
    pointersBytes + encoded.reduce((sum, bytes) => sum + bytes.length, 0),
  );
  let at = pointersBytes;
  for (const [i, bytes] of encoded.entries()) {
    block.view.setBigUint64(i * 8, BigInt(block.address + at), true);
    block.bytes.set(bytes, at);
    at += bytes.length;
  }
  return block;
}
