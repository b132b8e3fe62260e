import { Client } from './client.ts';
import { CoordinatorLink } from './coordinator-link.ts';
import type { SeededRandom } from './seeded-random.ts';
import { SendingLink, type SendResult } from './sending-link.ts';
import { PAUSE_MS, type Setting } from './setting.ts';
import type { TopicMessage, TopicModel } from './topic-model.ts';
import { COLORS, TOPIC } from './topic-plan.ts';
import { BATCH_MESSAGE_FORMAT, encodeBatch, encodeMessage } from './wire-message.ts';

const MAX_BURST = 6;
const MAX_SCHEDULED_AHEAD_MS = 6_000;
const REFUSED_PAUSE_MS = 300;
/** After that many refusals it goes on with other messages. */
const MAX_REFUSALS = 3;
const SMALL_BYTES = 80;

/** Sends to the topic: one by one, in batches, in transactions, scheduled, and again whatever was not answered. */
export class TopicSender {
  readonly #setting: Setting;
  readonly #model: TopicModel;
  readonly #name: string;
  readonly #random: SeededRandom;
  #left: number;
  #refusals = 0;
  #open: TopicMessage[] = [];

  constructor(options: { setting: Setting; model: TopicModel; name: string }) {
    this.#setting = options.setting;
    this.#model = options.model;
    this.#name = options.name;
    this.#left = options.model.plan.messagesEach;
    this.#random = options.setting.world.random.fork();
  }

  async run(): Promise<void> {
    const { world, broker } = this.#setting;
    while (!this.#done) {
      const client = await Client.connect({ world, broker, name: this.#name });
      const link = await SendingLink.attach(client, TOPIC);
      if (link) await this.#sendAll(client, link);
      if (this.#random.chance(0.5)) client.cut();
      else client.close();
      await world.sleep(this.#random.delayMs(3 * PAUSE_MS));
    }
  }

  async #sendAll(client: Client, link: SendingLink): Promise<void> {
    while (!link.lost && client.alive && !this.#done) await this.#sendSome(client, link);
  }

  get #done(): boolean {
    return this.#model.isGivenUp || (this.#left === 0 && this.#open.length === 0);
  }

  async #sendSome(client: Client, link: SendingLink): Promise<void> {
    const random = this.#random;
    const { world } = this.#setting;
    if (this.#open.length === 0)
      for (let count = random.between(1, MAX_BURST); count > 0 && this.#left > 0; count--, this.#left--)
        this.#open.push(this.#compose());
    const messages = this.#open.slice(0, MAX_BURST);
    world.markDelicate();
    const dice = random.fraction();
    const results =
      dice < 0.4
        ? [await this.#sendBatch(link, messages)]
        : dice < 0.7
          ? [await this.#sendTransaction(client, link, messages)]
          : await Promise.all(messages.map((message) => this.#sendOne(link, message)));
    if (random.chance(0.03)) client.cut();
    if (results.some(({ kind }) => kind === 'refused')) {
      if (++this.#refusals % MAX_REFUSALS === 0) this.#open = [];
      await world.sleep(random.delayMs(REFUSED_PAUSE_MS));
    }
    await world.sleep(random.delayMs(6 * PAUSE_MS));
  }

  #compose(): TopicMessage {
    const random = this.#random;
    const { world, maxBodyBytes } = this.#setting;
    const aheadMs = random.chance(0.25) ? random.between(-10, MAX_SCHEDULED_AHEAD_MS) : undefined;
    const scheduledMs = aheadMs === undefined ? undefined : Math.floor(world.clock.wallMs() + aheadMs);
    // It becomes active, and goes to the subscriptions, in two steps.
    if (aheadMs !== undefined && aheadMs > 0) world.after(aheadMs, () => world.markDelicate());
    const bodyBytes = random.between(1, random.chance(0.1) ? maxBodyBytes : SMALL_BYTES);
    return this.#model.compose({ bodyBytes, color: random.pick(COLORS), scheduledMs });
  }

  async #track(messages: readonly TopicMessage[], send: () => Promise<SendResult>): Promise<SendResult> {
    const end = this.#model.startSend(messages);
    const result = await send();
    end(result);
    if (result.kind === 'accepted') this.#open = this.#open.filter((message) => !messages.includes(message));
    return result;
  }

  #sendOne(link: SendingLink, message: TopicMessage): Promise<SendResult> {
    return this.#track([message], () => link.send(encodeMessage(wire(message))));
  }

  #sendBatch(link: SendingLink, messages: readonly TopicMessage[]): Promise<SendResult> {
    const payload = encodeBatch(messages.map((message) => encodeMessage(wire(message))));
    return this.#track(messages, () => link.send(payload, { messageFormat: BATCH_MESSAGE_FORMAT }));
  }

  async #sendTransaction(client: Client, link: SendingLink, messages: readonly TopicMessage[]): Promise<SendResult> {
    const control = await CoordinatorLink.attach(client);
    const txnId = await control?.declare();
    if (!control || !txnId) return { kind: 'lost' };
    const sends = messages.map((message) => link.send(encodeMessage(wire(message)), { txnId }));
    const enlisted = await Promise.all(sends);
    const result = await (enlisted.every(({ kind }) => kind === 'accepted')
      ? this.#track(messages, async (): Promise<SendResult> => {
          const answer = await control.discharge(txnId, { fail: false });
          return answer.kind === 'done' ? { kind: 'accepted' } : answer;
        })
      : control.discharge(txnId, { fail: true }).then((): SendResult => ({ kind: 'refused', condition: 'enlisting' })));
    control.detach();
    return result;
  }
}

function wire({ uid, bodyBytes, color, scheduledMs }: TopicMessage): Parameters<typeof encodeMessage>[0] {
  return { uid, sessionId: undefined, bodyBytes, scheduledMs, color };
}
