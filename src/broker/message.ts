import type { MessageLock } from './message-lock.ts';
import { BrokerRefusal } from './refusal.ts';

/** What the broker has to know of a message. */
export interface MessageFacts {
  /** Text that is equal for equal message ids, whatever their type on the wire; the key of duplicate detection. */
  readonly messageId?: string;
  /** The empty string is a session id like any other. */
  readonly sessionId?: string;
  readonly partitionKey?: string;
  readonly timeToLiveMs?: number;
}

/** A message on its way in. The broker stores `bytes` as they are and looks only at the other fields. */
export interface IncomingMessage extends MessageFacts {
  /** The whole encoded message, in parts that belong one after the other. */
  readonly bytes: Buffer | readonly Buffer[];
  readonly sizeBytes: number;
  /** Milliseconds since 1970; a time that is over means now. */
  readonly scheduledEnqueueTimeMs?: number;
}

/** Why a message went to the dead-letter queue. */
export interface DeadLetterInfo {
  readonly reason?: string;
  readonly description?: string;
}

/** A message without session id in an entity that requires sessions, which it cannot be refused by (service-bus-dead-letter-queues). */
export const SESSION_ID_IS_NULL: DeadLetterInfo = {
  reason: 'Session id is null.',
  description: "Session enabled entity doesn't allow a message whose session identifier is null.",
};

/** Where a message was before it was forwarded. */
export interface ForwardedInfo {
  /** Forwardings so far. */
  readonly hops: number;
  /** The sequence number at the message's first point of entry. */
  readonly enqueuedSequenceNumber: number;
  /** The queue in whose dead-letter queue it was last. */
  readonly deadLetterSource: string | undefined;
}

/** What a client is told of a message besides its bytes. Times are milliseconds since 1970. */
export interface MessageView {
  /** The record of the message's bytes: `journal.read(bodyId)`. */
  readonly bodyId: number;
  /** Bytes of the encoded message. */
  readonly sizeBytes: number;
  /** In a partitioned queue the partition stands above the lower 48 bits (message-sequencing). */
  readonly sequenceNumber: number;
  /** The sequence number at the message's first point of entry. */
  readonly enqueuedSequenceNumber: number;
  /** Undefined unless the queue is partitioned. */
  readonly partitionId: number | undefined;
  readonly enqueuedTimeMs: number;
  /** From the enqueued time on; what the queue has made of what the sender asked for. Undefined: for ever. */
  readonly timeToLiveMs: number | undefined;
  /** Deliveries that failed before: 0 at the first. */
  readonly deliveryCount: number;
  /** A message that was scheduled says so for ever, also when it has become active. */
  readonly state: 'active' | 'deferred' | 'scheduled';
  /** Set on messages of a session queue, outside its dead-letter queue. */
  readonly sessionId: string | undefined;
  readonly lockedUntilMs: number | undefined;
  /** What the last settlement attached to the message; opaque to the broker. */
  readonly overlay: Buffer | undefined;
  readonly deadLetter: DeadLetterInfo | undefined;
  readonly deadLetterSource: string | undefined;
}

/** A message handed to a receiver. It must not leave before the journal is durable up to `position`. */
export interface Delivery extends MessageView {
  /** The message's bytes, as they came. */
  readonly body: Buffer | Promise<Buffer>;
  /** Undefined for receive-and-delete: the message is gone already. */
  readonly lock: MessageLock | undefined;
  readonly position: number;
}

/** What a receiver decides about a locked message. `overlay` replaces the message's former overlay. */
export type Outcome =
  | { readonly kind: 'complete' }
  | { readonly kind: 'abandon'; readonly overlay?: Buffer }
  | { readonly kind: 'defer'; readonly overlay?: Buffer }
  | { readonly kind: 'dead-letter'; readonly reason?: string; readonly description?: string; readonly overlay?: Buffer }
  | { readonly kind: 'release' };

export type ReceiveMode = 'peek-lock' | 'receive-and-delete';

/** Bytes that settlements may have attached to a message (service-bus-quotas: 64 KB of properties). */
const MAX_OVERLAY_BYTES = 64 * 1024;
/** Characters of a dead-letter reason and of its description (service-bus-dead-letter-queues). */
const MAX_REASON_CHARACTERS = 4096;

/** @throws BrokerRefusal `argument-invalid`, `message-size-exceeded` */
export function checkOutcome(outcome: Outcome): void {
  if ('overlay' in outcome && outcome.overlay && outcome.overlay.length > MAX_OVERLAY_BYTES) {
    throw new BrokerRefusal(
      'message-size-exceeded',
      `The properties to modify have ${outcome.overlay.length} bytes; the limit is ${MAX_OVERLAY_BYTES}. Attach fewer.`,
    );
  }
  if (outcome.kind !== 'dead-letter') return;
  for (const [field, text = ''] of [
    ['DeadLetterReason', outcome.reason],
    ['DeadLetterErrorDescription', outcome.description],
  ] as const) {
    if (text.length > MAX_REASON_CHARACTERS) {
      throw new BrokerRefusal(
        'argument-invalid',
        `${field} has ${text.length} characters; the limit is ${MAX_REASON_CHARACTERS}. Shorten it.`,
      );
    }
  }
}
