/** nginx, built by its own build, patched in every worker while clients ask it for a page. */
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { TemporaryTree } from '../../build/temporary-tree.js';
import { EditedSource } from '../../support/edited-source.js';
import { attach, rollBack } from '../../support/hcr.js';
import { type HttpAnswer, HttpLoad } from '../../support/http-load.js';
import { childrenOf } from '../../support/process-tree.js';
import { buildRealProgram } from '../../support/real-program.js';
import { type Target, startTarget } from '../../support/target.js';
import { until } from '../../support/until.js';
import { functionsOf, startWatch } from '../../support/watch.js';

/** What its configure script decided and debug information does not keep. */
const CFLAGS = [
  '--cflags',
  '-I src/core -I src/event -I src/event/modules -I src/os/unix -I objs -I src/http ' +
    '-I src/http/modules',
];
const PAGE = 'x'.repeat(5000);
const configuration = (socket: string): string => `
daemon off;
worker_processes 2;
pid nginx.pid;
error_log stderr;
events { worker_connections 512; }
http {
  access_log off;
  keepalive_requests 1000000000;
  server {
    listen unix:${socket};
    root pages;
    add_header Worker $pid always;
  }
}`;
const CLIENTS = 16;
const ENOUGH = 2000;
/** As many answers of each of ten edits. */
const SOME = 500;
const STATUSES = [202, 203, 206, 207, 208, 226, 230, 231, 232, 233];

let source: string;
beforeAll(async () => {
  source = await buildRealProgram('nginx', 'build-nginx.sh');
});

class Server implements AsyncDisposable {
  readonly load: HttpLoad;
  private readonly master: Target;
  private readonly folder: TemporaryTree;

  private constructor(master: Target, folder: TemporaryTree) {
    this.master = master;
    this.folder = folder;
    this.load = new HttpLoad(folder.at('socket'));
  }

  /** Each worker with the statuses of its answers, to at least so many requests from now on. A worker
   *  that gets no processor for a while is waited for. */
  async answers(count: number): Promise<Record<string, number[]>> {
    const { workers } = this;
    return statusesByWorker(
      await this.load.next(count, (answers) =>
        workers.every((pid) => answers.some(({ headers }) => headers['worker'] === String(pid))),
      ),
    );
  }

  /** Returns when each worker has clients. */
  static async start(): Promise<Server> {
    const folder = new TemporaryTree({ 'pages/index.html': PAGE });
    folder.write('nginx.conf', configuration(folder.at('socket')));
    // The workers of root's nginx are somebody else's.
    chmodSync(folder.path, 0o755);
    const words = ['-p', folder.path, '-c', 'nginx.conf', '-e', 'stderr'];
    const server = new Server(await startTarget(join(source, 'objs/nginx'), words), folder);
    await until('nginx listens', () => existsSync(folder.at('socket')));
    const workers = await until('both workers are there', () =>
      server.workers.length === 2 ? server.workers : undefined,
    );
    do server.load.addClients(CLIENTS);
    while (Object.keys(statusesByWorker(await server.load.next(ENOUGH))).length < workers.length);
    return server;
  }

  get pid(): number {
    return this.master.pid;
  }

  get workers(): readonly number[] {
    return childrenOf(this.master.pid).sort((a, b) => a - b);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.load[Symbol.dispose]();
    await this.master[Symbol.asyncDispose]();
    this.folder[Symbol.dispose]();
  }
}

/** Each worker with the statuses of its answers. */
function statusesByWorker(answers: readonly HttpAnswer[]): Record<string, number[]> {
  const statuses: Record<string, number[]> = {};
  for (const { status, headers, body } of answers) {
    expect(body).toBe(PAGE);
    const known = (statuses[String(headers['worker'])] ??= []);
    if (!known.includes(status)) known.push(status);
  }
  return statuses;
}

describe('nginx, of whose requests none fails,', () => {
  it('answers by a changed static function in the workers that are patched', async () => {
    await using server = await Server.start();
    const { load, workers } = server;
    const [first = 0, second = 0] = workers;
    using edited = new EditedSource(join(source, 'src/http/modules/ngx_http_static_module.c'));
    edited.replace('r->headers_out.status = NGX_HTTP_OK;', 'r->headers_out.status = 202;');
    await attach(first, ['ngx_http_static_handler'], CFLAGS);
    expect(await server.answers(ENOUGH)).toEqual({ [first]: [202], [second]: [200] });
    await attach(second, ['ngx_http_static_handler'], CFLAGS);
    expect(await server.answers(ENOUGH)).toEqual({ [first]: [202], [second]: [202] });
    for (const worker of workers) await rollBack(worker);
    expect(await server.answers(ENOUGH)).toEqual({ [first]: [200], [second]: [200] });
    expect(load.failures).toEqual([]);
    expect(load.connections).toBe(load.clients);
    expect(server.workers).toEqual(workers);
  });

  it('answers by each of ten edits that sed makes while its master is watched, in both workers', async () => {
    await using server = await Server.start();
    const { load, pid, workers } = server;
    const [first = 0, second = 0] = workers;
    await using watch = await startWatch(pid, CFLAGS);
    {
      using edited = new EditedSource(join(source, 'src/http/modules/ngx_http_static_module.c'));
      for (const status of STATUSES) {
        await edited.sed(`s/headers_out.status = [A-Z_0-9]*;/headers_out.status = ${status};/`);
        let patched = await watch.outcome();
        // An earlier test's edit that was undone makes a file newer than the program.
        if (functionsOf(patched).length === 0) patched = await watch.outcome();
        expect(functionsOf(patched)).toEqual(['ngx_http_static_handler']);
        expect(
          (patched['forks'] as { pid: number }[]).map((fork) => fork.pid).sort((a, b) => a - b),
        ).toEqual(workers);
        const answers = await server.answers(SOME);
        expect(answers).toEqual({ [first]: [status], [second]: [status] });
      }
    }
    await watch.until('patched');
    expect(await server.answers(ENOUGH)).toEqual({ [first]: [200], [second]: [200] });
    expect(load.failures).toEqual([]);
    expect(load.connections).toBe(load.clients);
    expect(server.workers).toEqual(workers);
  });
});
