import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ServiceBusClient } from '@azure/service-bus';
import Long from 'long';
import { outcomeEvent, outcomeMessage } from '../../src/retraining/outcome.ts';
import type { OutcomeData, OutcomeEvent } from '../../src/retraining/outcome.ts';
import type { Outcome } from '../../src/retraining/worker/ledger-record.ts';
import { startServer } from '../../src/server/index.ts';
import type { RunningServer } from '../../src/server/index.ts';
import { parseQueueDescription } from '../../src/topology/index.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { closed, testClient } from './test-client.ts';

export const TOPIC = 'outcomes';
export const QUEUE = 'work';

/** A real broker with a topic of outcomes, its subscriptions `status` and `notify`, and a queue of requests. */
export class OutcomeWorld {
  readonly folder: string;
  server: RunningServer;
  client: ServiceBusClient;
  readonly #lockDuration: string;

  private constructor(folder: string, server: RunningServer, lockDuration: string) {
    this.folder = folder;
    this.server = server;
    this.client = testClient(server.connectionString);
    this.#lockDuration = lockDuration;
  }

  static async open(t: TestContext, { lockDuration = 'PT1M' }: { lockDuration?: string } = {}): Promise<OutcomeWorld> {
    const folder = await temporaryFolder(t);
    const world = new OutcomeWorld(folder, await serve(join(folder, 'data'), { lockDuration, port: 0 }), lockDuration);
    t.after(() => world.close());
    return world;
  }

  get connectionString(): string {
    return this.server.connectionString;
  }

  async tell(...events: readonly OutcomeEvent[]): Promise<void> {
    const sender = this.client.createSender(TOPIC);
    for (const event of events) await sender.sendMessages(outcomeMessage(event, { nowMs: Date.now() }));
    await sender.close();
  }

  /** What a subscription still holds, or its dead-letter queue, by looking. */
  async left(subscription: string, dead = false): Promise<{ id: string; reason: string | undefined }[]> {
    const options = dead ? ({ subQueueType: 'deadLetter' } as const) : {};
    const receiver = this.client.createReceiver(TOPIC, subscription, options);
    // Without a number a client goes on behind what it has looked at last, over any receiver.
    const messages = await receiver.peekMessages(250, { fromSequenceNumber: Long.ONE });
    await receiver.close();
    return messages.map(({ messageId, deadLetterReason }) => ({ id: String(messageId), reason: deadLetterReason }));
  }

  /** The broker ends. */
  async away(): Promise<() => Promise<void>> {
    const port = this.server.amqpPort;
    await this.close();
    return async () => {
      this.server = await serve(join(this.folder, 'data'), { lockDuration: this.#lockDuration, port });
      this.client = testClient(this.server.connectionString);
    };
  }

  async close(): Promise<void> {
    await closed(this.client);
    await this.server.close().catch(() => undefined);
  }
}

async function serve(
  dataFolder: string,
  { lockDuration, port }: { lockDuration: string; port: number },
): Promise<RunningServer> {
  const queues = [
    parseQueueDescription({ name: QUEUE, requiresSession: true, requiresDuplicateDetection: true }),
    parseQueueDescription({ name: 'plain' }),
  ];
  const server = await startServer({ dataFolder, amqpPort: port, httpPort: 0, queues });
  if (server.admin.topics.get(TOPIC)) return server;
  await server.admin.topics.create({ name: TOPIC, requiresDuplicateDetection: true });
  for (const name of ['status', 'notify'])
    await server.admin.subscriptions.create({ topicName: TOPIC, name, lockDuration, maxDeliveryCount: 1_000 });
  return server;
}

/** An event about a request of a model, or about a run when `runId` is given. */
export function told(
  outcome: Outcome,
  { id = 'a', at = '2026-01-01T00:00:00Z', ...data }: Partial<OutcomeData> & { id?: string; at?: string } = {},
): OutcomeEvent {
  const request = { source: '/test', id };
  const about = data.runId === undefined ? { request } : { requests: [request] };
  return outcomeEvent(outcome, { data: { model: 'births', ...about, ...data }, atMs: Date.parse(at) });
}
