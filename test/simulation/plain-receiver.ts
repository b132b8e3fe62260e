import { Client } from './client.ts';
import { fetchDeferred } from './deferred.ts';
import type { Part } from './copy-history.ts';
import { ManagementLink } from './management-link.ts';
import type { QueueModel } from './queue-model.ts';
import { ReceivingLink, type ReceiveOptions } from './receiving-link.ts';
import type { SeededRandom } from './seeded-random.ts';
import { PAUSE_MS, type Setting } from './setting.ts';
import { decide, settle } from './settle-messages.ts';
import { readMessage } from './wire-message.ts';

const MAX_CREDIT = 10;
const NEXT_MESSAGE_MS = 200;
/** Longer than any lock of a run. */
const TOO_LONG_MS = 7_000;

/** A queue that forwards refuses its receivers. */
const REFUSED_PAUSE_MS = 150;

const ADDRESS_ENDS: Record<Part, string> = {
  queue: '',
  'dead-letter queue': '/$DeadLetterQueue',
  'transfer dead-letter queue': '/$Transfer/$DeadLetterQueue',
};

export function addressOf(queue: string, part: Part): string {
  return `${queue}${ADDRESS_ENDS[part]}`;
}

/** Attaches a receiver outside sessions, and the model to what comes out of it. */
export function attachPlain(options: {
  readonly client: Client;
  readonly model: QueueModel;
  readonly from: Part;
  readonly mode: ReceiveOptions['mode'];
}): Promise<ReceivingLink> {
  const { client, model, from, mode } = options;
  return ReceivingLink.attach(client, {
    address: addressOf(model.name, from),
    mode,
    onMessage: (delivery) => {
      const deleted = mode === 'receive-and-delete';
      if (deleted !== delivery.settled)
        model.world.violate(`${client.name}: a delivery came settled: ${delivery.settled}`);
      const how = { receiver: client.name, life: client.life, from, deleted };
      delivery.context = model.deliver(readMessage(delivery.payload), how);
    },
  });
}

/** Receives from a queue without sessions or from a dead-letter queue, until the run is over. */
export class PlainReceiver {
  readonly #setting: Setting;
  readonly #model: QueueModel;
  readonly #name: string;
  readonly #from: Part;
  readonly #deleting: boolean;
  readonly #random: SeededRandom;

  constructor(options: {
    setting: Setting;
    model: QueueModel;
    name: string;
    from: Part;
    /** It receives and deletes, some of the time. */
    deleting: boolean;
  }) {
    this.#setting = options.setting;
    this.#model = options.model;
    this.#name = options.name;
    this.#from = options.from;
    this.#deleting = options.deleting;
    this.#random = options.setting.world.random.fork();
  }

  async run(): Promise<void> {
    const { world, broker } = this.#setting;
    const random = this.#random;
    while (!this.#setting.over) {
      const client = await Client.connect({ world, broker, name: this.#name });
      while (client.alive && !this.#setting.over) {
        const mode = this.#deleting && random.chance(0.7) ? 'receive-and-delete' : 'peek-lock';
        const link = await attachPlain({ client, model: this.#model, from: this.#from, mode });
        if (link.gone === undefined) await this.#work(client, link, mode);
        else if (client.alive) await world.sleep(random.delayMs(REFUSED_PAUSE_MS));
        if (mode === 'receive-and-delete') this.#model.mayLack += link.lostMessages;
        await world.sleep(random.delayMs(PAUSE_MS));
      }
      client.close();
      await world.sleep(random.delayMs(PAUSE_MS));
    }
  }

  async #work(client: Client, link: ReceivingLink, mode: ReceiveOptions['mode']): Promise<void> {
    const { world } = this.#setting;
    const random = this.#random;
    link.addCredit(random.between(1, MAX_CREDIT));
    const settling: Promise<void>[] = [];
    for (let rounds = random.between(1, 30); rounds > 0 && link.gone === undefined; rounds--) {
      const delivery = await link.next(NEXT_MESSAGE_MS);
      if (!delivery) break;
      const kind = mode === 'peek-lock' ? decide(random, this.#from) : undefined;
      if (kind) {
        const settled = settle({ model: this.#model, link, delivery, kind });
        if (random.chance(0.5)) await settled;
        else settling.push(settled);
      }
      if (random.chance(0.08)) await this.#takeCreditBack(link);
      if (random.chance(0.7)) link.addCredit(1);
      if (random.chance(0.004)) await world.sleep(TOO_LONG_MS);
    }
    if (random.chance(0.05)) client.cut();
    await Promise.all(settling);
    if (this.#from === 'queue' && random.chance(0.1)) {
      const management = await ManagementLink.attach(client, this.#model.name);
      if (management) await fetchDeferred({ client, model: this.#model, management });
    }
    if (random.chance(0.7)) await link.drain();
    await link.detach();
  }

  /** Some of it, or all; and sometimes it makes sure that nothing comes any more. */
  async #takeCreditBack(link: ReceivingLink): Promise<void> {
    const random = this.#random;
    if (random.chance(0.5)) link.lowerCredit(random.between(0, 2));
    else await link.takeCreditBack();
    if (random.chance(0.4)) await link.drain();
  }
}
