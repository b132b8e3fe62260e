import type { Delivery, MessageView } from './message.ts';
import { MessageState, type MessageTable } from './message-table.ts';
import { withPartition } from './partition.ts';

function shownState(messages: MessageTable, slot: number): MessageView['state'] {
  const state = messages.state[slot];
  if (state === MessageState.scheduled || messages.wasScheduled[slot] === 1) return 'scheduled';
  return state === MessageState.deferred ? 'deferred' : 'active';
}

/** The sequence number as clients see it. */
export function shownNumber(messages: MessageTable, slot: number): number {
  return withPartition(messages.sequenceNumber[slot] as number, messages.partition[slot] as number);
}

function timeToLiveOf(messages: MessageTable, slot: number): number | undefined {
  const dueMs = messages.dueMs[slot] as number;
  if (dueMs === Infinity) return undefined;
  // Until it is active, a message is due when it becomes so.
  if (messages.state[slot] === MessageState.scheduled) return messages.extras.get(slot)?.timeToLiveMs;
  return dueMs - (messages.enqueuedTimeMs[slot] as number);
}

/** A delivery that is still being made. */
export type DeliveryDraft = { -readonly [K in keyof Delivery]: Delivery[K] };

const NO_BYTES = Buffer.alloc(0);

/**
 * What clients may see of the message in `slot`. The object has the fields of a delivery, too, which are set when it is one: a copy with more
 * fields would cost more than all else that a delivery does.
 */
export function viewMessage(
  messages: MessageTable,
  slot: number,
  held: { sessionId: string | undefined; lockedUntilMs: number | undefined; partitioned: boolean },
): DeliveryDraft {
  const extra = messages.extras.size > 0 ? messages.extras.get(slot) : undefined;
  const partitionId = held.partitioned ? (messages.partition[slot] as number) : undefined;
  const sequenceNumber = shownNumber(messages, slot);
  return {
    bodyId: messages.bodyId[slot] as number,
    sizeBytes: messages.sizeBytes[slot] as number,
    sequenceNumber,
    // 0 in the column stands for none.
    enqueuedSequenceNumber: extra?.forwarded?.enqueuedSequenceNumber ?? (messages.origin?.[slot] || sequenceNumber),
    partitionId,
    enqueuedTimeMs: messages.enqueuedTimeMs[slot] as number,
    timeToLiveMs: timeToLiveOf(messages, slot),
    deliveryCount: messages.deliveryCount[slot] as number,
    state: shownState(messages, slot),
    sessionId: held.sessionId,
    lockedUntilMs: held.lockedUntilMs,
    overlay: extra?.overlay,
    deadLetter: extra?.deadLetter,
    deadLetterSource: extra?.forwarded?.deadLetterSource,
    body: NO_BYTES,
    lock: undefined,
    position: 0,
  };
}
