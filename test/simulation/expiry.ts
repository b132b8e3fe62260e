import { parseDuration, type QueueDescription } from '../../src/topology/index.ts';
import type { CopyHistory } from './copy-history.ts';
import type { NamespaceModel } from './namespace-model.ts';
import type { QueueModel } from './queue-model.ts';
import { firstSentMs, takenAttempts, type SentMessage } from './sent-message.ts';

// When messages expire (message-expiration): so long after they were enqueued as they or their queue say, the shorter of both, as the queue was
// described when they came. Wall-clock milliseconds.

/** When a message that came into the queue at `enqueuedMs` has expired there for sure. */
export function mustExpireMs(queue: QueueModel, message: SentMessage, enqueuedMs: number): number {
  return enqueuedMs + Math.min(ownTtlMs(message), Math.max(...arrivals(queue, message).map(ttlMs)));
}

/** Before that moment a message has not expired in the queue. */
export function mayExpireMs(queue: QueueModel, message: SentMessage, copy: CopyHistory | undefined): number {
  return earliestEnqueuedMs(queue, message, copy) + shortestTtlMs(queue, message);
}

/** Whether a message may have expired by now without a trace, in a queue that it is in or may have got to. */
export function mayHaveVanished(namespace: NamespaceModel, message: SentMessage, copy?: CopyHistory): boolean {
  const origin = namespace.queue(message.queue);
  const last = copy ? namespace.queue(copy.last.place.name) : origin;
  const staysDead = copy?.isDead === true;
  if (staysDead && !last.forwardsDead) return false;
  const { clock, wallSteppedMs } = namespace.world;
  const here = staysDead ? [] : [last];
  return [...here, ...namespace.behind(last)].some((queue) => {
    const described = queue.descriptions.during(firstSentMs(message), clock.monotonicMs());
    if (described.every(({ deadLetteringOnMessageExpiration }) => deadLetteringOnMessageExpiration)) return false;
    return clock.wallMs() + wallSteppedMs >= mayExpireMs(queue, message, copy);
  });
}

function earliestEnqueuedMs(queue: QueueModel, message: SentMessage, copy: CopyHistory | undefined): number {
  const known = copy?.stations.get(queue.name);
  if (known) return known.enqueuedMs;
  const sentMs = message.attempts[0]?.startedWallMs ?? Infinity;
  return sentMs - queue.world.wallSteppedMs;
}

function shortestTtlMs(queue: QueueModel, message: SentMessage): number {
  return Math.min(ownTtlMs(message), ...arrivals(queue, message).map(ttlMs));
}

/** How the queue may have been described when the message came into it. */
function arrivals(queue: QueueModel, message: SentMessage): QueueDescription[] {
  const now = queue.world.clock.monotonicMs();
  // Nobody knows when it was forwarded.
  if (message.queue !== queue.name) return queue.descriptions.during(firstSentMs(message), now);
  return takenAttempts(message).flatMap(({ startedMs, endedMs = now }) =>
    queue.descriptions.during(startedMs, endedMs),
  );
}

function ownTtlMs({ ttlMs: own = Infinity }: SentMessage): number {
  return own;
}

function ttlMs({ defaultMessageTimeToLive }: QueueDescription): number {
  return parseDuration(defaultMessageTimeToLive, 'defaultMessageTimeToLive');
}
