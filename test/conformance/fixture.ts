import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ServiceBusClient } from '@azure/service-bus';
import type { ServiceBusClientOptions, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { startServer } from '../../src/server/index.ts';
import type { RunningServer, StartOptions } from '../../src/server/index.ts';
import { parseQueueDescription } from '../../src/topology/index.ts';
import type { QueueDescriptionInput } from '../../src/topology/index.ts';
import { closed } from '../retraining/test-client.ts';
import { LeapClock } from './leap-clock.ts';

/** Every socket that a server of this process accepts. */
const ACCEPTED_SOCKETS = 'net.server.socket';

/** Failures show at once instead of after the client's minutes of retries. */
const IMPATIENT: ServiceBusClientOptions = {
  retryOptions: { maxRetries: 0, retryDelayInMs: 10, maxRetryDelayInMs: 10, timeoutInMs: 5_000 },
};

/** The real server in this process, on a free port, with a data folder that goes with the test. */
export class Fixture {
  readonly clock = new LeapClock();
  readonly dataFolder: string;
  readonly #queues: QueueDescriptionInput[];
  readonly #options: Partial<StartOptions>;
  readonly #clients = new Set<ServiceBusClient>();
  readonly faults: unknown[] = [];
  #server: RunningServer | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #noteSocket = (message: unknown): void => void this.#sockets.add((message as { socket: Socket }).socket);

  private constructor(dataFolder: string, queues: QueueDescriptionInput[], options: Partial<StartOptions>) {
    this.dataFolder = dataFolder;
    this.#queues = queues;
    this.#options = options;
  }

  static async start(
    context: TestContext,
    queues: QueueDescriptionInput[],
    options: Partial<StartOptions> = {},
  ): Promise<Fixture> {
    const fixture = new Fixture(await mkdtemp(join(tmpdir(), 'retrain-conformance-')), queues, options);
    subscribe(ACCEPTED_SOCKETS, fixture.#noteSocket);
    context.after(() => fixture.#remove());
    await fixture.startServer();
    return fixture;
  }

  get server(): RunningServer {
    if (!this.#server) throw new Error('the server is stopped');
    return this.#server;
  }

  /** `changes`: what is given otherwise than before. */
  async startServer(changes: Partial<StartOptions> = {}): Promise<void> {
    this.#server = await startServer({
      dataFolder: this.dataFolder,
      amqpPort: 0,
      httpPort: 0,
      queues: this.#queues.map((queue) => parseQueueDescription(queue)),
      clock: this.clock,
      ...SMALL_FILES,
      onFault: (fault) => this.faults.push(fault),
      ...this.#options,
      ...changes,
    });
  }

  async stopServer(): Promise<void> {
    await this.closeClients();
    await this.#server?.close();
    this.#server = undefined;
  }

  /** A client that gives up at once; it is closed with the fixture. */
  client(options: { connectionString?: string; identifier?: string } = {}): ServiceBusClient {
    const client = new ServiceBusClient(options.connectionString ?? this.server.connectionString, IMPATIENT);
    this.#clients.add(client);
    return client;
  }

  async closeClients(): Promise<void> {
    for (const client of this.#clients) await closed(client);
    this.#clients.clear();
  }

  /** Cuts the connections with the clients without a goodbye; returns how many there were. */
  destroySockets(): number {
    const { amqpPort } = this.server;
    const cut = [...this.#sockets].filter((socket) => socket.localPort === amqpPort && !socket.destroyed);
    for (const socket of cut) socket.resetAndDestroy();
    return cut.length;
  }

  async #remove(): Promise<void> {
    unsubscribe(ACCEPTED_SOCKETS, this.#noteSocket);
    await this.stopServer();
    await rm(this.dataFolder, { recursive: true, force: true });
    if (this.faults.length > 0) throw new AggregateError(this.faults, 'the server reported faults');
  }
}

/** Cases that run side by side, each with a server of its own: the client spends its time waiting. */
export const AT_A_TIME = 4;

/** A log that is made quickly. */
const SMALL_FILES = { segmentBytes: 8 * 1024 * 1024, reserveBytes: 4 * 1024 * 1024 };

/** Messages asked for at a time: the client closes a link, and loses what is on its way, when a drain takes it over 200 ms. */
const ROUND = 250;

/** Receives until `count` messages are there; fewer after three empty rounds. */
export async function receive(
  receiver: ServiceBusReceiver,
  count: number,
  options: { maxWaitTimeInMs?: number } = {},
): Promise<ServiceBusReceivedMessage[]> {
  const messages: ServiceBusReceivedMessage[] = [];
  for (let empty = 0; messages.length < count && empty < 3;) {
    const more = await receiver.receiveMessages(Math.min(ROUND, count - messages.length), {
      maxWaitTimeInMs: 1_000,
      ...options,
    });
    if (more.length === 0) empty++;
    messages.push(...more);
  }
  return messages;
}

/** The one message that must be there. */
export async function receiveOne(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage> {
  const [message] = await receive(receiver, 1);
  if (!message) throw new Error('no message came');
  return message;
}

/**
 * Until the client has heard all that the server has said so far: a frame comes before those behind it. `queue` is any queue that the client may look
 * into. A client that sends before it has heard that its link is gone waits for its time-out.
 */
export async function caughtUp(client: ServiceBusClient, queue: string): Promise<void> {
  const receiver = client.createReceiver(queue);
  await receiver.peekMessages(1);
  await receiver.close();
}

/** That nothing can be received right now. */
export async function receivesNothing(receiver: ServiceBusReceiver): Promise<boolean> {
  return (await receiver.receiveMessages(1, { maxWaitTimeInMs: 300 })).length === 0;
}

/** The `code` of the ServiceBusError that `action` must end in. */
export async function errorCodeOf(action: Promise<unknown>): Promise<string | undefined> {
  try {
    await action;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  throw new Error('no error came');
}
