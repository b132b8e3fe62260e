import { lookup } from '../amqp/index.ts';
import type { AmqpMap } from '../amqp/index.ts';
import type { Entity, Queue, Subqueue, Transaction } from '../broker/index.ts';
import { RetrainError } from '../errors.ts';
import type { AccessRight } from './access-rule.ts';
import type { ClientConnection } from './client-connection.ts';
import { cancelScheduledMessages, scheduleMessages } from './management-scheduling.ts';
import { deleteMessages, peekMessages, receiveBySequenceNumber } from './management-messages.ts';
import { renewLocks, updateDisposition } from './management-locks.ts';
import { addRule, enumerateRules, removeRule } from './management-rules.ts';
import { getSessionState, listSessions, renewSessionLock, setSessionState } from './management-sessions.ts';
import { RequestArguments } from './request-arguments.ts';
import type { NodeReply, NodeRequest, RequestNode } from './request-node.ts';

/** One `$management` request, for the function that carries it out. */
export interface Operation {
  readonly client: ClientConnection;
  readonly entity: Entity;
  /** That of the entity. */
  readonly queue: Queue;
  readonly subqueue: Subqueue;
  readonly arguments: RequestArguments;
  /** Name of the receiver link that the request belongs to (`associated-link-name`). */
  readonly linkName: string | undefined;
  readonly transaction: Transaction | undefined;
}

interface OperationEntry {
  readonly right: AccessRight;
  readonly run: (operation: Operation) => NodeReply | Promise<NodeReply>;
}

/** Operations by name, without the prefix `com.microsoft:` (service-bus-protocol.md §8.2). */
const OPERATIONS: ReadonlyMap<string, OperationEntry> = new Map<string, OperationEntry>([
  ['renew-lock', { right: 'Listen', run: renewLocks }],
  ['update-disposition', { right: 'Listen', run: updateDisposition }],
  ['peek-message', { right: 'Listen', run: peekMessages }],
  ['receive-by-sequence-number', { right: 'Listen', run: receiveBySequenceNumber }],
  ['batch-delete-messages', { right: 'Listen', run: deleteMessages }],
  ['schedule-message', { right: 'Send', run: scheduleMessages }],
  ['cancel-scheduled-message', { right: 'Send', run: cancelScheduledMessages }],
  ['renew-session-lock', { right: 'Listen', run: renewSessionLock }],
  ['get-session-state', { right: 'Listen', run: getSessionState }],
  ['set-session-state', { right: 'Listen', run: setSessionState }],
  ['get-message-sessions', { right: 'Listen', run: listSessions }],
  ['add-rule', { right: 'Listen', run: addRule }],
  ['remove-rule', { right: 'Listen', run: removeRule }],
  ['enumerate-rules', { right: 'Listen', run: enumerateRules }],
]);

const PREFIX = 'com.microsoft:';

/** Path of the management node of an entity. */
export function managementPath(entityPath: string): string {
  return `${entityPath}/$management`;
}

/** The node `<entity>/$management`: what a client can ask of an entity besides sending and receiving. */
export class ManagementNode implements RequestNode {
  readonly address: string;
  readonly #client: ClientConnection;
  readonly #path: string;
  readonly #entity: Entity;

  constructor(client: ClientConnection, path: string, entity: Entity) {
    this.address = managementPath(path).toLowerCase();
    this.#client = client;
    this.#path = path;
    this.#entity = entity;
  }

  answer(request: NodeRequest): NodeReply | Promise<NodeReply> {
    const entry = request.operation.startsWith(PREFIX)
      ? OPERATIONS.get(request.operation.slice(PREFIX.length))
      : undefined;
    if (!entry) {
      const description = `The operation '${request.operation}' is not supported by this node.`;
      return { statusCode: 501, condition: 'amqp:not-implemented', description };
    }
    if (!this.#client.claims.permits(managementPath(this.#path), entry.right))
      throw new RetrainError(
        'UNAUTHORIZED',
        `Unauthorized access. '${entry.right}' claim(s) are required to perform this operation. Resource: 'sb://${this.#client.host}/${this.#path}'.`,
      );
    const linkName = textOf(request.properties, 'associated-link-name');
    if (linkName !== undefined) this.#client.use(linkName);
    return entry.run({
      client: this.#client,
      entity: this.#entity,
      queue: this.#entity.queue,
      subqueue: this.#entity.subqueue,
      arguments: new RequestArguments(request.body),
      linkName,
      transaction: request.transaction,
    });
  }
}

function textOf(properties: AmqpMap, name: string): string | undefined {
  const value = lookup(properties, name);
  return typeof value === 'string' ? value : undefined;
}
