import type { Attach, Link } from '../amqp/index.ts';
import type { Entity, Queue } from '../broker/index.ts';
import type { AccessRight } from './access-rule.ts';
import { parseAddress } from './address.ts';
import { serveCbs } from './cbs-node.ts';
import type { ClientConnection } from './client-connection.ts';
import { attachCoordinator } from './coordinator-endpoint.ts';
import { entityNotFoundText, failure, failureOf } from './error-mapping.ts';
import type { Failure } from './error-mapping.ts';
import { LIMITS } from './limits.ts';
import type { Claim } from './link-endpoint.ts';
import { ManagementNode, managementPath } from './management-node.ts';
import { openReceiver } from './open-receiver.ts';
import { ReplyEndpoint } from './reply-endpoint.ts';
import { RequestEndpoint } from './request-endpoint.ts';
import { SenderEndpoint } from './sender-endpoint.ts';

const TRANSFER_DESTINATION = 'com.microsoft:transfer-destination-address';

/**
 * Answers the attach of a client's link: finds the node that the address names, checks the token, and puts an endpoint behind
 * the link or refuses it (service-bus-protocol.md §3, §4).
 */
export function attachLink(client: ClientConnection, link: Link, attach: Attach): void {
  const sends = link.role === 'receiver';
  const terminus = sends ? attach.target : attach.source;
  if (terminus && 'coordinator' in terminus && terminus.coordinator) return attachCoordinator(client, link);
  const address = terminus?.address;
  if (typeof address !== 'string' || address === '')
    return client.refuse(
      link,
      failure(
        'amqp:not-implemented',
        `The ${sends ? 'target' : 'source'} must have an address: dynamic and anonymous nodes are not supported.`,
      ),
    );
  const { path, kind } = parseAddress(address);
  if (kind === 'cbs') return attachCbs(client, link);

  const rights: readonly AccessRight[] = kind === 'management' ? ['Send', 'Listen'] : sends ? ['Send'] : ['Listen'];
  // Clients put a token for the management node itself; one for the entity covers it, too.
  const claim = { path: kind === 'management' ? managementPath(path) : path, rights };
  if (!client.permits(claim)) return client.refuse(link, unauthorized(client, path, rights), path);
  const entity = client.service.namespace.resolve(path);
  if (!entity) return client.refuse(link, failure('amqp:not-found', entityNotFoundText(client.host, path)), path);

  try {
    if (kind === 'management') {
      const { queue } = entity;
      if (!sends)
        return new ReplyEndpoint({ client, link, claim, node: managementPath(path).toLowerCase(), queue }).accept();
      const node = new ManagementNode(client, path, entity);
      const maxMessageSizeBytes = queue.maxMessageSizeBytes + LIMITS.requestEnvelopeBytes;
      return new RequestEndpoint({ client, link, claim, node, maxMessageSizeBytes, queue }).accept();
    }
    if (!sends) return openReceiver({ client, link, attach, claim, entity });
    const why = whyNotSend(entity);
    if (why !== undefined)
      return client.refuse(link, failure('amqp:not-allowed', `Messages cannot be sent to '${path}': ${why}`), path);
    attachSender(client, link, { attach, claim, queue: entity.queue });
  } catch (error) {
    const refusal = failureOf(error);
    if (!refusal) throw error;
    client.refuse(link, refusal, path);
  }
}

/**
 * A sender may send by way of one queue to another, so that a transaction spans both (service-bus-transactions, "send via"). Here all queues share
 * one log, and any transaction may span them: its messages go to the other queue at once.
 */
function attachSender(
  client: ClientConnection,
  link: Link,
  { attach, claim, queue }: { readonly attach: Attach; readonly claim: Claim; readonly queue: Queue },
): void {
  const via = attach.properties?.get(TRANSFER_DESTINATION);
  if (typeof via !== 'string') {
    queue.mustAllowSend();
    return new SenderEndpoint({ client, link, claim, queue }).accept();
  }
  const { path } = parseAddress(via);
  const both: Claim = { ...claim, and: { path, rights: ['Send'] } };
  if (!client.permits(both)) return client.refuse(link, unauthorized(client, path, ['Send']), path);
  const entity = client.service.namespace.resolve(path);
  if (!entity || whyNotSend(entity) !== undefined)
    return client.refuse(link, failure('amqp:not-found', entityNotFoundText(client.host, path)), path);
  entity.queue.mustAllowSend();
  new SenderEndpoint({ client, link, claim: both, queue: entity.queue }).accept();
}

function whyNotSend({ kind, queue, subqueue }: Entity): string | undefined {
  if (queue.active !== subqueue) return 'only the broker moves messages to a dead-letter queue.';
  if (kind === 'subscription') return 'a subscription gets copies of what is sent to its topic. Send to the topic.';
  return undefined;
}

function unauthorized(client: ClientConnection, path: string, rights: readonly AccessRight[]): Failure {
  return failure(
    'amqp:unauthorized-access',
    `Unauthorized access. '${rights.join("' or '")}' claim(s) are required to perform this operation. Resource: 'sb://${client.host}/${path}'.`,
  );
}

function attachCbs(client: ClientConnection, link: Link): void {
  if (link.role === 'sender') return new ReplyEndpoint({ client, link, claim: undefined, node: '$cbs' }).accept();
  new RequestEndpoint({
    client,
    link,
    claim: undefined,
    node: serveCbs(client),
    maxMessageSizeBytes: LIMITS.cbsRequestBytes,
  }).accept();
}
