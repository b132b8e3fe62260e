import { BrokerRefusal } from '../broker/index.ts';
import type { Namespace } from '../broker/index.ts';
import { RetrainError } from '../errors.ts';
import type { QueueDescription } from '../topology/index.ts';

/** The queues so that each comes after those of them that it forwards to; queues that forward in a circle stay as they are. */
export function inOrderOfForwarding(queues: readonly QueueDescription[]): QueueDescription[] {
  const byName = new Map(queues.map((queue) => [queue.name.toLowerCase(), queue]));
  const ordered = new Set<QueueDescription>();
  const begun = new Set<QueueDescription>();
  const add = (queue: QueueDescription): void => {
    if (begun.has(queue)) return;
    begun.add(queue);
    for (const name of [queue.forwardTo, queue.forwardDeadLetteredMessagesTo]) {
      const destination = name === undefined ? undefined : byName.get(name.toLowerCase());
      if (destination) add(destination);
    }
    ordered.add(queue);
  };
  for (const queue of queues) add(queue);
  return [...ordered];
}

/** @throws RetrainError `CONFIGURATION_INVALID` when the queue cannot be made, or exists with other settings */
export function ensureQueue(namespace: Namespace, wanted: QueueDescription): void {
  const existing = namespace.queue(wanted.name)?.description;
  if (!existing) {
    try {
      namespace.createQueue(wanted);
    } catch (error) {
      if (!(error instanceof BrokerRefusal)) throw error;
      throw new RetrainError('CONFIGURATION_INVALID', `queue '${wanted.name}': ${error.message}`, { cause: error });
    }
    return;
  }
  const names = Object.keys({ ...existing, ...wanted }) as (keyof QueueDescription)[];
  const different = names.filter((name) => name !== 'name' && wanted[name] !== existing[name]);
  if (different.length === 0) return;
  const said = different.map((name) => `${name} is ${existing[name]}, not ${wanted[name]}`).join('; ');
  throw new RetrainError(
    'CONFIGURATION_INVALID',
    `queue '${wanted.name}' exists in the data folder with other settings: ${said}. Give it the settings that it has, or start with another data folder.`,
  );
}
