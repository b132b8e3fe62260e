import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT_RULE_NAME, startServer } from '../../src/server/index.ts';
import type { AccessRule, RunningServer } from '../../src/server/index.ts';
import type { QueueDescription } from '../../src/topology/index.ts';

/** Every socket that a server of this process accepts. */
const ACCEPTED_SOCKETS = 'net.server.socket';

const HOST = '127.0.0.1';

const RULES: readonly AccessRule[] = [
  { name: 'send-only', primaryKey: 'key-that-may-only-send', rights: ['Send'] },
  { name: 'listen-only', primaryKey: 'key-that-may-only-listen', rights: ['Listen'] },
];

/**
 * The real server in this process, and beside it a port on which a program asks for what only an operator could do: `POST /cut` resets every
 * connection without a goodbye, `POST /restart` shuts the server down and starts it from its data folder, on the same port.
 */
export class Broker implements AsyncDisposable {
  readonly faults: unknown[] = [];
  readonly #queues: readonly QueueDescription[];
  readonly #dataFolder: string;
  readonly #sockets = new Set<Socket>();
  readonly #control: Server;
  #server: RunningServer | undefined;
  readonly #noteSocket = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    if (socket.localPort !== this.#amqpPort) return;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  };

  private constructor(dataFolder: string, queues: readonly QueueDescription[]) {
    this.#dataFolder = dataFolder;
    this.#queues = queues;
    this.#control = createServer((request, response) => void this.#command(request, response));
  }

  static async start(queues: readonly QueueDescription[]): Promise<Broker> {
    const broker = new Broker(await mkdtemp(join(tmpdir(), 'retrain-sdks-')), queues);
    subscribe(ACCEPTED_SOCKETS, broker.#noteSocket);
    try {
      await broker.#open(0);
      broker.#control.listen(0, HOST);
      await once(broker.#control, 'listening');
      return broker;
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Everything that a program is told about the broker. */
  environment(prefix: string): Record<string, string> {
    const { connectionString } = this.#running;
    const key = /SharedAccessKey=([^;]*)/.exec(connectionString)?.[1] ?? '';
    const withRule = (rule: AccessRule): string =>
      connectionString.replace(ROOT_RULE_NAME, rule.name).replace(key, rule.primaryKey);
    const [send, listen] = RULES as [AccessRule, AccessRule];
    return {
      RETRAIN_CONNECTION_STRING: connectionString,
      RETRAIN_SEND_ONLY_CONNECTION_STRING: withRule(send),
      RETRAIN_LISTEN_ONLY_CONNECTION_STRING: withRule(listen),
      RETRAIN_HOST: HOST,
      RETRAIN_PORT: String(this.#amqpPort),
      RETRAIN_KEY_NAME: ROOT_RULE_NAME,
      RETRAIN_KEY: key,
      RETRAIN_QUEUE_PREFIX: prefix,
      RETRAIN_CONTROL_URL: `http://${HOST}:${(this.#control.address() as AddressInfo).port}`,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    unsubscribe(ACCEPTED_SOCKETS, this.#noteSocket);
    if (this.#control.listening) {
      this.#control.closeAllConnections();
      this.#control.close();
    }
    await this.#server?.close();
    await rm(this.#dataFolder, { recursive: true, force: true });
  }

  get #running(): RunningServer {
    if (!this.#server) throw new Error('the server is stopped');
    return this.#server;
  }

  get #amqpPort(): number | undefined {
    return this.#server?.amqpPort;
  }

  async #open(amqpPort: number): Promise<void> {
    this.#server = await startServer({
      dataFolder: this.#dataFolder,
      host: HOST,
      amqpPort,
      httpPort: 0,
      queues: this.#queues,
      rules: RULES,
      onFault: (fault) => this.faults.push(fault),
    });
  }

  async #command(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    try {
      if (request.method !== 'POST') response.writeHead(405);
      else if (request.url === '/cut') for (const socket of this.#sockets) socket.resetAndDestroy();
      else if (request.url === '/restart') await this.#restart();
      else response.writeHead(404);
    } catch (error) {
      this.faults.push(error);
      response.writeHead(500);
    }
    response.end();
  }

  async #restart(): Promise<void> {
    const { amqpPort } = this.#running;
    await this.#running.close();
    await this.#open(amqpPort);
  }
}
