import type { Station } from './copy-history.ts';
import { mayHaveVanished } from './expiry.ts';
import type { NamespaceModel } from './namespace-model.ts';
import type { QueueModel } from './queue-model.ts';
import { takenAttempts, type SentMessage } from './sent-message.ts';
import { checkTransactions } from './transaction-check.ts';

/** What must hold when everything that was in the queues has been drained and completed. */
export function checkEnd(namespace: NamespaceModel): void {
  for (const island of namespace.islands) checkNothingMissing(namespace, island);
  for (const model of namespace.queues) {
    checkNumbersRise(model);
    checkEnqueuedTimesRise(model);
    checkOrderOfSenders(model);
    for (const source of namespace.queues) if (source.plan.receivers === 0) checkOrderOfForwarding(source, model);
  }
  checkTransactions(namespace);
}

function checkNothingMissing(namespace: NamespaceModel, island: readonly QueueModel[]): void {
  const missing: string[] = [];
  let mayBeGone = 0;
  for (const model of island) {
    for (const message of model.messages.values()) {
      for (const copy of message.copies) {
        if (!copy.isOver) mayBeGone++;
        if (copy.mayBeOver || mayHaveVanished(namespace, message, copy)) continue;
        missing.push(`${copy.uid} #${copy.originalNumber} (delivered before, never completed)`);
      }
      const unseen = takenAttempts(message).length - message.copies.length;
      if (unseen > 0) mayBeGone += unseen;
      if (message.cancelled !== 'no' || mayHaveVanished(namespace, message)) continue;
      const accepted = message.attempts.filter(({ result }) => result === 'accepted').length;
      const detects = [model, ...namespace.behind(model)].some(({ detectsDuplicates }) => detectsDuplicates);
      const wanted = detects ? Math.min(1, accepted) : accepted;
      if (message.copies.length < wanted) missing.push(`${message.uid} (accepted ${accepted} times)`);
    }
  }
  // A message that was deleted before it was sent is lost when the connection goes in between: receive-and-delete means that.
  const sweeps = island.flatMap((model) => model.sweeps);
  const lost = island.reduce((sum, { mayLack }) => sum + mayLack, 0);
  const mayLack = lost + sweeps.reduce((sum, { asked, deleted = asked }) => sum + deleted, 0);
  const names = island.map(({ name }) => name).join(', ');
  if (missing.length > mayLack)
    namespace.world.violate(
      `${names}: ${missing.length} messages are missing, ${mayLack} may be: ${missing.join(', ')}`,
    );
  const deleted = sweeps.reduce((sum, { deleted: count = 0 }) => sum + count, 0);
  if (deleted > mayBeGone)
    namespace.world.violate(`${names}: ${deleted} messages were reported as deleted, ${mayBeGone} are gone at most`);
}

/** Whether it is known when the broker took it first, as far as the sequence number tells. */
function isOrdered(message: SentMessage, model: QueueModel): boolean {
  if (message.scheduledMs !== undefined || message.copies.length === 0) return false;
  // Of a message that was sent twice nobody may have seen the first copy.
  const { mortal, sweeps, forwardsTo, forwardsDeadTo } = model.plan;
  const allSeen = model.mayLack === 0 && !mortal && sweeps === 0 && !forwardsTo && !forwardsDeadTo;
  return takenAttempts(message).length === 1 || model.detectsDuplicates || allSeen;
}

function firstNumber({ copies }: SentMessage): number {
  return Math.min(...copies.map(({ originalNumber }) => originalNumber));
}

/** What was sent after something else had been acknowledged has a higher number. */
function checkNumbersRise(model: QueueModel): void {
  const messages = [...model.messages.values()].filter((message) => isOrdered(message, model));
  const byStart = messages.toSorted((a, b) => startOf(a) - startOf(b));
  const byAcknowledgement = messages
    .filter((message) => acknowledgedAt(message) < Infinity)
    .sort((a, b) => acknowledgedAt(a) - acknowledgedAt(b));
  let at = 0;
  let highest: SentMessage | undefined;
  for (const message of byStart) {
    for (; at < byAcknowledgement.length; at++) {
      const earlier = byAcknowledgement[at] as SentMessage;
      if (acknowledgedAt(earlier) >= startOf(message)) break;
      if (!highest || firstNumber(earlier) > firstNumber(highest)) highest = earlier;
    }
    if (highest && firstNumber(highest) >= firstNumber(message))
      model.world.violate(
        `queue ${model.name}: ${message.uid} has number ${firstNumber(message)}, although ${highest.uid} with ${firstNumber(highest)} was acknowledged before it was sent`,
      );
  }
}

function checkEnqueuedTimesRise(model: QueueModel): void {
  const stations = [...model.copies.values()].map(({ stations }) => stations.get(model.name) as Station);
  stations.sort((a, b) => a.sequenceNumber - b.sequenceNumber);
  for (const [i, { sequenceNumber, enqueuedMs }] of stations.entries()) {
    const before = stations[i - 1];
    if (before && before.enqueuedMs > enqueuedMs)
      model.world.violate(`queue ${model.name}: #${sequenceNumber} was enqueued before #${before.sequenceNumber}`);
  }
}

/** What is forwarded by a queue that nobody receives from comes in the order that it had there. */
function checkOrderOfForwarding(source: QueueModel, model: QueueModel): void {
  let last: [number, number] = [0, 0];
  const numbers = [...model.copies]
    .filter(([, copy]) => copy.stations.has(source.name) || source.messages.has(copy.uid))
    .map(([number, copy]): [number, number] => [number, copy.originalNumber])
    .sort(([a], [b]) => a - b);
  for (const [number, original] of numbers) {
    if (original < last[1])
      model.world.violate(
        `queue ${model.name}: #${number} was #${original} in ${source.name}, the one before it, #${last[0]}, was #${last[1]}`,
      );
    last = [number, original];
  }
}

/**
 * A sender sends one message after the other over one link, and after a loss everything unanswered again in the same order: so the
 * numbers of its messages rise. A message that the broker refused was sent again later, out of its order.
 */
function checkOrderOfSenders(model: QueueModel): void {
  const last = new Map<string, SentMessage>();
  for (const message of model.messages.values()) {
    if (!isOrdered(message, model) || message.attempts.some(({ result }) => result === 'refused')) continue;
    const before = last.get(message.sender);
    if (before && firstNumber(before) > firstNumber(message))
      model.world.violate(
        `queue ${model.name}: ${message.uid} has number ${firstNumber(message)}, ${before.uid} sent before it ${firstNumber(before)}`,
      );
    last.set(message.sender, message);
  }
}

function startOf({ attempts }: SentMessage): number {
  return Math.min(...attempts.map(({ startedAt }) => startedAt));
}

function acknowledgedAt({ attempts }: SentMessage): number {
  return Math.min(...attempts.map(({ result, endedAt }) => (result === 'accepted' ? (endedAt ?? Infinity) : Infinity)));
}
