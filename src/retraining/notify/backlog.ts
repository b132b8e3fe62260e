import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import Long from 'long';
import { readModelEvent } from '../envelope.ts';
import { evidenceOf } from '../evidence.ts';
import type { Evidence } from '../evidence.ts';
import { evidenceText } from '../explanation.ts';
import { requestKey } from '../identity.ts';
import { notificationId } from './notify-text.ts';
import type { Notification } from './notify-text.ts';

/** Messages of the request queue that one look takes in; the oldest come first. */
export const BACKLOG_MESSAGES_MAX = 5_000;
const PEEK_BATCH = 250;

/** What waits for a model and was not taken up by a run. */
export interface ModelBacklog {
  readonly model: string;
  readonly waiting: number;
  /** When the oldest could be received first, wall-clock milliseconds. */
  readonly oldestSinceMs: number;
  readonly evidence?: Evidence;
}

/** Looks through the queue, taking nothing. */
export async function backlogOf(
  receiver: Pick<ServiceBusReceiver, 'peekMessages'>,
  { nowMs, isRunning }: { nowMs: number; isRunning: (key: string, model: string) => boolean },
): Promise<ModelBacklog[]> {
  const models = new Map<string, ModelBacklog>();
  let from = Long.ONE;
  for (let looked = 0; looked < BACKLOG_MESSAGES_MAX;) {
    // Without a number a client goes on behind what it has looked at last, over any receiver.
    const messages = await receiver.peekMessages(PEEK_BATCH, { fromSequenceNumber: from });
    const last = messages.at(-1)?.sequenceNumber;
    if (!last) break;
    from = last.add(1);
    looked += messages.length;
    for (const message of messages) take(models, message, { nowMs, isRunning });
  }
  return [...models.values()];
}

function take(
  models: Map<string, ModelBacklog>,
  message: ServiceBusReceivedMessage,
  { nowMs, isRunning }: { nowMs: number; isRunning: (key: string, model: string) => boolean },
): void {
  const { enqueuedTimeUtc, scheduledEnqueueTimeUtc } = message;
  const sinceMs = Math.max(enqueuedTimeUtc?.getTime() ?? nowMs, scheduledEnqueueTimeUtc?.getTime() ?? 0);
  const read = readModelEvent(message);
  if (sinceMs > nowMs || read.kind !== 'request') return;
  const model = read.event.subject;
  if (isRunning(requestKey(read.event), model)) return;
  const known = models.get(model);
  if (known && known.oldestSinceMs <= sinceMs) models.set(model, { ...known, waiting: known.waiting + 1 });
  else
    models.set(model, {
      model,
      waiting: (known?.waiting ?? 0) + 1,
      oldestSinceMs: sinceMs,
      evidence: evidenceOf(read.event),
    });
}

/** The text that a backlog is told by. */
export function backlogNotification(
  { model, waiting, oldestSinceMs, evidence }: ModelBacklog,
  { rule, queue, limitMs, nowMs }: { rule: string; queue: string; limitMs: number; nowMs: number },
): Notification {
  const oldestSince = new Date(oldestSinceMs).toISOString();
  const ageSeconds = Math.floor((nowMs - oldestSinceMs) / 1000);
  const why = evidence ? `; evidence of the oldest: ${evidenceText(evidence)}` : '';
  const text =
    `${model}: ${waiting} ${waiting === 1 ? 'request waits' : 'requests wait'} in ${queue}, the oldest since ${oldestSince} ` +
    `(${ageSeconds} s, the limit is ${limitMs / 1000} s), and no run has taken it up${why}\nMore: retrain status`;
  const id = notificationId(rule, ['backlog', model, oldestSince, Math.floor(nowMs / limitMs)]);
  const data = {
    model,
    queue,
    waiting,
    oldestSince,
    ageSeconds,
    limitSeconds: limitMs / 1000,
    ...(evidence && { evidence }),
  };
  const event = {
    specversion: '1.0',
    id: `backlog.${id}`,
    source: '/retrain/notify',
    type: 'retrain.backlog.v1',
    subject: model,
    time: new Date(nowMs).toISOString(),
    datacontenttype: 'application/json',
    data,
  };
  return { id, text, rule, model, count: 1, events: [event] };
}
