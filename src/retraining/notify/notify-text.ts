import { createHash } from 'node:crypto';
import { evidenceText, outcomeText, outcomeWord } from '../explanation.ts';
import { cloudEventJson, outcomeOf } from '../outcome.ts';
import type { OutcomeEvent } from '../outcome.ts';
import { replayCommand } from '../replay-command.ts';

/** Lines of a text, one for each event, and whole events in the JSON; how many more there are is said. */
export const LINES_MAX = 10;
export const EVENTS_MAX = 20;
/** Characters of one line. */
const LINE_MAX_LENGTH = 600;
/** Dead letters that a text names one by one; of more, all of the model are named. */
const REPLAYS_MAX = 5;

/** What is sent: JSON with a text for people, as chat systems take it, and the events for programs. */
export interface Notification {
  /** The same for every try; hangs on the events alone. */
  readonly id: string;
  readonly text: string;
  readonly rule: string;
  readonly model: string;
  /** Of which `events` has the first. */
  readonly count: number;
  /** CloudEvents in JSON. */
  readonly events: readonly Record<string, unknown>[];
}

export interface NotificationOptions {
  readonly rule: string;
  readonly model: string;
  /** Further words of a `retrain dlq replay` line, such as `--config FILE`. */
  readonly replayOptions?: readonly string[];
}

export function notificationOf(events: readonly OutcomeEvent[], options: NotificationOptions): Notification {
  const { rule, model } = options;
  const lines = events.slice(0, LINES_MAX).map((event) => eventLine(event));
  const more = events.length - lines.length;
  const [only = ''] = lines;
  const text = [
    ...(events.length === 1
      ? [`${model}: ${only}`]
      : [`${model}: ${countsText(events)}`, ...lines.map((line) => `- ${line}`)]),
    ...(more > 0 ? [`and ${more} more`] : []),
    ...replayLines(events, options),
    ...explainLines(events),
  ].join('\n');
  return {
    id: notificationId(
      rule,
      events.map(({ source, id }) => [source, id]),
    ),
    text,
    rule,
    model,
    count: events.length,
    events: events.slice(0, EVENTS_MAX).map(cloudEventJson),
  };
}

export function notificationId(rule: string, about: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([rule, about]))
    .digest('hex')
    .slice(0, 32);
}

function eventLine(event: OutcomeEvent): string {
  const { request, evidence = [], requests = [] } = event.data;
  const [first] = evidence;
  const others = Math.max(evidence.length, requests.length) - 1;
  const why = first ? `; evidence: ${evidenceText(first)}${others > 0 ? ` (and ${others} more)` : ''}` : '';
  const about = request ? ` request ${request.id}:` : '';
  return oneLine(`${outcomeWord(event)} at ${event.time},${about} ${outcomeText(event)}${why}`);
}

function countsText(events: readonly OutcomeEvent[]): string {
  const counts = new Map<string, number>();
  for (const event of events) counts.set(outcomeWord(event), (counts.get(outcomeWord(event)) ?? 0) + 1);
  return `${events.length} outcomes: ${[...counts].map(([word, count]) => `${count} ${word}`).join(', ')}`;
}

/** The lines that have the dead letters tried again, as they can be pasted into a shell. */
function replayLines(events: readonly OutcomeEvent[], { model, replayOptions = [] }: NotificationOptions): string[] {
  const dead = events.filter((event) => outcomeOf(event) === 'deadlettered' && event.data.deadLetter);
  const queues = [...new Set(dead.map(({ data }) => data.deadLetter?.queue ?? ''))];
  return queues.flatMap((queue) => {
    const own = dead.filter(({ data }) => data.deadLetter?.queue === queue);
    if (own.length > REPLAYS_MAX) return [`Again: ${replayCommand({ queue, model, options: replayOptions })}`];
    return own.map(({ data: { request, deadLetter } }) => {
      const which = { requestId: request?.id, messageId: deadLetter?.messageId };
      return `Again: ${replayCommand({ queue, model, ...which, options: replayOptions })}`;
    });
  });
}

function explainLines(events: readonly OutcomeEvent[]): string[] {
  const ids = [...new Set(events.map(({ data }) => data.runId).filter((id) => id !== undefined))];
  const last = ids.at(-1);
  return last === undefined ? [] : [`More: retrain explain ${last}`];
}

/** What a trainer wrote must neither break the lines nor call everybody in a chat room. */
function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').replace(/<(?=[!@#])/g, '< ');
  return line.length <= LINE_MAX_LENGTH ? line : `${line.slice(0, LINE_MAX_LENGTH - 1)}…`;
}
