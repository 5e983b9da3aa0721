/** Clients that ask an HTTP server for one thing all the time, each over a connection of its own. */
import { Agent, get } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

export class HttpLoad implements Disposable {
  /** What was wrong with the requests that failed. */
  readonly failures: string[] = [];
  /** Clients that have been started. */
  clients = 0;
  /** How often they had to connect: a server that closes no connection is connected to once each. */
  connections = 0;
  private readonly socketPath: string;
  private readonly agents: Agent[] = [];
  /** Told each answer with the number of the request, counted over all clients. */
  private readonly listeners = new Set<(answer: HttpAnswer, request: number) => void>();
  private requests = 0;
  private isOver = false;

  /** @param socketPath where the server listens */
  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  addClients(count: number): void {
    for (let added = 0; added < count; added++) {
      this.clients++;
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      this.agents.push(agent);
      void this.askOn(agent);
    }
  }

  /** The answers to requests that are made from now on, at least so many, until they are enough. */
  async next(
    count: number,
    areEnough: (answers: readonly HttpAnswer[]) => boolean = () => true,
  ): Promise<readonly HttpAnswer[]> {
    const after = this.requests;
    const answers: HttpAnswer[] = [];
    return await new Promise((resolve, reject) => {
      const listen = (answer: HttpAnswer, request: number): void => {
        if (this.failures.length > 0) reject(new Error(this.failures.join('\n')));
        if (request > after) answers.push(answer);
        if (answers.length < count || !areEnough(answers)) return;
        this.listeners.delete(listen);
        resolve(answers);
      };
      this.listeners.add(listen);
    });
  }

  private async askOn(agent: Agent): Promise<void> {
    while (!this.isOver) {
      const request = ++this.requests;
      const answer = await this.ask(agent).catch((error: unknown): HttpAnswer => {
        if (!this.isOver) this.failures.push(String(error));
        return { status: 0, headers: {}, body: '' };
      });
      for (const listen of this.listeners) listen(answer, request);
      if (answer.status === 0) return;
    }
  }

  private ask(agent: Agent): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const request = get({ agent, socketPath: this.socketPath, path: '/' }, (response) => {
        let body = '';
        response.setEncoding('latin1').on('data', (text: string) => (body += text));
        response.on('error', reject);
        response.on('end', () => {
          if (!request.reusedSocket) this.connections++;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        });
      });
      request.on('error', reject);
    });
  }

  [Symbol.dispose](): void {
    this.isOver = true;
    for (const agent of this.agents) agent.destroy();
  }
}
