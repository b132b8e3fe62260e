import type { SubscriptionModel } from './subscription-model.ts';
import type { TopicMessage, TopicModel } from './topic-model.ts';

/** What must hold when everything that was in the subscriptions has been seen. */
export function checkTopic(topic: TopicModel): void {
  for (const message of topic.messages.values()) checkMessage(topic, message);
  for (const { messages } of topic.groups) checkGroup(topic, messages);
  for (const subscription of topic.subscriptions) checkOrder(topic, subscription);
}

/** When it may have come to the subscriptions. Monotonic milliseconds. */
function timeOf(topic: TopicModel, { attempts, scheduledMs, taken }: TopicMessage): { fromMs: number; toMs: number } {
  const sent = attempts.filter(({ result }) => result !== 'refused');
  const fromMs = Math.min(...sent.map(({ startedMs }) => startedMs));
  const seenMs = Math.max(topic.world.clock.monotonicMs(), ...taken.values());
  const toMs = scheduledMs === undefined ? Math.max(...sent.map(({ endedMs }) => endedMs)) : seenMs;
  return { fromMs, toMs };
}

/** What a subscription must have of a message for each time that it was taken; undefined when that cannot be told. */
function wanted(topic: TopicModel, subscription: SubscriptionModel, message: TopicMessage): string[] | undefined {
  const time = timeOf(topic, message);
  const possible = subscription.possible(time, message.color);
  return subscription.isCertain(time) && possible.length === 1 ? possible[0] : undefined;
}

function checkMessage(topic: TopicModel, message: TopicMessage): void {
  const { world, plan, subscriptions } = topic;
  const { uid, attempts, taken, color } = message;
  const results = attempts.map(({ result }) => result);
  const most = plan.description.requiresDuplicateDetection ? 1 : results.filter((one) => one !== 'refused').length;
  const births = new Set([...taken.keys()].map((number) => number.split('#')[0])).size;
  if (taken.size > Math.max(most, births))
    world.violate(`${uid} was taken ${taken.size} times, ${most} at most may be`);
  const accepted = results.filter((result) => result === 'accepted').length;
  const least = Math.min(accepted, most);
  for (const subscription of subscriptions) {
    const marks = wanted(topic, subscription, message);
    const numbers = [...taken.keys()].filter((number) => number.startsWith(`${subscription.topicBirth}#`));
    if (marks && marks.length > 0 && numbers.length < least)
      world.violate(`${uid} was accepted ${accepted} times, and taken under ${numbers.join(', ') || 'no number'}`);
    for (const number of numbers) {
      const original = Number(number.split('#')[1]);
      const copies = [...subscription.copies.values()].filter((one) => one.originalNumber === original);
      const seen = copies.map(({ mark }) => mark).sort();
      const allowed = subscription.possible(timeOf(topic, message), color);
      const isRight = marks ? equal(seen, marks) : seen.length === 0 || allowed.some((one) => includes(one, seen));
      if (!isRight)
        world.violate(
          `subscription ${subscription.name} has [${seen.join(', ')}] of ${uid} #${original}; it must be [${(marks ?? allowed).join('] or [')}]`,
        );
    }
  }
}

/** Of messages that were sent in one piece, all were taken or none. */
function checkGroup(topic: TopicModel, messages: readonly TopicMessage[]): void {
  // Of what was sent again it is not known which time it was taken.
  if (messages.some(({ attempts, scheduledMs }) => attempts.length > 1 || scheduledMs !== undefined)) return;
  const visible = messages.filter((message) =>
    topic.subscriptions.some((subscription) => (wanted(topic, subscription, message)?.length ?? 0) > 0),
  );
  const isTaken = ({ taken }: TopicMessage): boolean => taken.size > 0;
  if (messages.some(isTaken) && !visible.every(isTaken))
    topic.world.violate(
      `of ${messages.map(({ uid }) => uid).join(', ')}, sent in one piece, only some were taken: ${messages
        .filter(isTaken)
        .map(({ uid }) => uid)
        .join(', ')}`,
    );
}

/** A subscription has messages that were not scheduled in the order in which the topic took them. */
function checkOrder({ world, messages }: TopicModel, { name, copies }: SubscriptionModel): void {
  const ordered = [...copies.values()]
    .filter(({ uid }) => messages.get(uid)?.scheduledMs === undefined)
    .sort((a, b) => a.sequenceNumber - b.sequenceNumber);
  for (const [i, { sequenceNumber, originalNumber }] of ordered.entries()) {
    const before = ordered[i - 1];
    if (before && before.originalNumber > originalNumber)
      world.violate(
        `#${sequenceNumber} of subscription ${name} was #${originalNumber} of the topic, the one before it #${before.originalNumber}`,
      );
  }
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}

function includes(all: readonly string[], some: readonly string[]): boolean {
  return some.every((one) => all.includes(one));
}
