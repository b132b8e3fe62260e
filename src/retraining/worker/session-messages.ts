import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import type { Clock } from '../../runtime/clock.ts';
import { readModelEvent } from '../envelope.ts';
import type { CancelEvent, RequestEvent } from '../envelope.ts';
import { requestKey } from '../identity.ts';
import type { MessagingTelemetry } from '../telemetry/messaging-telemetry.ts';
import type { LockKeeper } from './lock-keeper.ts';
import { SessionRenewed, messageOf } from './session-errors.ts';
import type { SessionLease } from './session-lease.ts';
import type { WorkerContext } from './worker-context.ts';
import type { WorkerLog } from './worker-log.ts';
import type { Arrival, DeadLetterReason } from './worker-sort.ts';

type Received = ServiceBusReceivedMessage;
/** The official client's type of sequence numbers. */
type Long = NonNullable<Received['sequenceNumber']>;

/** Messages received at once, beyond those of a plan: room for what is sorted out. */
const RECEIVE_MAX = 128;
/** Messages peeked at once, and pages that are looked through for what a cancel is meant for. */
const PEEK_PAGE = 100;
const PEEK_PAGES_MAX = 10;
/** How long to wait for the first message, for one more, and for those that a peek has just shown. */
const FIRST_WAIT_MS = 1000;
const ONE_MORE_WAIT_MS = 100;
const REST_WAIT_MS = 2000;
/** Service Bus cuts a dead letter's description at this length. */
const DESCRIPTION_MAX_LENGTH = 4096;

/** A request and the messages that carry it: nearly always one, more when it was sent again outside of the duplicate window. */
export interface Carrier {
  readonly event: RequestEvent;
  readonly copies: readonly { readonly message: Received; readonly hop: number }[];
}

/** The messages of a session that were received over its current link and are not settled. */
export class SessionMessages {
  readonly #lease: SessionLease;
  readonly #keeper: LockKeeper;
  readonly #clock: Clock;
  readonly #log: WorkerLog;
  readonly #telemetry: MessagingTelemetry;
  #generation = 0;
  /** The link that has delivered a message already. */
  #receivedOver: number | undefined;
  #held: Arrival<Received>[] = [];
  #seen: RequestEvent[] = [];

  constructor({
    lease,
    keeper,
    context,
  }: {
    lease: SessionLease;
    keeper: LockKeeper;
    context: Pick<WorkerContext, 'clock' | 'log' | 'telemetry'>;
  }) {
    this.#lease = lease;
    this.#keeper = keeper;
    this.#clock = context.clock;
    this.#log = context.log;
    this.#telemetry = context.telemetry.messaging;
  }

  /** What can be settled now. Empty again when the link was renewed: then everything is delivered once more. */
  get held(): readonly Arrival<Received>[] {
    if (this.#generation !== this.#lease.generation) {
      this.#generation = this.#lease.generation;
      this.#held = [];
      this.#seen = [];
    }
    return this.#held;
  }

  /** Requests of the session, received or not, as of when a cancel was received. */
  get seen(): readonly RequestEvent[] {
    return this.#seen;
  }

  /**
   * Receives what is active, up to a limit; false when there is nothing. Exactly as many as a peek shows are asked for: for
   * a number that is not there, the client would wait another second, then drain the link.
   */
  async receive(): Promise<boolean> {
    const maxWaitTimeInMs = this.#receivedOver === this.#lease.generation ? ONE_MORE_WAIT_MS : FIRST_WAIT_MS;
    const [first] = await this.#take(1, maxWaitTimeInMs);
    if (!first) return false;
    this.#receivedOver = this.#lease.generation;
    this.#hold([first]);
    const from = first.sequenceNumber?.add(1);
    if (!from) return true;
    const peeked = await this.#lease.operate((link) => link.peekMessages(RECEIVE_MAX, { fromSequenceNumber: from }));
    const nowMs = this.#clock.wallMs();
    const active = peeked.filter((message) => isActive(message, nowMs)).length;
    if (active > 0) this.#hold(await this.#take(active, REST_WAIT_MS));
    if (this.#held.some(({ read }) => read.kind === 'cancel')) await this.#lookAround(from);
    return true;
  }

  #take(count: number, maxWaitTimeInMs: number): Promise<Received[]> {
    return this.#telemetry.operate(
      { name: 'receive', type: 'receive', model: this.#lease.model },
      () => this.#lease.operate((link) => link.receiveMessages(count, { maxWaitTimeInMs })),
      (messages) => messages.length,
    );
  }

  /** Looks through the session, as what a cancel is meant for may wait as a clone; a clone may come before the cancel. */
  async #lookAround(any: Long): Promise<void> {
    const seen: RequestEvent[] = [];
    let from = any.subtract(any);
    for (let page = 0; page < PEEK_PAGES_MAX; page++) {
      const start = from;
      const peeked = await this.#lease.operate((link) => link.peekMessages(PEEK_PAGE, { fromSequenceNumber: start }));
      for (const message of peeked) {
        const read = readModelEvent(message);
        if (read.kind === 'request') seen.push(read.event);
        if (message.sequenceNumber) from = message.sequenceNumber.add(1);
      }
      if (peeked.length < PEEK_PAGE) break;
    }
    this.#seen = seen;
  }

  /** What carries each of these requests, by the request's key. */
  carriersOf(requests: readonly { source: string; id: string }[]): Map<string, Carrier> {
    const wanted = new Set(requests.map(requestKey));
    const carriers = new Map<string, Carrier>();
    for (const { message, read } of this.held) {
      if (read.kind !== 'request') continue;
      const { event } = read;
      const key = requestKey(event);
      if (!wanted.has(key)) continue;
      const copies = [...(carriers.get(key)?.copies ?? []), { message, hop: event.retrainhop ?? 0 }];
      carriers.set(key, { event, copies });
    }
    return carriers;
  }

  /** Control events that were received with the requests of a run, as after a take-over, and wait to be disposed of. */
  cancels(): CancelEvent[] {
    return this.held.flatMap(({ read }) => (read.kind === 'cancel' ? [read.event] : []));
  }

  /** A message that cannot be completed is delivered again and recognised; that is no reason to stop. */
  async complete(message: Received): Promise<void> {
    await this.#settle(message, 'complete', (link) => link.completeMessage(message));
  }

  async deadLetter(
    message: Received,
    { reason, description }: { reason: DeadLetterReason; description: string },
  ): Promise<void> {
    const deadLetterErrorDescription = description.slice(0, DESCRIPTION_MAX_LENGTH);
    const settled = await this.#settle(message, 'dead_letter', (link) =>
      link.deadLetterMessage(message, { deadLetterReason: reason, deadLetterErrorDescription }),
    );
    const messageId = typeof message.messageId === 'string' ? { messageId: message.messageId } : {};
    if (settled) this.#log({ fact: 'dead-lettered', model: this.#lease.model, reason, description, ...messageId });
  }

  /** Leaves a message unsettled: it is delivered again when the session is accepted anew. */
  setAside(message: Received): void {
    this.#held = this.held.filter((held) => held.message !== message);
  }

  async #settle(
    message: Received,
    name: 'complete' | 'dead_letter',
    settle: Parameters<SessionLease['settle']>[0],
  ): Promise<boolean> {
    if (!this.held.some((held) => held.message === message)) throw new SessionRenewed();
    this.#held = this.#held.filter((held) => held.message !== message);
    try {
      const messageId = typeof message.messageId === 'string' ? message.messageId : undefined;
      const operation = { name, type: 'settle', model: this.#lease.model, messageId } as const;
      await this.#telemetry.operate(operation, () => this.#lease.settle(settle));
      return true;
    } catch (error) {
      if (error instanceof SessionRenewed || this.#lease.lost.aborted) throw error;
      this.#log({ fact: 'settlement-failed', model: this.#lease.model, reason: messageOf(error) });
      return false;
    }
  }

  #hold(messages: readonly Received[]): void {
    const held = [...this.held, ...messages.map((message) => ({ message, read: readModelEvent(message) }))];
    this.#held = held;
    for (const { sequenceNumber } of messages) if (sequenceNumber) this.#keeper.watchAfter(sequenceNumber);
  }
}

/**
 * Whether a peeked message can be received now. A message that was scheduled keeps the state `scheduled` for ever, so that
 * its time has to decide; a clock that is set wrongly costs a wait, or leaves the message for the next round.
 */
function isActive({ state, scheduledEnqueueTimeUtc: scheduled }: Received, nowMs: number): boolean {
  return state !== 'deferred' && (scheduled === undefined || scheduled.getTime() <= nowMs);
}
