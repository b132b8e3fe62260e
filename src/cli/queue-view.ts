import type { ServiceBusClient, ServiceBusReceivedMessage } from '@azure/service-bus';
import { readModelEvent } from '../retraining/envelope.ts';
import { requestKey } from '../retraining/identity.ts';

/** Messages looked at in the queue, and as many in its dead-letter queue; what lies behind them is not counted. */
export const PEEK_MAX_MESSAGES = 5_000;
/** Messages of one answer; Service Bus gives no more than 250. */
const PEEK_BATCH = 250;

/** What waits for one model. */
export interface ModelQueue {
  readonly model: string;
  /** Can be received now, or is being worked on. */
  readonly waiting: number;
  /** Since when the oldest can be received that no run is known to have taken up, RFC 3339. */
  readonly oldestSince?: string;
  readonly scheduled: number;
  /** By reason. */
  readonly deadLettered: Readonly<Record<string, number>>;
}

export interface QueueView {
  /** By name. */
  readonly models: readonly ModelQueue[];
  /** Whether there are more messages than were looked at. */
  readonly more: boolean;
}

type Counts = { -readonly [K in keyof ModelQueue]: ModelQueue[K] } & { deadLettered: Record<string, number> };

export interface QueueViewOptions {
  /** Keys of the requests that runs are working on. */
  readonly running?: ReadonlySet<string>;
  /** Now, wall-clock milliseconds. */
  readonly nowMs: number;
}

/** Looks at a queue without taking anything out of it. */
export async function viewQueue(
  client: ServiceBusClient,
  queue: string,
  { running = new Set(), nowMs }: QueueViewOptions,
): Promise<QueueView> {
  const counts = new Map<string, Counts>();
  const of = (message: ServiceBusReceivedMessage): Counts => {
    const model = message.sessionId ?? '';
    const known = counts.get(model) ?? { model, waiting: 0, scheduled: 0, deadLettered: {} };
    counts.set(model, known);
    return known;
  };
  const moreActive = await peekAll(client, { queue }, (message) => {
    const model = of(message);
    const sinceMs = activeSinceMs(message);
    // Azure leaves what was scheduled in that state for ever: its time decides.
    if (sinceMs > nowMs) model.scheduled += 1;
    else {
      model.waiting += 1;
      if (isTakenUp(message, running)) return;
      const since = new Date(sinceMs).toISOString();
      if (model.oldestSince === undefined || since < model.oldestSince) model.oldestSince = since;
    }
  });
  const moreDead = await peekAll(client, { queue, dead: true }, (message) => {
    const { deadLettered } = of(message);
    const reason = message.deadLetterReason ?? 'no reason given';
    deadLettered[reason] = (deadLettered[reason] ?? 0) + 1;
  });
  const models = [...counts.values()].sort((a, b) => (a.model < b.model ? -1 : 1));
  return { models, more: moreActive || moreDead };
}

function activeSinceMs({ enqueuedTimeUtc, scheduledEnqueueTimeUtc }: ServiceBusReceivedMessage): number {
  return Math.max(enqueuedTimeUtc?.getTime() ?? 0, scheduledEnqueueTimeUtc?.getTime() ?? 0);
}

function isTakenUp(message: ServiceBusReceivedMessage, running: ReadonlySet<string>): boolean {
  if (running.size === 0) return false;
  const read = readModelEvent(message);
  return read.kind === 'request' && running.has(requestKey(read.event));
}

/** Resolves to whether there may be more. */
async function peekAll(
  client: ServiceBusClient,
  { queue, dead = false }: { queue: string; dead?: boolean },
  each: (message: ServiceBusReceivedMessage) => void,
): Promise<boolean> {
  const receiver = client.createReceiver(queue, dead ? { subQueueType: 'deadLetter' } : {});
  try {
    for (let seen = 0; seen < PEEK_MAX_MESSAGES;) {
      // An answer may be short because of its size in bytes: only an empty one is the end.
      const messages = await receiver.peekMessages(PEEK_BATCH);
      if (messages.length === 0) return false;
      for (const message of messages) each(message);
      seen += messages.length;
    }
    return true;
  } finally {
    await receiver.close();
  }
}
