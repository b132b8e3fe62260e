import type { QueueModel, SentMessage } from './queue-model.ts';

/** What must hold when everything that was in a queue has been drained and completed. */
export function checkEnd(model: QueueModel): void {
  checkNothingMissing(model);
  checkNumbersRise(model);
  checkOrderOfSenders(model);
}

function checkNothingMissing(model: QueueModel): void {
  const missing: string[] = [];
  for (const copy of model.copies.values())
    if (!copy.mayBeOver) missing.push(`${copy.uid} #${copy.sequenceNumber} (delivered before, never completed)`);
  for (const message of model.messages.values()) {
    if (message.cancelled !== 'no') continue;
    const accepted = message.attempts.filter(({ result }) => result === 'accepted').length;
    const wanted = model.detectsDuplicates ? Math.min(1, accepted) : accepted;
    if (message.copies.length < wanted) missing.push(`${message.uid} (accepted ${accepted} times)`);
  }
  // A message that was deleted before it was sent is lost when the connection goes in between: receive-and-delete means that.
  if (missing.length > model.mayLack)
    model.world.violate(
      `queue ${model.name}: ${missing.length} messages are missing, ${model.mayLack} may be: ${missing.join(', ')}`,
    );
}

/** Whether it is known when the broker took it first, as far as the sequence number tells. */
function isOrdered(message: SentMessage, model: QueueModel): boolean {
  if (message.scheduledMs !== undefined || message.copies.length === 0) return false;
  // Of a message that was sent twice the first copy may have been deleted and lost.
  const mayLackCopies = model.mayLack > 0 && !model.detectsDuplicates;
  return !mayLackCopies || message.attempts.filter(({ result }) => result !== 'refused').length === 1;
}

function firstNumber({ copies }: SentMessage): number {
  return Math.min(...copies.map(({ sequenceNumber }) => sequenceNumber));
}

/** What was sent after something else had been acknowledged has a higher number; and enqueued times rise with the numbers. */
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
  const copies = [...model.copies.values()].sort((a, b) => a.sequenceNumber - b.sequenceNumber);
  for (const [i, copy] of copies.entries()) {
    const before = copies[i - 1];
    if (before && before.enqueuedMs > copy.enqueuedMs)
      model.world.violate(`queue ${model.name}: #${copy.sequenceNumber} was enqueued before #${before.sequenceNumber}`);
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
