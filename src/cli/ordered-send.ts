import type { ServiceBusSender } from '@azure/service-bus';
import { RetrainError } from '../errors.ts';
import { systemRandom } from '../runtime/random.ts';
import { answered } from './connection.ts';
import type { Place } from './connection.ts';
import type { Outgoing } from './message-line.ts';
import { amqpMessage } from './outgoing-message.ts';
import type { MessageId } from './outgoing-message.ts';

/** Messages that are on their way at the same time. */
const IN_FLIGHT_MAX = 100;

/** A message that the broker has. */
export interface Accepted {
  readonly messageId: MessageId;
  /** Of a scheduled message. */
  readonly sequenceNumber?: string;
}

export interface SendOptions {
  readonly place: Place;
  /** Nothing more is sent once it is aborted; what is on its way is waited for. */
  readonly signal: AbortSignal;
  readonly onAccepted: (accepted: Accepted) => void;
}

/**
 * Sends messages in their order, many at a time, as they come. The first that is refused ends it; those behind it that were on
 * their way may have been accepted, and `onAccepted` has told so.
 *
 * @throws RetrainError that names the message by its place in the order, unless it was the first
 */
export async function sendInOrder(
  sender: ServiceBusSender,
  outgoing: AsyncGenerator<Outgoing>,
  { place, signal, onAccepted }: SendOptions,
): Promise<void> {
  // Opens the link: a missing entity or a wrong key is no failure of a message.
  await answered(sender.createMessageBatch(), place);
  const inFlight = new Set<Promise<void>>();
  const stop = new AbortController();
  const stopped = whenAborted(AbortSignal.any([signal, stop.signal]));
  let failure: unknown;
  let count = 0;
  const send = async (each: Outgoing, number: number): Promise<void> => {
    try {
      onAccepted(await sendOne(sender, each, place));
    } catch (error) {
      failure ??= number === 1 ? error : numbered(error, number);
      stop.abort();
    }
  };
  try {
    while (!signal.aborted && !stop.signal.aborted) {
      const next = await Promise.race([outgoing.next(), stopped]);
      if (!next || next.done) break;
      count += 1;
      const sending: Promise<void> = send(next.value, count).finally(() => inFlight.delete(sending));
      inFlight.add(sending);
      if (inFlight.size >= IN_FLIGHT_MAX) await Promise.race(inFlight);
    }
  } finally {
    await Promise.all(inFlight);
  }
  if (failure !== undefined) throw failure;
}

async function sendOne(sender: ServiceBusSender, { message, at }: Outgoing, place: Place): Promise<Accepted> {
  const messageId = message.messageId ?? systemRandom.bytes(16).toString('hex');
  const amqp = amqpMessage({ ...message, messageId });
  if (at === undefined) {
    await answered(sender.sendMessages(amqp), place);
    return { messageId };
  }
  const [sequenceNumber] = await answered(sender.scheduleMessages(amqp, at), place);
  return { messageId, ...(sequenceNumber && { sequenceNumber: sequenceNumber.toString() }) };
}

function whenAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

function numbered(error: unknown, number: number): unknown {
  if (!(error instanceof RetrainError)) return error;
  return new RetrainError(error.code, `message ${number}: ${error.message}`, { cause: error });
}
