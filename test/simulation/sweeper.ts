import { AmqpTimestamp, AmqpTyped, lookup, plain, type AmqpMap, type AmqpValue } from '../../src/amqp/index.ts';
import { Client } from './client.ts';
import { ManagementLink } from './management-link.ts';
import { peekMessages } from './peek-messages.ts';
import { addressOf } from './plain-receiver.ts';
import type { QueueModel } from './queue-model.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { Setting } from './setting.ts';

const PAUSE_MS = 80;
const MAX_COUNT = 5;

/** Deletes the oldest messages of a queue or its dead-letter queue, now and then. */
export class Sweeper {
  readonly #setting: Setting;
  readonly #model: QueueModel;
  readonly #name: string;
  readonly #random: SeededRandom;
  #left: number;

  constructor(options: { setting: Setting; model: QueueModel; name: string }) {
    this.#setting = options.setting;
    this.#model = options.model;
    this.#name = options.name;
    this.#left = options.model.plan.sweeps;
    this.#random = options.setting.world.random.fork();
  }

  async run(): Promise<void> {
    const { world, broker } = this.#setting;
    while (this.#left > 0 && !this.#setting.over) {
      await world.sleep(this.#random.delayMs(PAUSE_MS));
      const client = await Client.connect({ world, broker, name: this.#name });
      await this.#sweep(client);
      client.close();
    }
  }

  async #sweep(client: Client): Promise<void> {
    const random = this.#random;
    const { name, plan, sweeps } = this.#model;
    const part = random.chance(0.3) ? 'dead-letter queue' : 'queue';
    const management = await ManagementLink.attach(client, addressOf(name, part));
    if (!management) return;
    this.#left--;
    const asked = random.between(1, MAX_COUNT);
    const beforeMs = Math.floor(client.world.clock.wallMs()) - random.between(-10, 50);
    const inSession = part === 'queue' && plan.description.requiresSession && random.chance(0.5);
    const body: AmqpMap = new Map<string, AmqpValue>([
      ['message-count', new AmqpTyped('int', asked)],
      ['enqueued-time-utc', new AmqpTimestamp(beforeMs)],
      ...(inSession ? ([['session-id', random.pick(plan.sessionIds)]] as const) : []),
    ]);
    client.world.markDelicate();
    const reply = await management.request('batch-delete-messages', body);
    const deleted = reply.kind === 'ok' ? Number(plain(lookup(reply.body, 'message-count') ?? 0)) : 0;
    client.world.trace(this.#name, `deletes ${deleted} of ${asked} messages of the ${part}: ${reply.kind}`);
    if (deleted > asked) client.world.violate(`${asked} messages of ${name} were to be deleted, and ${deleted} were`);
    sweeps.push({ asked, deleted: reply.kind === 'lost' ? undefined : deleted });
    if (reply.kind === 'ok' && part === 'queue') await this.#look(management);
  }

  /** Notes what is there: whatever else was there before must not come back. */
  async #look(management: ManagementLink): Promise<void> {
    const found = await peekMessages(management);
    if (found) this.#model.look(found.map(({ sequenceNumber }) => sequenceNumber));
  }
}
