import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { RetrainError } from '../../errors.ts';
import { pause } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { backoffMs } from '../backoff.ts';
import { closeClient, createClient, toRetrainError } from '../connection.ts';
import type { Connection } from '../connection.ts';
import type { NotifyLog } from './notify-log.ts';

type Received = ServiceBusReceivedMessage;

/** Where outcome events are taken from: a subscription of the notifier's own, or a queue. */
export type NotifySource = { readonly topic: string; readonly subscription: string } | { readonly queue: string };

/** How long one ask for messages waits, and the limit of every other operation. */
const WAIT_MS = 2_000;
const OPERATION_MS = 5_000;
/** Beyond its wait, how long an ask may take before the client counts as stuck. */
const STUCK_MARGIN_MS = 5_000;
const AWAY_BACKOFF = { baseMs: 500, maxMs: 30_000 };
/** Service Bus cuts a dead letter's description at this length. */
const DESCRIPTION_MAX_LENGTH = 4_096;

/** The notifier's connection: it takes messages under locks, and goes on when the broker was away. */
export class NotifyInbox {
  readonly place: string;
  readonly #options: { connection: Connection; from: NotifySource; clock: Clock; random: Random; log: NotifyLog };
  #client: ServiceBusClient;
  #receiver: ServiceBusReceiver;
  #failures = 0;

  constructor(options: { connection: Connection; from: NotifySource; clock: Clock; random: Random; log: NotifyLog }) {
    this.#options = options;
    const { from } = options;
    this.place = 'queue' in from ? from.queue : `${from.topic}/Subscriptions/${from.subscription}`;
    this.#client = this.#open();
    this.#receiver = this.#receiverOf(this.#client);
  }

  /**
   * Messages, none when there are none within a moment; undefined when the broker is away, which is told. It never raises.
   * `signal` ends the pause after a failure only: what a client that is interrupted has just got would stay locked.
   */
  async receive(max: number, signal: AbortSignal): Promise<Received[] | undefined> {
    try {
      const messages = await this.#ask(max);
      if (this.#failures > 0) this.#options.log({ fact: 'notifier-reachable' });
      this.#failures = 0;
      return messages;
    } catch (error) {
      if (!signal.aborted) await this.#away(error, signal);
      return undefined;
    }
  }

  complete(message: Received): Promise<void> {
    return this.#within(this.#receiver.completeMessage(message));
  }

  deadLetter(message: Received, { reason, description }: { reason: string; description: string }): Promise<void> {
    const deadLetterErrorDescription = description.slice(0, DESCRIPTION_MAX_LENGTH);
    const options = { deadLetterReason: reason, deadLetterErrorDescription };
    return this.#within(this.#receiver.deadLetterMessage(message, options));
  }

  abandon(message: Received): Promise<void> {
    return this.#within(this.#receiver.abandonMessage(message));
  }

  async renew(message: Received): Promise<void> {
    message.lockedUntilUtc = await this.#within(this.#receiver.renewMessageLock(message));
  }

  /** A receiver that looks through another queue from its first message on. */
  async browse<T>(queue: string, look: (receiver: ServiceBusReceiver) => Promise<T>): Promise<T> {
    const receiver = this.#client.createReceiver(queue);
    try {
      return await look(receiver);
    } finally {
      await receiver.close().catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    await closeClient(this.#client, { clock: this.#options.clock });
  }

  /** The client waits a minute for a settlement over a link that is gone. */
  async #within<T>(operation: Promise<T>): Promise<T> {
    const ended = new AbortController();
    const late = pause(this.#options.clock, OPERATION_MS, ended.signal).then((): never => {
      throw new RetrainError('UNREACHABLE', `${this.place} did not answer within ${OPERATION_MS} ms`);
    });
    late.catch(() => undefined);
    operation.catch(() => undefined);
    try {
      return await Promise.race([operation, late]);
    } finally {
      ended.abort();
    }
  }

  async #ask(max: number): Promise<Received[]> {
    const ended = new AbortController();
    const limitMs = WAIT_MS + STUCK_MARGIN_MS;
    const stuck = pause(this.#options.clock, limitMs, ended.signal).then((): Received[] => {
      if (ended.signal.aborted) return [];
      throw new RetrainError('UNREACHABLE', `${this.place} gave neither messages nor an answer within ${limitMs} ms`);
    });
    const asked = this.#receiver.receiveMessages(max, { maxWaitTimeInMs: WAIT_MS });
    try {
      return await Promise.race([asked, stuck]);
    } finally {
      ended.abort();
      asked.catch(() => undefined);
    }
  }

  async #away(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, random, log, connection } = this.#options;
    const known = toRetrainError(error, { host: connection.host, entity: this.place });
    const code = known instanceof RetrainError ? known.code : 'UNREACHABLE';
    this.#failures++;
    const retryInMs = backoffMs(this.#failures, AWAY_BACKOFF, random);
    log({ fact: 'notifier-unreachable', reason: known.message.slice(0, 500), code, retryInMs });
    await pause(clock, retryInMs, signal);
    const old = this.#client;
    this.#client = this.#open();
    this.#receiver = this.#receiverOf(this.#client);
    await closeClient(old, { clock });
  }

  #open(): ServiceBusClient {
    return createClient(this.#options.connection, { retry: { maxRetries: 0, timeoutInMs: OPERATION_MS } });
  }

  /** Locks are renewed by the notifier: the client's own renewal gives up after one failed try. */
  #receiverOf(client: ServiceBusClient): ServiceBusReceiver {
    const { from } = this.#options;
    const options = { receiveMode: 'peekLock', maxAutoLockRenewalDurationInMs: 0 } as const;
    return 'queue' in from
      ? client.createReceiver(from.queue, options)
      : client.createReceiver(from.topic, from.subscription, options);
  }
}
