import { AmqpArray, lookup, type AmqpMap } from '../../src/amqp/index.ts';
import { Client } from './client.ts';
import { ManagementLink } from './management-link.ts';
import type { QueueModel } from './queue-model.ts';
import type { SeededRandom } from './seeded-random.ts';
import { SendingLink, type SendResult } from './sending-link.ts';
import { composeMessage } from './compose-message.ts';
import type { SentMessage } from './sent-message.ts';
import { PAUSE_MS, type Setting } from './setting.ts';
import { BATCH_MESSAGE_FORMAT, encodeBatch, encodeMessage } from './wire-message.ts';

/** Messages that one sender keeps in flight. */
const MAX_BURST = 8;
/** A full disk is tried again after a while. */
const REFUSED_PAUSE_MS = 400;
/** After that many refusals the sender goes on with other messages. */
const MAX_REFUSALS = 3;

interface SenderOptions {
  readonly setting: Setting;
  readonly model: QueueModel;
  readonly name: string;
  readonly messages: number;
}

/**
 * Sends messages until the run is over: one after the other, in bursts, in batches, scheduled, and again whatever was not answered when the
 * connection went. Now and then it sends something again that was acknowledged, if the queue detects duplicates.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #setting: Setting;
  readonly #model: QueueModel;
  readonly #name: string;
  readonly #random: SeededRandom;
  #left: number;
  #refusals = 0;
  /** Sent and not acknowledged, in the order in which they were composed. */
  #open: SentMessage[] = [];
  readonly #acknowledged: SentMessage[] = [];
  /** Scheduled through `$management`. */
  readonly #scheduled: { message: SentMessage; sequenceNumber: number }[] = [];

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#setting = options.setting;
    this.#model = options.model;
    this.#name = options.name;
    this.#left = options.messages;
    this.#random = options.setting.world.random.fork();
  }

  async run(): Promise<void> {
    const { world, broker } = this.#setting;
    while (!this.#done) {
      const client = await Client.connect({ world, broker, name: this.#name });
      const link = await SendingLink.attach(client, this.#model.name);
      if (link) await this.#sendAll(client, link);
      if (this.#random.chance(0.5)) client.cut();
      else client.close();
      await this.#pause();
    }
  }

  async #sendAll(client: Client, link: SendingLink): Promise<void> {
    while (!link.lost && !this.#done) await this.#sendSome(client, link);
  }

  get #done(): boolean {
    return this.#setting.over || (this.#left === 0 && this.#open.length === 0);
  }

  async #sendSome(client: Client, link: SendingLink): Promise<void> {
    const random = this.#random;
    if (this.#open.length === 0) {
      if (random.chance(0.1)) return this.#schedule(client);
      if (random.chance(0.05)) return this.#cancelScheduled(client);
      this.#compose();
    }
    const messages = this.#open.slice(0, MAX_BURST);
    const results = random.chance(0.25) ? this.#sendBatch(link, messages) : this.#sendBurst(link, messages);
    if (random.chance(0.03)) client.cut();
    if ((await Promise.all(results)).some(({ kind }) => kind === 'refused')) {
      if (++this.#refusals % MAX_REFUSALS === 0) this.#open = [];
      await this.#setting.world.sleep(random.delayMs(REFUSED_PAUSE_MS));
    }
    await this.#pause();
  }

  #pause(): Promise<void> {
    return this.#setting.world.sleep(this.#random.delayMs(this.#random.chance(0.03) ? 500 : 3 * PAUSE_MS));
  }

  #compose(): void {
    const random = this.#random;
    if (this.#model.detectsDuplicates && this.#acknowledged.length > 0 && random.chance(0.1))
      this.#open.push(random.pick(this.#acknowledged));
    for (let count = random.between(1, MAX_BURST); count > 0 && this.#left > 0; count--, this.#left--)
      this.#open.push(this.#composeOne(random.chance(0.05)));
  }

  #composeOne(scheduled: boolean): SentMessage {
    return composeMessage({ ...this.#options, random: this.#random, scheduled });
  }

  #sendBurst(link: SendingLink, messages: readonly SentMessage[]): Promise<SendResult>[] {
    return messages.map((message) => this.#track([message], () => link.send(encodeMessage(message))));
  }

  #sendBatch(link: SendingLink, messages: readonly SentMessage[]): Promise<SendResult>[] {
    const payload = encodeBatch(messages.map((message) => encodeMessage(message)));
    return [this.#track(messages, () => link.send(payload, { messageFormat: BATCH_MESSAGE_FORMAT }))];
  }

  async #track(messages: readonly SentMessage[], send: () => Promise<SendResult>): Promise<SendResult> {
    const attempts = messages.map((message) => ({ message, attempt: this.#model.startSend(message) }));
    const result = await send();
    for (const { message, attempt } of attempts) {
      this.#model.endSend(message, attempt, result);
      if (result.kind !== 'accepted') continue;
      this.#open = this.#open.filter((other) => other !== message);
      this.#acknowledged.push(message);
    }
    return result;
  }

  /** Schedules one message through `$management`, which answers with its sequence number. */
  async #schedule(client: Client): Promise<void> {
    if (this.#left === 0) return;
    const management = await ManagementLink.attach(client, this.#model.name);
    if (!management) return;
    this.#left--;
    const message = this.#composeOne(true);
    const attempt = this.#model.startSend(message);
    const item: AmqpMap = new Map([['message', encodeMessage(message)]]);
    const reply = await management.request('schedule-message', new Map([['messages', [item]]]));
    if (reply.kind === 'ok') {
      const numbers = lookup(reply.body, 'sequence-numbers') as AmqpArray;
      const sequenceNumber = Number(numbers.items[0]);
      this.#model.numberScheduled(message, sequenceNumber);
      this.#model.endSend(message, attempt, { kind: 'accepted' });
      this.#scheduled.push({ message, sequenceNumber });
    } else this.#model.endSend(message, attempt, reply);
    await this.#pause();
  }

  async #cancelScheduled(client: Client): Promise<void> {
    const scheduled = this.#scheduled.pop();
    if (!scheduled || scheduled.sequenceNumber === 0) return;
    const management = await ManagementLink.attach(client, this.#model.name);
    if (!management) return;
    const { message, sequenceNumber } = scheduled;
    if (message.copies.length > 0 || message.attempts.length > 1) return;
    const end = this.#model.startCancel(message);
    const numbers = new AmqpArray('long', [BigInt(sequenceNumber)]);
    const reply = await management.request('cancel-scheduled-message', new Map([['sequence-numbers', numbers]]));
    end(reply.kind);
    await this.#pause();
  }
}
