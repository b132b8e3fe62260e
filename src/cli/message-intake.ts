import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { answered } from './connection.ts';
import type { Place } from './connection.ts';
import { settle } from './settlement.ts';
import type { Settlement } from './settlement.ts';

/** One wait of the client. It is not broken off, which could lose a message that is on its way: Ctrl-C waits so long. */
const SLICE_MS = 1_000;
/** Messages asked for at a time. */
const BATCH_MAX = 100;

export interface IntakeOptions {
  readonly place: Place;
  readonly settlement: Settlement;
  readonly signal: AbortSignal;
  /** Messages at most. */
  readonly count: number;
  /** Shows a message; it is settled once the promise resolves. */
  readonly show: (message: ServiceBusReceivedMessage) => Promise<void>;
}

/**
 * Takes messages out of receivers, shows and then settles them. Who abandons them gets none twice: they are held to the end. A
 * message is never settled before it is shown; one that was not shown, because of an interrupt, is given back.
 */
export class MessageIntake {
  readonly #options: IntakeOptions;
  #taken = 0;
  #lastWasShort = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Whether nothing more is to be taken. */
  get done(): boolean {
    return this.#taken >= this.#options.count || this.#options.signal.aborted;
  }

  /** Takes until it is done, or no message has come for `idleMs`. */
  async takeFrom(receiver: ServiceBusReceiver, idleMs: number): Promise<void> {
    const held: ServiceBusReceivedMessage[] = [];
    try {
      for (let idle = 0; !this.done && idle < idleMs;) {
        const waitMs = Math.min(SLICE_MS, idleMs - idle);
        const messages = await this.#receive(receiver, waitMs);
        idle = messages.length > 0 ? 0 : idle + waitMs;
        await this.#handle(receiver, messages, held);
      }
    } finally {
      await this.#settleAll(receiver, held);
    }
  }

  /** Shows and settles messages that were asked for one by one. */
  async take(receiver: ServiceBusReceiver, messages: readonly ServiceBusReceivedMessage[]): Promise<void> {
    const held: ServiceBusReceivedMessage[] = [];
    await this.#handle(receiver, messages, held);
    await this.#settleAll(receiver, held);
  }

  #receive(receiver: ServiceBusReceiver, waitMs: number): Promise<ServiceBusReceivedMessage[]> {
    const { place, count, settlement } = this.#options;
    // With fewer than asked for, the client waits a second for more: after a short answer, one is asked for. What is deleted
    // when it leaves the broker is taken one by one, so that broken output costs one at most.
    const single = settlement.kind === 'delete' || this.#lastWasShort;
    const wanted = single ? 1 : Math.min(count - this.#taken, BATCH_MAX);
    return answered(receiver.receiveMessages(wanted, { maxWaitTimeInMs: waitMs }), place).then((messages) => {
      this.#lastWasShort = messages.length < wanted;
      return messages;
    });
  }

  async #handle(
    receiver: ServiceBusReceiver,
    messages: readonly ServiceBusReceivedMessage[],
    held: ServiceBusReceivedMessage[],
  ): Promise<void> {
    const { settlement, signal, show, place } = this.#options;
    const settling: Promise<void>[] = [];
    for (const message of messages) {
      if (signal.aborted && settlement.kind !== 'delete') {
        settling.push(answered(receiver.abandonMessage(message), place));
        continue;
      }
      await show(message);
      this.#taken += 1;
      if (settlement.kind === 'abandon') held.push(message);
      else settling.push(answered(settle(receiver, message, settlement), place));
    }
    await allOf(settling);
  }

  async #settleAll(receiver: ServiceBusReceiver, messages: readonly ServiceBusReceivedMessage[]): Promise<void> {
    const { settlement, place } = this.#options;
    await allOf(messages.map((message) => answered(settle(receiver, message, settlement), place)));
  }
}

/** Waits for all, also when one fails: none is left behind half-way. */
async function allOf(promises: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
