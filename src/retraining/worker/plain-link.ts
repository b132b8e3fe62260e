import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import type { Clock } from '../../runtime/clock.ts';
import { readModelEvent } from '../envelope.ts';
import type { HeldMessages } from './held-messages.ts';
import type { LocalLedgers } from './local-ledgers.ts';
import { isLockLost } from './session-errors.ts';
import type { SessionLink } from './session-link.ts';

type Received = ServiceBusReceivedMessage;
type PeekOptions = Parameters<SessionLink['peekMessages']>[1];

/** Messages peeked at once, and pages looked through for those of one model. */
const PEEK_PAGE = 250;
const PEEK_PAGES_MAX = 4;

export interface PlainLinkOptions {
  readonly model: string;
  readonly ledgers: LocalLedgers;
  readonly held: HeldMessages;
  /** The queue's receiver of now. */
  readonly receiver: () => ServiceBusReceiver;
  /** Looks for more in the queue; waits so long at most, milliseconds. */
  readonly receiveMore: (waitMs: number) => Promise<void>;
  /** Called once, when the link is closed. */
  readonly onClose: (link: PlainLink) => void;
  readonly clock: Clock;
}

/**
 * What stands in for a session of a model on a queue without sessions: its state is a local file, its messages are those that
 * this worker holds under their own locks. There is no session lock to lose; what may be lost are single messages, which
 * are delivered again.
 */
export class PlainLink implements SessionLink {
  readonly sessionId: string;
  readonly sessionLockedUntilUtc: Date;
  readonly #options: PlainLinkOptions;
  readonly #delivered = new Set<Received>();
  #closed = false;

  constructor(options: PlainLinkOptions) {
    this.#options = options;
    this.sessionId = options.model;
    this.sessionLockedUntilUtc = new Date(options.clock.wallMs() + options.held.lockDurationMs);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  getSessionState(): Promise<string | undefined> {
    return this.#options.ledgers.read(this.sessionId);
  }

  async setSessionState(state: Uint8Array): Promise<void> {
    await this.#options.ledgers.write(this.sessionId, state);
  }

  /** Nothing to do: each message's lock is renewed by itself. */
  async renewSessionLock(): Promise<Date> {
    const { clock, held } = this.#options;
    return new Date(clock.wallMs() + held.lockDurationMs);
  }

  /** What is at hand; only when nothing is, the queue is asked. */
  async receiveMessages(max: number, { maxWaitTimeInMs = 0 }: { maxWaitTimeInMs?: number } = {}): Promise<Received[]> {
    let next = this.#undelivered();
    if (next.length === 0) {
      await this.#options.receiveMore(maxWaitTimeInMs);
      next = this.#undelivered();
    }
    next = next.slice(0, max);
    for (const message of next) this.#delivered.add(message);
    return next;
  }

  /** Messages of the model among the next 1,000 of the queue, received or not. */
  async peekMessages(max: number, options: PeekOptions = {}): Promise<Received[]> {
    const found: Received[] = [];
    let from = options.fromSequenceNumber;
    for (let page = 0; page < PEEK_PAGES_MAX && found.length < max; page++) {
      const peeked = await this.#options.receiver().peekMessages(PEEK_PAGE, from ? { fromSequenceNumber: from } : {});
      found.push(...peeked.filter((message) => modelOf(message) === this.sessionId));
      const last = peeked.at(-1)?.sequenceNumber;
      if (!last || peeked.length < PEEK_PAGE) break;
      from = last.add(1);
    }
    return found.slice(0, max);
  }

  async completeMessage(message: Received): Promise<void> {
    await this.#settle(message, (receiver) => receiver.completeMessage(message));
  }

  async deadLetterMessage(message: Received, options?: Parameters<SessionLink['deadLetterMessage']>[1]): Promise<void> {
    await this.#settle(message, (receiver) => receiver.deadLetterMessage(message, options));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.onClose(this);
  }

  #undelivered(): Received[] {
    const held = this.#options.held.of(this.sessionId).map(({ message }) => message);
    return held.filter((message) => !this.#delivered.has(message));
  }

  async #settle(message: Received, settle: (receiver: ServiceBusReceiver) => Promise<void>): Promise<void> {
    const { held, receiver } = this.#options;
    try {
      await settle(held.find(message)?.receiver ?? receiver());
      held.forget(message);
    } catch (error) {
      // The client also says so when the link of a message is gone: then its lock must not be renewed for ever.
      if (isLockLost(error)) held.forget(message);
      throw error;
    }
  }
}

/** The model that a message is for; undefined when it cannot be read. */
export function modelOf(message: Received): string | undefined {
  const read = readModelEvent(message);
  return read.kind === 'invalid' ? undefined : read.event.subject;
}
