import type { ServiceBusReceivedMessage, ServiceBusReceiver, ServiceBusSender } from '@azure/service-bus';
import { RetrainError } from '../errors.ts';
import { systemClock } from '../runtime/clock.ts';
import { answered } from './connection.ts';
import type { Place } from './connection.ts';
import type { Handled } from './dead-letter-drain.ts';
import { idOfReplay, replayedMessage } from './replayed-message.ts';
import type { ReplayRoute } from './replayed-message.ts';

type Received = ServiceBusReceivedMessage;

/** What became of one dead letter. */
export interface Replayed {
  readonly message: Received;
  readonly newMessageId: string;
  /** Why it was not sent. */
  readonly error?: unknown;
}

export interface ReplayOptions {
  readonly receiver: ServiceBusReceiver;
  readonly sender: ServiceBusSender;
  readonly route: Omit<ReplayRoute, 'nowMs'>;
  /** Of the dead letters, and of the target: for errors. */
  readonly place: Place;
  readonly target: Place;
  readonly onReplayed: (replayed: Replayed) => void;
}

/** Refusals that concern one message only: the others are replayed all the same. */
const OF_ONE_MESSAGE = new Set(['MESSAGE_TOO_LARGE', 'BROKER_REFUSED', 'ARGUMENT_INVALID', 'REQUEST_INVALID']);

/**
 * Sends dead letters again and then completes them. In between, both exist: a crash there makes a second one, never none.
 */
export class DeadLetterReplay {
  readonly #options: ReplayOptions;
  /** Sent, but not completed: their lock was lost, and they come again. */
  readonly #sent = new Set<string>();

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /** @throws RetrainError when no further message can be expected to be sent; those that were sent are completed before */
  async handle(messages: readonly Received[]): Promise<Handled[]> {
    let broken: unknown;
    const handled = await Promise.allSettled(
      messages.map(async (message): Promise<Handled> => {
        const sent = await this.#send(message);
        if (sent === 'sent') return this.#complete(message);
        if (!(sent instanceof RetrainError && OF_ONE_MESSAGE.has(sent.code))) broken ??= sent;
        return 'stays';
      }),
    );
    if (broken !== undefined) throw broken;
    return handled.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
  }

  async #send(message: Received): Promise<unknown> {
    const { route, sender, target, onReplayed } = this.#options;
    const number = numberOf(message);
    if (this.#sent.has(number)) return 'sent';
    const nowMs = systemClock.wallMs();
    let newMessageId = '';
    try {
      const again = replayedMessage(message, { ...route, nowMs });
      newMessageId = idOfReplay(again);
      await answered(sender.sendMessages(again), target);
    } catch (error) {
      onReplayed({ message, newMessageId, error });
      return error;
    }
    this.#sent.add(number);
    onReplayed({ message, newMessageId });
    return 'sent';
  }

  async #complete(message: Received): Promise<Handled> {
    const { receiver, place } = this.#options;
    try {
      await answered(receiver.completeMessage(message), place);
    } catch (error) {
      if (error instanceof RetrainError && error.code === 'LOCK_LOST') return 'again';
      throw error;
    }
    this.#sent.delete(numberOf(message));
    return 'finished';
  }
}

function numberOf(message: Received): string {
  return message.sequenceNumber?.toString() ?? '';
}
