import type { QueueDescription } from './queue.ts';

/** The properties that name another queue or topic. */
export const FORWARDINGS = ['forwardTo', 'forwardDeadLetteredMessagesTo'] as const;

/** The queues so that each comes after those of them that it forwards to; in a circle one of them comes first. */
export function inOrderOfForwarding(queues: readonly QueueDescription[]): QueueDescription[] {
  const byName = new Map(queues.map((queue) => [queue.name.toLowerCase(), queue]));
  const ordered = new Set<QueueDescription>();
  const begun = new Set<QueueDescription>();
  // Not by recursion: a chain may be as long as a namespace is large.
  const waiting: QueueDescription[] = [...queues].reverse();
  for (let queue = waiting.at(-1); queue !== undefined; queue = waiting.at(-1)) {
    if (begun.has(queue)) {
      waiting.pop();
      ordered.add(queue);
      continue;
    }
    begun.add(queue);
    for (const property of FORWARDINGS) {
      const destination = byName.get(queue[property]?.toLowerCase() ?? '');
      if (destination && !begun.has(destination)) waiting.push(destination);
    }
  }
  return [...ordered];
}
