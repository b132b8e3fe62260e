import type { IncomingDelivery } from '../../src/amqp/index.ts';
import { Client } from './client.ts';
import { composeMessage } from './compose-message.ts';
import { CoordinatorLink } from './coordinator-link.ts';
import type { DeliveryRecord } from './copy-history.ts';
import { MAX_LATENCY_MS } from './pipe.ts';
import { attachPlain } from './plain-receiver.ts';
import type { QueueModel } from './queue-model.ts';
import type { ReceivingLink } from './receiving-link.ts';
import type { SeededRandom } from './seeded-random.ts';
import { SendingLink } from './sending-link.ts';
import { acceptSession } from './session-receiver.ts';
import { PAUSE_MS, type Setting } from './setting.ts';
import { decide, stateOf } from './settle-messages.ts';
import type { TransactionModel } from './transaction-model.ts';
import { encodeMessage } from './wire-message.ts';

const MAX_SENDS = 4;
const MAX_MESSAGES = 3;
const NEXT_MESSAGE_MS = 60;
/** Longer than any lock of a run. */
const TOO_LONG_MS = 7_000;

/** What one transaction works with. */
interface Work {
  readonly client: Client;
  readonly control: CoordinatorLink;
  readonly txnId: Buffer;
  readonly transaction: TransactionModel;
}

/** A client that receives from one queue and sends into one or two, in transactions that it commits, rolls back, or leaves in the middle. */
export class Transactor {
  readonly #setting: Setting;
  readonly #name: string;
  readonly #sources: readonly QueueModel[];
  readonly #destinations: readonly QueueModel[];
  readonly #random: SeededRandom;
  #left: number;

  constructor(options: { setting: Setting; name: string; transactions: number }) {
    this.#setting = options.setting;
    this.#name = options.name;
    this.#left = options.transactions;
    this.#random = options.setting.world.random.fork();
    const { queues } = options.setting.namespace;
    // What nobody sends to or receives from is left to the forwarding, so that its order can be told.
    this.#sources = queues.filter(({ plan }) => plan.receivers > 0);
    this.#destinations = queues.filter(({ plan }) => plan.senders > 0);
  }

  async run(): Promise<void> {
    const { world, broker } = this.#setting;
    while (this.#left > 0 && !this.#setting.over) {
      const client = await Client.connect({ world, broker, name: this.#name });
      const control = await CoordinatorLink.attach(client);
      if (control) await this.#workAll(client, control);
      client.close();
      // What is still on its way must not arrive after what comes next.
      await world.sleep(MAX_LATENCY_MS + this.#random.delayMs(3 * PAUSE_MS));
    }
  }

  async #workAll(client: Client, control: CoordinatorLink): Promise<void> {
    while (client.alive && this.#left > 0) await this.#workOnce(client, control);
  }

  async #workOnce(client: Client, control: CoordinatorLink): Promise<void> {
    const random = this.#random;
    const { namespace, world } = this.#setting;
    const source = random.pick(this.#sources);
    const receiving = random.chance(0.6) ? await this.#receive(client, source) : undefined;
    const txnId = await control.declare();
    if (txnId) {
      this.#left--;
      const work: Work = { client, control, txnId, transaction: namespace.beginTransaction(this.#name) };
      const destinations = new Set([random.pick(this.#destinations), random.pick(this.#destinations)]);
      const steps = [...destinations].map((model) => () => this.#send(work, model));
      if (receiving) steps.splice(random.between(0, steps.length), 0, () => this.#settle(work, source, receiving));
      for (const step of steps) if (client.alive) await step();
      await this.#end(work);
    }
    await receiving?.link.detach();
    await world.sleep(random.delayMs(4 * PAUSE_MS));
  }

  async #receive(
    client: Client,
    model: QueueModel,
  ): Promise<{ link: ReceivingLink; deliveries: IncomingDelivery[] } | undefined> {
    const random = this.#random;
    const link = model.description.requiresSession
      ? (await acceptSession({ client, model, sessionId: null, waitMs: 50 }))?.link
      : await attachPlain({ client, model, from: 'queue', mode: 'peek-lock' });
    if (!link || link.gone !== undefined) return undefined;
    const count = random.between(1, MAX_MESSAGES);
    link.addCredit(count);
    const deliveries: IncomingDelivery[] = [];
    while (deliveries.length < count) {
      const delivery = await link.next(NEXT_MESSAGE_MS);
      if (!delivery) break;
      deliveries.push(delivery);
    }
    return { link, deliveries };
  }

  async #send({ client, txnId, transaction }: Work, model: QueueModel): Promise<void> {
    const random = this.#random;
    const link = await SendingLink.attach(client, model.name);
    // Messages of a sender are told apart within their queue.
    const name = `${this.#name}${model.name.slice(0, 1)}`;
    const sends = Array.from({ length: random.between(1, MAX_SENDS) }, async () => {
      const scheduled = random.chance(0.05);
      const message = composeMessage({ setting: this.#setting, model, name, random, scheduled, large: 0.4 });
      const result = await link?.send(encodeMessage(message), { txnId });
      if (result?.kind === 'accepted') transaction.sends.push({ model, message });
    });
    await Promise.all(sends);
  }

  async #settle(
    { txnId, transaction }: Work,
    model: QueueModel,
    { link, deliveries }: { link: ReceivingLink; deliveries: readonly IncomingDelivery[] },
  ): Promise<void> {
    for (const delivery of deliveries) {
      const kind = decide(this.#random, 'queue');
      if (!kind) continue;
      const record = delivery.context as DeliveryRecord;
      const { kind: result } = await link.settle(delivery, stateOf(kind, transaction.deadLetterReason), txnId);
      if (result === 'done') transaction.settlements.push({ model, record, kind });
    }
  }

  /** Commits, rolls back, or goes. */
  async #end({ client, control, txnId, transaction }: Work): Promise<void> {
    const random = this.#random;
    const { world } = this.#setting;
    if (random.chance(0.02)) await world.sleep(TOO_LONG_MS);
    const dice = random.fraction();
    if (dice < 0.1) {
      world.trace(transaction.name, 'is rolled back');
      await control.discharge(txnId, { fail: true });
    } else if (dice < 0.15) {
      world.trace(transaction.name, 'is left');
      if (random.chance(0.5)) client.cut();
      else control.detach();
      client.close();
    } else {
      const end = transaction.startCommit();
      const answer = control.discharge(txnId, { fail: false });
      if (random.chance(0.1)) world.after(random.delayMs(0.5), () => client.cut());
      end(await answer);
    }
  }
}
