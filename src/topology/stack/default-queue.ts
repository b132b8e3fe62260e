import type { QueueDescription } from '../queue.ts';
import { renderTopology, TOPOLOGY_TEMPLATE } from './topology-template.ts';

/** The queue that `infra/` provisions on Azure and that the broker has by default. */
export const DEFAULT_QUEUE: QueueDescription = defaultQueue();

function defaultQueue(): QueueDescription {
  const { requests } = renderTopology(TOPOLOGY_TEMPLATE, {}).queues;
  if (requests === undefined) throw new Error('infra/topology.json has no queue of requests');
  return requests;
}
