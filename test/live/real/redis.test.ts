/**
 * redis-server, built by its own build, patched while redis-benchmark of the same build keeps it
 * busy. The benchmark ends at the first answer that is an error and at the first lost connection.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { TemporaryTree } from '../../build/temporary-tree.js';
import { EditedSource } from '../../support/edited-source.js';
import { attach, reload, rollBack } from '../../support/hcr.js';
import { buildRealProgram } from '../../support/real-program.js';
import { type Target, startTarget } from '../../support/target.js';
import { functionsOf, startWatch } from '../../support/watch.js';

const run = promisify(execFile);

/** What its Makefile passes and debug information does not keep. */
const CFLAGS = [
  '--cflags',
  "-DREDIS_STATIC='' -DUSE_JEMALLOC -I../deps/hiredis -I../deps/linenoise -I../deps/lua/src " +
    '-I../deps/hdr_histogram -I../deps/jemalloc/include',
];
const CLIENTS = ['-c', '20', '-r', '100000', '-l', '--csv'];
const MIXED = [...CLIENTS, '-n', '4000', '-t', 'ping,set,get,incr,lpush,sadd,hset,zadd,mset'];
const APPENDING = [...CLIENTS, '-n', '4000', 'append', 'key:__rand_int__', 'abc'];

let source: string;
beforeAll(async () => {
  source = join(await buildRealProgram('redis', 'build-redis.sh'), 'src');
});

class BusyServer implements AsyncDisposable {
  readonly server: Target;
  private readonly folder: TemporaryTree;
  private readonly benchmarks: Target[] = [];

  private constructor(server: Target, folder: TemporaryTree) {
    this.server = server;
    this.folder = folder;
  }

  static async start(): Promise<BusyServer> {
    const folder = new TemporaryTree({});
    const socket = ['--port', '0', '--unixsocket', folder.at('socket')];
    const server = await startTarget(join(source, 'redis-server'), [
      ...[...socket, '--save', '', '--dir', folder.at('.')],
    ]);
    const busy = new BusyServer(server, folder);
    await server.waitForLine(/ready to accept connections/i);
    for (const work of [MIXED, APPENDING]) {
      const words = ['-s', folder.at('socket'), ...work];
      busy.benchmarks.push(await startTarget(join(source, 'redis-benchmark'), words));
    }
    return busy;
  }

  /** What a client is answered. */
  async ask(...words: readonly string[]): Promise<string> {
    const args = ['-s', this.folder.at('socket'), ...words];
    const { stdout } = await run(join(source, 'redis-cli'), args);
    return stdout.trim();
  }

  /** Resolves when the benchmarks have been served some more. */
  async work(commands = 20_000): Promise<void> {
    const wanted = (await this.served()) + commands;
    while ((await this.served()) < wanted) expect(this.isWell).toBe(true);
  }

  /** How many commands it has answered. */
  async served(): Promise<number> {
    return Number(/total_commands_processed:(\d+)/.exec(await this.ask('info', 'stats'))?.[1]);
  }

  /** Neither the server nor a benchmark has ended. */
  get isWell(): boolean {
    return [this.server, ...this.benchmarks].every(({ isAlive }) => isAlive);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of [...this.benchmarks, this.server]) await program[Symbol.asyncDispose]();
    this.folder[Symbol.dispose]();
  }
}

describe('redis-server, of whose requests none fails,', () => {
  it('answers by a changed command, and by the original after a rollback', async () => {
    await using redis = await BusyServer.start();
    await redis.work();
    expect(await redis.ask('ping')).toBe('PONG');
    using edited = new EditedSource(join(source, 'server.c'));
    edited.replace('addReply(c,shared.pong);', 'addReplyBulkCString(c,"PONG, live");');
    const report = await attach(redis.server.pid, ['pingCommand'], CFLAGS);
    expect(report.functions.map(({ name }) => name)).toEqual(['pingCommand']);
    await redis.work();
    expect(await redis.ask('ping')).toBe('PONG, live');
    await rollBack(redis.server.pid);
    await redis.work();
    expect(await redis.ask('ping')).toBe('PONG');
    expect(redis.isWell).toBe(true);
  });

  it('runs a changed static helper in every command that it was inlined into', async () => {
    await using redis = await BusyServer.start();
    await redis.work();
    const long = 'x'.repeat(2000);
    expect(await redis.ask('append', 'text', long)).toBe('2000');
    using edited = new EditedSource(join(source, 't_string.c'));
    edited.replace(
      'if (total > server.proto_max_bulk_len ||',
      'if (total > 1000 || total > server.proto_max_bulk_len ||',
    );
    const report = await attach(redis.server.pid, ['checkStringLength'], CFLAGS);
    const patched = report.functions.map(({ name, reason }) => `${name}: ${reason}`).sort();
    expect(patched).toEqual([
      'appendCommand: inlined helper checkStringLength',
      'setrangeCommand: inlined helper checkStringLength',
    ]);
    await redis.work();
    const refusal = /^ERR string exceeds maximum allowed size/;
    expect(await redis.ask('append', 'text', long)).toMatch(refusal);
    expect(await redis.ask('setrange', 'other', '999', 'xx')).toMatch(refusal);
    expect(await redis.ask('strlen', 'text')).toBe('2000');
    await rollBack(redis.server.pid);
    await redis.work();
    expect(await redis.ask('append', 'text', long)).toBe('4000');
    expect(await redis.ask('setrange', 'other', '999', 'xx')).toBe('1001');
    expect(redis.isWell).toBe(true);
  });

  it('answers by each of ten edits that sed makes while it is watched', async () => {
    await using redis = await BusyServer.start();
    await redis.work();
    await using watch = await startWatch(redis.server.pid, CFLAGS);
    expect(await redis.ask('set', 'text', 'ten chars.')).toBe('OK');
    {
      using edited = new EditedSource(join(source, 't_string.c'));
      for (let more = 1; more <= 10; more++) {
        await edited.sed(
          `s/addReplyLongLong(c,stringObjectLen(o).*);/addReplyLongLong(c,stringObjectLen(o) + ${more});/`,
        );
        let patched = await watch.outcome();
        // An earlier test's edit that was undone makes a file newer than the program.
        if (patched.event === 'patched' && functionsOf(patched).length === 0)
          patched = await watch.outcome();
        expect(patched).toMatchObject({ event: 'patched' });
        expect(functionsOf(patched)).toEqual(['strlenCommand']);
        expect(await redis.ask('strlen', 'text')).toBe(String(10 + more));
      }
    }
    expect(functionsOf(await watch.outcome())).toEqual(['strlenCommand']);
    expect(await redis.ask('strlen', 'text')).toBe('10');
    await redis.work();
    expect(redis.isWell).toBe(true);
  });

  it('runs what a reload finds edited in two files, and what it finds undone', async () => {
    await using redis = await BusyServer.start();
    await redis.work();
    const long = 'x'.repeat(2000);
    expect(await redis.ask('append', 'text', long)).toBe('2000');
    const reloadBoth = async (): Promise<readonly string[]> => {
      const files = ['server.c', 't_string.c'];
      const report = await reload(redis.server.pid, [...files, ...CFLAGS], { cwd: source });
      return report.functions.map(({ name }) => name).sort();
    };
    const changed = ['appendCommand', 'pingCommand', 'setrangeCommand'];
    {
      using server = new EditedSource(join(source, 'server.c'));
      using strings = new EditedSource(join(source, 't_string.c'));
      server.replace('addReply(c,shared.pong);', 'addReplyBulkCString(c,"PONG, live");');
      strings.replace(
        'if (total > server.proto_max_bulk_len ||',
        'if (total > 1000 || total > server.proto_max_bulk_len ||',
      );
      expect(await reloadBoth()).toEqual(changed);
    }
    await redis.work();
    expect(await redis.ask('ping')).toBe('PONG, live');
    expect(await redis.ask('append', 'text', long)).toMatch(/^ERR string exceeds/);
    expect(await reloadBoth()).toEqual(changed);
    await redis.work();
    expect(await redis.ask('ping')).toBe('PONG');
    expect(await redis.ask('append', 'text', long)).toBe('4000');
    expect(redis.isWell).toBe(true);
  });
});
