import { arrived, serve } from './reference-delivery.ts';
import { keep, topicOf } from './reference-disk.ts';
import { enqueueTime, newMessage, timeToLiveOf } from './reference-message.ts';
import { type Draft, type Message, type Queue, type State } from './reference-state.ts';
import { changed, overlaid, type PlacedRule, verdict } from './rules.ts';
import { kindOf } from './worlds.ts';

// How a message becomes copies of a topic's subscriptions (section 4.7).

/** A message that is on its way to the subscriptions. */
export interface Publication {
  readonly draft: Draft;
  readonly firstNumber: number;
  readonly hops: number;
  readonly deadLetterSource: string | undefined;
  readonly overlay: string | undefined;
  readonly deadLetter: Message['deadLetter'];
  readonly timeToLiveMs: number;
  readonly wasScheduled: boolean;
}

/** What holds for one that comes from its sender. */
export const PLAIN = {
  hops: 0,
  deadLetterSource: undefined,
  overlay: undefined,
  deadLetter: undefined,
  wasScheduled: false,
};

/** A message as it comes into a queue or subscription. */
export interface Copy extends Publication {
  readonly queue: Queue;
  /** Why it comes into the dead-letter queue. */
  readonly dead: { readonly reason: string } | undefined;
}

export function subscriptionsOf(state: State, topic: Queue): Queue[] {
  return state.queues.filter(({ name }) => topicOf(state, name) === topic);
}

/** The copies that the rules want, those of a subscription together, in the order in which the first of each comes about. */
export function copiesOf(state: State, topic: Queue, publications: readonly Publication[]): Copy[] {
  if (kindOf(topic.name) !== 'topic') return [];
  const rules = subscriptionsOf(state, topic)
    .flatMap((queue) => queue.rules.map((rule) => ({ queue, rule })))
    .sort((a, b) => a.rule.order - b.rule.order);
  const copies = publications.flatMap((publication) => copiesOfOne(publication, rules));
  const queues = [...new Set(copies.map(({ queue }) => queue))];
  for (const queue of queues) enqueueTime(state, queue);
  return queues.flatMap((queue) => copies.filter((copy) => copy.queue === queue));
}

/** One for each rule with an action that matches, then one for the others together. */
function copiesOfOne(
  publication: Publication,
  rules: readonly { readonly queue: Queue; readonly rule: PlacedRule }[],
): Copy[] {
  const { draft, overlay } = publication;
  const verdicts = rules.map(({ queue, rule }) => ({ queue, rule, verdict: verdict(rule, draft.color, overlay) }));
  const matching = verdicts.filter((one) => one.verdict === 'in');
  const failed = new Set(verdicts.filter((one) => one.verdict === 'fails').map(({ queue }) => queue));
  const copies: Copy[] = [];
  for (const { queue, rule } of matching.filter((one) => one.rule.action !== undefined)) {
    const changes = changed(rule, overlay);
    if (changes === undefined) failed.add(queue);
    else copies.push(admissible(queue, { ...publication, overlay: changes }));
  }
  const plain = matching.filter((one) => one.rule.action === undefined).map(({ queue }) => queue);
  for (const queue of new Set(plain)) copies.push(admissible(queue, publication));
  // What could not be evaluated matters to a subscription that gets nothing otherwise.
  for (const queue of failed) {
    if (copies.some((copy) => copy.queue === queue) || !queue.settings.deadLetterFailures) continue;
    copies.push({ ...publication, queue, dead: { reason: 'FilterException' } });
  }
  return copies;
}

/** A subscription cannot refuse a message. */
function admissible(queue: Queue, publication: Publication): Copy {
  const lacksSession =
    queue.settings.sessions && overlaid(publication.draft, publication.overlay).sessionId === undefined;
  return { ...publication, queue, dead: lacksSession ? { reason: 'Session id is null.' } : undefined };
}

/** Copies that are written come in. */
export function enterCopies(state: State, copies: readonly Copy[]): void {
  for (const copy of copies) {
    const { queue, draft, dead } = copy;
    const now = queue.lastEnqueuedMs;
    const timeToLiveMs = Math.min(copy.timeToLiveMs, timeToLiveOf(queue, draft));
    const message: Message = {
      ...newMessage(state, queue, overlaid(draft, copy.overlay), queue.nextSequenceNumber++),
      draft,
      part: dead ? 'dead' : 'active',
      firstNumber: copy.firstNumber,
      hops: copy.hops,
      deadLetterSource: copy.deadLetterSource,
      overlay: copy.overlay,
      deadLetter: dead ?? copy.deadLetter,
      wasScheduled: copy.wasScheduled,
      timeToLiveMs,
      enqueuedTimeMs: now,
      dueMs: now + timeToLiveMs,
    };
    keep(queue, message, 'ready');
    // A topic's numbers are known again by its copies.
    const topic = topicOf(state, queue.name);
    if (topic && copy.hops === 0)
      topic.disk.nextSequenceNumber = Math.max(topic.disk.nextSequenceNumber, copy.firstNumber + 1);
    queue.messages.push(message);
    if (dead) serve(state, queue, queue.parts.dead);
    else arrived(state, queue, message);
  }
}
