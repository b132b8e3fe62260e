import type { PeekMessagesOptions, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import Long from 'long';
import { answered } from './connection.ts';
import type { Place } from './connection.ts';

/** Messages of one answer; Service Bus gives no more than 250. */
const PEEK_BATCH = 250;

export interface PeekRange {
  readonly place: Place;
  /** The first sequence number, decimal text; the beginning unless given. */
  readonly from?: string | undefined;
  readonly withoutBody?: boolean;
  /** Of one answer, when the caller knows that it wants fewer. */
  readonly batch?: number;
}

/** The messages of a queue in order, looked at without taking any; a caller that has seen enough stops reading. */
export async function* peeked(
  receiver: ServiceBusReceiver,
  { place, from = '1', withoutBody = false, batch = PEEK_BATCH }: PeekRange,
): AsyncGenerator<ServiceBusReceivedMessage> {
  // `omitMessageBody` is not among the client's types, but it hands it on (7.9.5).
  const omitted: object = withoutBody ? { omitMessageBody: true } : {};
  let options: PeekMessagesOptions = { fromSequenceNumber: Long.fromString(from), ...omitted };
  for (;;) {
    // An answer may be short because of its size in bytes: only an empty one is the end.
    const messages = await answered(receiver.peekMessages(Math.min(batch, PEEK_BATCH), options), place);
    if (messages.length === 0) return;
    yield* messages;
    const last = messages.at(-1)?.sequenceNumber;
    if (last === undefined) return;
    options = { ...options, fromSequenceNumber: last.add(1) };
  }
}
