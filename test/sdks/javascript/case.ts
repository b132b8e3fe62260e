import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { ServiceBusAdministrationClient, ServiceBusClient } from 'service-bus-beta';
import type { ServiceBusClientOptions, ServiceBusReceivedMessage, ServiceBusReceiver } from 'service-bus-beta';
import { WebSocket } from 'ws';

/** How long what must happen may take, in milliseconds. */
const PATIENCE_MS = 20_000;
/** How long a receiver waits before it says that there is nothing. */
const QUIET_MS = 500;

export function variable(name: string): string {
  const value = process.env[`RETRAIN_${name}`];
  if (value === undefined)
    throw new Error(`RETRAIN_${name} is not set; run it through npm run test:sdks -- javascript`);
  return value;
}

/** What the broker says that clients must be given, for each way to reach it. */
export const TRANSPORTS = {
  plain: { connectionString: variable('CONNECTION_STRING'), options: {} },
  TLS: { connectionString: variable('TLS_CONNECTION_STRING'), options: {} },
  WebSockets: {
    connectionString: variable('TLS_CONNECTION_STRING'),
    options: { webSocketOptions: { webSocket: WebSocket } },
  },
} as const satisfies Record<string, { connectionString: string; options: ServiceBusClientOptions }>;

export type TransportName = keyof typeof TRANSPORTS;

export const ADMINS = {
  HTTP: variable('HTTP_ADMIN_CONNECTION_STRING'),
  HTTPS: variable('ADMIN_CONNECTION_STRING'),
} as const;

export interface Case {
  readonly name: string;
  run(scene: Scene): Promise<void>;
}

let topics = 0;
const queues = new Map<string, number>();

/** What one case works with; its clients end with it. */
export class Scene implements AsyncDisposable {
  readonly #ends: (() => Promise<unknown>)[] = [];

  client(transport: TransportName, connectionString?: string): ServiceBusClient {
    const { connectionString: usual, options } = TRANSPORTS[transport];
    const client = new ServiceBusClient(connectionString ?? usual, {
      ...options,
      retryOptions: { maxRetries: 3, retryDelayInMs: 200, timeoutInMs: PATIENCE_MS },
    });
    this.#ends.push(() => client.close());
    return client;
  }

  /** A queue of that kind which no other case uses. */
  queue(kind = 'plain'): string {
    const number = (queues.get(kind) ?? 0) + 1;
    queues.set(kind, number);
    return `${variable('QUEUE_PREFIX')}${kind}-${number}`;
  }

  /** The name of a topic or queue that no other case makes. */
  newName(): string {
    topics++;
    return `${variable('QUEUE_PREFIX')}made-${topics}`;
  }

  admin(connectionString: string = ADMINS.HTTP): ServiceBusAdministrationClient {
    return new ServiceBusAdministrationClient(connectionString, { retryOptions: { maxRetries: 0 } });
  }

  /** A topic with these subscriptions, made by the admin client. */
  async topic(...subscriptions: string[]): Promise<string> {
    const admin = this.admin();
    const name = this.newName();
    await admin.createTopic(name);
    for (const subscription of subscriptions) await admin.createSubscription(name, subscription);
    return name;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.reverse()) await end();
  }
}

/** Exactly so many messages, however many calls they take. */
export async function receive(
  receiver: ServiceBusReceiver,
  count: number,
): Promise<readonly ServiceBusReceivedMessage[]> {
  const messages: ServiceBusReceivedMessage[] = [];
  const endMs = Date.now() + PATIENCE_MS;
  while (messages.length < count && Date.now() < endMs)
    messages.push(...(await receiver.receiveMessages(count - messages.length, { maxWaitTimeInMs: 5_000 })));
  assert.equal(messages.length, count, 'number of messages');
  return messages;
}

export async function receiveOne(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage> {
  const [message] = await receive(receiver, 1);
  assert.ok(message);
  return message;
}

/** Nothing can be received now. */
export async function nothing(receiver: ServiceBusReceiver): Promise<void> {
  assert.deepEqual(bodies(await receiver.receiveMessages(1, { maxWaitTimeInMs: QUIET_MS })), []);
}

export function bodies(messages: readonly ServiceBusReceivedMessage[]): unknown[] {
  return messages.map(({ body }: { body: unknown }) => body);
}

/** The `code` of the error in which `work` ends. What the client tried several times ends in all their errors. */
export async function codeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    const { code, message } = (error instanceof AggregateError ? error.errors.at(-1) : error) as NodeJS.ErrnoException;
    return code ?? message;
  }
  return assert.fail('there is no error');
}

/** Asks again until it is so. */
export async function eventually(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const endMs = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    assert.ok(Date.now() < endMs, `not within ${PATIENCE_MS} ms: ${what}`);
    await wait(50);
  }
}

/** Asks the runner for what only an operator could do; ../README.md says what. */
export async function order(command: string, body?: object): Promise<void> {
  const answer = await fetch(`${variable('CONTROL_URL')}/${command}`, {
    method: 'POST',
    ...(body && { body: JSON.stringify(body) }),
  });
  assert.equal(answer.status, 200, await answer.text());
}
