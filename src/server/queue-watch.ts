import type { Queue } from '../broker/index.ts';
import type { ClientConnection } from './client-connection.ts';
import { entityNotFoundText, failure, refusalOf } from './error-mapping.ts';
import type { LinkEndpoint } from './link-endpoint.ts';

/**
 * Detaches the link of `endpoint` when its queue is deleted (service-bus-protocol.md §4), and when the queue is changed so that `check` refuses the
 * link. Returns how to stop watching.
 */
export function watchQueue(
  client: ClientConnection,
  endpoint: LinkEndpoint,
  { queue, check }: { readonly queue: Queue; readonly check?: () => void },
): () => void {
  return queue.listen({
    onDeleted: () =>
      client.detach(
        endpoint,
        failure('amqp:not-found', entityNotFoundText(client.host, endpoint.claim?.path ?? queue.name)),
      ),
    onUpdated: () => {
      const refusal = check && refusalOf(check);
      if (refusal) client.detach(endpoint, refusal);
    },
  });
}
