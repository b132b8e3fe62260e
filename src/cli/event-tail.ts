import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import Long from 'long';
import { RetrainError } from '../errors.ts';
import { closeClient, createClient } from '../retraining/connection.ts';
import { readOutcome } from '../retraining/outcome.ts';
import type { OutcomeEvent } from '../retraining/outcome.ts';
import { pause } from '../runtime/clock.ts';
import type { Clock } from '../runtime/clock.ts';
import { answered } from './connection.ts';
import type { Place } from './connection.ts';
import { receiverOf } from './entity-address.ts';
import { findOutcomes } from './outcome-source.ts';
import type { OutcomeFlags } from './outcome-source.ts';

/** Messages of one answer; Service Bus gives no more than 250. */
const BATCH = 250;
/** Between two looks for what is new. */
const LOOK_MS = 500;
/** Between two tries to reach a broker that is away. */
const AWAY_MS = 2_000;
const OPERATION_MS = 5_000;
/** Events are told a moment after what they tell happened, and clocks differ: `--since` looks so much further back. */
const SINCE_SLACK_MS = 3_600_000;
/** The first step of the search for the end of a subscription; it doubles. */
const FIRST_STEP = 64n;

export interface EventTailOptions {
  readonly place: Place;
  readonly flags: OutcomeFlags;
  readonly clock: Clock;
  readonly onAway: (reason: string) => void;
  readonly onBack: () => void;
  readonly onSkipped: (reason: string) => void;
}

/** Outcome events of a subscription in order, by looking only: nothing is taken from it, and it may be followed by many. */
export class EventTail implements AsyncDisposable {
  readonly #options: EventTailOptions;
  #client: ServiceBusClient | undefined;
  #receiver: ServiceBusReceiver | undefined;
  #at: Place;
  #away = false;

  constructor(options: EventTailOptions) {
    this.#options = options;
    this.#at = options.place;
  }

  /** @throws RetrainError when it cannot be begun; once begun, `follow` goes on when the broker was away */
  async *events({
    from,
    follow,
    signal,
  }: {
    from: Date | 'now' | undefined;
    follow: boolean;
    signal: AbortSignal;
  }): AsyncGenerator<OutcomeEvent> {
    await this.#open();
    let next = await this.#start(from);
    while (!signal.aborted) {
      const messages = follow ? await this.#peekAgain(next, signal) : await this.#peek(next, BATCH);
      for (const message of messages) {
        if (signal.aborted) return;
        next = numberOf(message) + 1n;
        const read = readOutcome(message);
        if (read.kind === 'valid') yield read.event;
        else this.#options.onSkipped(read.reason);
      }
      if (messages.length > 0) continue;
      if (!follow) return;
      await pause(this.#options.clock, LOOK_MS, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client) await closeClient(client, { clock: this.#options.clock });
  }

  async #open(): Promise<void> {
    await this[Symbol.asyncDispose]();
    const { place, flags } = this.#options;
    const client = createClient(place.connection, { retry: { maxRetries: 0, timeoutInMs: OPERATION_MS } });
    this.#client = client;
    const { address, at } = await findOutcomes(client, flags, place);
    this.#at = at;
    this.#receiver = receiverOf(client, address);
  }

  /** The sequence number to begin with. They ascend, and so does when they were enqueued: it is searched by halves. */
  async #start(from: Date | 'now' | undefined): Promise<bigint> {
    if (from === undefined) return 1n;
    const fromMs = from === 'now' ? Infinity : from.getTime() - SINCE_SLACK_MS;
    const isBefore = async (number: bigint): Promise<bigint | undefined> => {
      const [message] = await this.#peek(number, 1);
      const found = message && numberOf(message);
      return message && found !== undefined && found >= number && (message.enqueuedTimeUtc?.getTime() ?? 0) < fromMs
        ? found
        : undefined;
    };
    let low = 1n;
    let high: bigint | undefined;
    for (let step = FIRST_STEP; high === undefined || low < high; step *= 2n) {
      const middle: bigint = high === undefined ? low + step : (low + high) / 2n;
      const found = await isBefore(middle);
      if (found === undefined) high = middle;
      else low = found + 1n;
    }
    return low;
  }

  #peek(from: bigint, count: number): Promise<ServiceBusReceivedMessage[]> {
    const options = { fromSequenceNumber: Long.fromString(String(from)) };
    if (!this.#receiver) throw new RetrainError('UNREACHABLE', 'the connection is closed: open it first');
    return answered(this.#receiver.peekMessages(count, options), this.#at);
  }

  async #peekAgain(from: bigint, signal: AbortSignal): Promise<ServiceBusReceivedMessage[]> {
    const { onAway, onBack, clock } = this.#options;
    for (;;) {
      try {
        if (this.#away) await this.#open();
        const messages = await this.#peek(from, BATCH);
        if (this.#away) onBack();
        this.#away = false;
        return messages;
      } catch (error) {
        if (signal.aborted) return [];
        if (!(error instanceof RetrainError) || error.code !== 'UNREACHABLE') throw error;
        if (!this.#away) onAway(error.message);
        this.#away = true;
      }
      await pause(clock, AWAY_MS, signal);
      if (signal.aborted) return [];
    }
  }
}

function numberOf({ sequenceNumber }: ServiceBusReceivedMessage): bigint {
  return BigInt(sequenceNumber?.toString() ?? '0');
}
