import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import Long from 'long';
import { RetrainError } from '../errors.ts';
import { answered } from './connection.ts';
import type { Place } from './connection.ts';
import type { Selection } from './dead-letter-selection.ts';

/** Messages asked for at a time. */
const BATCH_MAX = 100;
/** One wait for messages; two without any say that the rest is locked by others. */
const WAIT_MS = 2_000;
const EMPTY_MAX = 2;
/**
 * Messages that are not wanted and stand before wanted ones are locked until the end: a queue gives its messages in order only. So
 * many at most are held.
 */
const HELD_MAX = 20_000;

type Received = ServiceBusReceivedMessage;

/** What a handler did with a message: it is finished, it stays in the dead-letter queue, or it lost its lock and comes again. */
export type Handled = 'finished' | 'stays' | 'again';

export interface DrainOptions {
  readonly place: Place;
  readonly signal: AbortSignal;
  /** Handles locked messages, in order, and settles those that are finished. What it throws ends the drain. */
  readonly handle: (messages: readonly Received[]) => Promise<readonly Handled[]>;
}

/** What was left. */
export interface Drained {
  /** Selected messages that did not come: another receiver has locked or taken them. */
  readonly missing: number;
}

/**
 * Locks the selected messages and has them handled. Others that come before them are held meanwhile and given back at the end.
 * A message whose lock ended comes again: whoever was finished is not handled twice.
 */
export async function drain(
  receiver: ServiceBusReceiver,
  selection: Selection,
  options: DrainOptions,
): Promise<Drained> {
  const held = new Map<string, Received>();
  const left = new Map(selection.wanted);
  try {
    await takeDeferred(receiver, left, options);
    await takeActive(receiver, { left, held }, options);
  } finally {
    await giveBack(receiver, [...held.values()], options.place);
  }
  return { missing: left.size };
}

interface Progress {
  readonly left: Map<string, 'active' | 'deferred'>;
  readonly held: Map<string, Received>;
}

async function takeActive(
  receiver: ServiceBusReceiver,
  { left, held }: Progress,
  options: DrainOptions,
): Promise<void> {
  for (let empty = 0; left.size > 0 && empty < EMPTY_MAX && !options.signal.aborted;) {
    const wanted = Math.min(left.size, BATCH_MAX);
    const messages = await answered(receiver.receiveMessages(wanted, { maxWaitTimeInMs: WAIT_MS }), options.place);
    const mine = messages.filter((message) => left.has(numberOf(message)));
    for (const message of messages) if (!left.has(numberOf(message))) held.set(numberOf(message), message);
    empty = messages.length === 0 ? empty + 1 : 0;
    await handleAll(mine, { left, held }, options);
    if (held.size > HELD_MAX)
      throw new RetrainError(
        'BROKER_REFUSED',
        `over ${HELD_MAX} dead letters that are not meant stand before those that are: handle them first, by another filter, and call it again`,
      );
  }
}

async function takeDeferred(
  receiver: ServiceBusReceiver,
  left: Progress['left'],
  options: DrainOptions,
): Promise<void> {
  const numbers = [...left].filter(([, state]) => state === 'deferred').map(([number]) => number);
  const held: Progress['held'] = new Map();
  for (const number of numbers) {
    if (options.signal.aborted) break;
    const messages = await answered(receiver.receiveDeferredMessages(Long.fromString(number)), options.place);
    await handleAll(messages, { left, held }, options);
  }
  await giveBack(receiver, [...held.values()], options.place);
}

/** Whatever is not finished is held, so that it does not come again meanwhile. */
async function handleAll(
  messages: readonly Received[],
  { left, held }: Progress,
  options: DrainOptions,
): Promise<void> {
  for (const message of messages) held.set(numberOf(message), message);
  if (options.signal.aborted) return;
  const handled = await options.handle(messages);
  messages.forEach((message, i) => {
    if (handled[i] !== 'again') left.delete(numberOf(message));
    if (handled[i] !== 'stays') held.delete(numberOf(message));
  });
}

/** Messages whose lock is gone are back already. */
async function giveBack(receiver: ServiceBusReceiver, messages: readonly Received[], place: Place): Promise<void> {
  for (let at = 0; at < messages.length; at += BATCH_MAX) {
    const part = messages.slice(at, at + BATCH_MAX);
    await Promise.allSettled(part.map((message) => answered(receiver.abandonMessage(message), place)));
  }
}

function numberOf(message: Received): string {
  return message.sequenceNumber?.toString() ?? '';
}
