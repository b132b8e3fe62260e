import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { connectSettings, ROOT_RULE_NAME, rootRule } from '../../src/server/index.ts';
import type { AccessRule, SdkSettings } from '../../src/server/index.ts';
import type { QueueDescription } from '../../src/topology/index.ts';
import type { Answer, Ready, Word } from './broker-process.ts';
import type { Language } from './languages.ts';

const HOST = '127.0.0.1';
const PROCESS = join(import.meta.dirname, 'broker-process.js');

const RULES: readonly AccessRule[] = [
  { name: 'send-only', primaryKey: 'key-that-may-only-send', rights: ['Send'] },
  { name: 'listen-only', primaryKey: 'key-that-may-only-listen', rights: ['Listen'] },
];

/** What an order is for: the property under which `Order` has its body. */
const ORDERS: ReadonlySet<string> = new Set(['make', 'change', 'delete']);

/**
 * The real server in a process of its own, and beside it a port on which a program asks for what only an operator could do; README.md says what.
 */
export class Broker implements AsyncDisposable {
  readonly faults: unknown[] = [];
  readonly #queues: readonly QueueDescription[];
  readonly #dataFolder: string;
  readonly #control: Server;
  #process: ChildProcess | undefined;
  #ready: Ready | undefined;
  #answered: ((answer: Answer) => void) | undefined;
  /** The server does one thing after the other. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(dataFolder: string, queues: readonly QueueDescription[]) {
    this.#dataFolder = dataFolder;
    this.#queues = queues;
    this.#control = createServer((request, response) => void this.#command(request, response));
  }

  static async start(queues: readonly QueueDescription[]): Promise<Broker> {
    const broker = new Broker(await mkdtemp(join(tmpdir(), 'retrain-sdks-')), queues);
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

  /** Everything that a program is told about the broker, with what the broker says that its SDK must be given. */
  environment({ name, sdk }: Pick<Language, 'name' | 'sdk'>): Record<string, string> {
    const { connectionString, amqpPort, connect, trustFile } = this.#running;
    const key = /SharedAccessKey=([^;]*)/.exec(connectionString)?.[1] ?? '';
    const plainly = (rule: AccessRule): SdkSettings => connectSettings({ host: HOST, port: amqpPort, rule })[sdk];
    const [send, listen] = RULES as [AccessRule, AccessRule];
    const plain = plainly(rootRule(key));
    const secure = connect[sdk];
    return {
      RETRAIN_CONNECTION_STRING: plain.data.connectionString,
      RETRAIN_SEND_ONLY_CONNECTION_STRING: plainly(send).data.connectionString,
      RETRAIN_LISTEN_ONLY_CONNECTION_STRING: plainly(listen).data.connectionString,
      RETRAIN_HOST: HOST,
      RETRAIN_PORT: String(amqpPort),
      RETRAIN_KEY_NAME: ROOT_RULE_NAME,
      RETRAIN_KEY: key,
      RETRAIN_QUEUE_PREFIX: `${name}-`,
      RETRAIN_HTTP_ADMIN_CONNECTION_STRING: plain.admin.connectionString,
      RETRAIN_ADMIN_CONNECTION_STRING: secure.admin.connectionString,
      RETRAIN_ADMIN_OPTIONS: JSON.stringify(secure.admin.options ?? {}),
      RETRAIN_TLS_CONNECTION_STRING: secure.data.connectionString,
      RETRAIN_TLS_OPTIONS: JSON.stringify(secure.data.options ?? {}),
      RETRAIN_TRUST_FILE: trustFile ?? '',
      ...secure.environment,
      RETRAIN_CONTROL_URL: `http://${HOST}:${(this.#control.address() as AddressInfo).port}`,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#control.listening) {
      this.#control.closeAllConnections();
      this.#control.close();
    }
    if (this.#process) await this.#end();
    await rm(this.#dataFolder, { recursive: true, force: true });
  }

  get #running(): Ready {
    if (!this.#ready) throw new Error('the server is stopped');
    return this.#ready;
  }

  async #open(amqpPort: number): Promise<void> {
    const child = fork(PROCESS, { execArgv: ['--enable-source-maps'] });
    this.#process = child;
    child.on('message', (answer: Answer) => {
      if ('fault' in answer) this.faults.push(answer.fault);
      else this.#answered?.(answer);
    });
    child.once('exit', () => this.#answered?.({ refused: 'the server ended' }));
    const start = {
      dataFolder: this.#dataFolder,
      host: HOST,
      amqpPort,
      httpPort: 0,
      queues: this.#queues,
      rules: RULES,
      tls: { kind: 'self-signed' as const },
    };
    const answer = await this.#say({ start });
    if ('ready' in answer) this.#ready = answer.ready;
  }

  async #say(word: Word): Promise<Answer> {
    if (!this.#process?.connected) throw new Error('the server is gone');
    const answered = new Promise<Answer>((resolve) => {
      this.#answered = resolve;
    });
    this.#process.send(word);
    const answer = await answered;
    if ('refused' in answer) throw new Error(answer.refused);
    return answer;
  }

  async #command(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const done = this.#last.then(() => this.#obey(request, response));
    this.#last = done;
    await done;
  }

  async #obey(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const command = request.url?.slice(1) ?? '';
    let said = '';
    try {
      if (request.method !== 'POST') response.writeHead(405);
      else if (ORDERS.has(command)) await this.#say({ order: { [command]: await json(request) } as never });
      else if (command === 'cut') await this.#say('cut');
      else if (command === 'restart') await this.#restart(() => this.#end());
      else if (command === 'kill') await this.#restart(() => this.#kill());
      else response.writeHead(404);
    } catch (error) {
      this.faults.push(error);
      response.writeHead(500);
      said = String(error);
    }
    request.resume();
    response.end(said);
  }

  async #restart(end: () => Promise<void>): Promise<void> {
    const { amqpPort } = this.#running;
    await end();
    await this.#open(amqpPort);
  }

  /** Lets the server shut down in order. */
  async #end(): Promise<void> {
    try {
      await this.#say('close');
    } finally {
      await this.#kill();
    }
  }

  async #kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}
