import type { ServiceBusMessage, ServiceBusReceivedMessage, ServiceBusSessionReceiver } from '@azure/service-bus';
import { SessionLease } from '../../../src/retraining/worker/session-lease.ts';
import type { SessionLeaseOptions } from '../../../src/retraining/worker/session-lease.ts';
import type { WorkerFact } from '../../../src/retraining/worker/worker-log.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { received } from '../received-message.ts';

export const ME = { host: 'here', pid: 1, startTime: 's' };

/** What a model's session holds at the broker, whatever link looks at it. */
export interface SessionContent {
  state: unknown;
  messages: ServiceBusReceivedMessage[];
}

export function contentOf(...messages: readonly ServiceBusMessage[]): SessionContent {
  const content: SessionContent = { state: null, messages: [] };
  for (const message of messages) arrive(content, message);
  return content;
}

/** A message becomes active in the session. */
export function arrive(content: SessionContent, message: ServiceBusMessage): void {
  const sequenceNumber = sequence((content.messages.at(-1)?.sequenceNumber?.toNumber() ?? 0) + 1);
  content.messages.push(received(message, { sequenceNumber }));
}

/** In place of a link of the official client to one session: what a lease, its keeper and its messages ask of one. */
export class LinkDouble {
  readonly sessionId = 'births';
  readonly sessionLockedUntilUtc = new Date(0);
  readonly #content: SessionContent;
  readonly #delivered = new Set<ServiceBusReceivedMessage>();
  isClosed = false;
  peeks = 0;
  readonly deadLetters: Partial<ServiceBusReceivedMessage>[] = [];
  /** Raised by every operation while it is set. */
  fault: Error | undefined;

  constructor(content: SessionContent = contentOf()) {
    this.#content = content;
  }

  get receiver(): ServiceBusSessionReceiver {
    return this as unknown as ServiceBusSessionReceiver;
  }

  async getSessionState(): Promise<unknown> {
    this.#check();
    return this.#content.state;
  }

  async setSessionState(state: unknown): Promise<void> {
    this.#check();
    this.#content.state = state;
  }

  async receiveMessages(max: number): Promise<ServiceBusReceivedMessage[]> {
    this.#check();
    const next = this.#content.messages.filter((message) => !this.#delivered.has(message)).slice(0, max);
    for (const message of next) this.#delivered.add(message);
    return next;
  }

  async peekMessages(
    max: number,
    { fromSequenceNumber: from }: { fromSequenceNumber: { toNumber(): number } },
  ): Promise<ServiceBusReceivedMessage[]> {
    this.#check();
    this.peeks++;
    return this.#content.messages
      .filter(({ sequenceNumber }) => (sequenceNumber?.toNumber() ?? 0) >= from.toNumber())
      .slice(0, max);
  }

  async completeMessage(message: ServiceBusReceivedMessage): Promise<void> {
    this.#check();
    this.#content.messages = this.#content.messages.filter((other) => other !== message);
  }

  async deadLetterMessage(
    message: ServiceBusReceivedMessage,
    { deadLetterReason, deadLetterErrorDescription }: { deadLetterReason: string; deadLetterErrorDescription: string },
  ): Promise<void> {
    await this.completeMessage(message);
    this.deadLetters.push({ deadLetterReason, deadLetterErrorDescription });
  }

  async renewSessionLock(): Promise<Date> {
    this.#check();
    return new Date(0);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  #check(): void {
    if (this.fault) throw this.fault;
  }
}

export function leaseOn(link: LinkDouble, options: Partial<SessionLeaseOptions> = {}): SessionLease {
  return new SessionLease({
    receiver: link.receiver,
    accept: () => Promise.reject(new Error('nothing to accept')),
    me: ME,
    lockDurationMs: 300,
    marginMs: 100,
    clock: systemClock,
    random: systemRandom,
    log: (_fact: WorkerFact) => undefined,
    ...options,
  });
}

function sequence(value: number): unknown {
  return {
    add: (more: number) => sequence(value + more),
    subtract: (less: { toNumber(): number }) => sequence(value - less.toNumber()),
    lessThanOrEqual: (other: { toNumber(): number }) => value <= other.toNumber(),
    toNumber: () => value,
    toString: () => String(value),
  };
}
