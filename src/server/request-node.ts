import type { AmqpMap, AmqpValue } from '../amqp/index.ts';
import type { Transaction } from '../broker/index.ts';

/** A request to `$cbs` or `$management`; values are in the typed form. */
export interface NodeRequest {
  readonly operation: string;
  /** Application properties. */
  readonly properties: AmqpMap;
  /** Value of the body section, null when there is none. */
  readonly body: AmqpValue;
  /** What the request does belongs to this transaction. */
  readonly transaction?: Transaction;
}

export interface NodeReply {
  readonly statusCode: number;
  readonly description: string;
  /** Error condition, on failures and on empty answers. */
  readonly condition?: string;
  readonly body?: AmqpValue;
  /** The log must be durable up to here before the reply leaves; absent: it depends on nothing. */
  readonly position?: number;
}

/**
 * A node that answers requests.
 *
 * @throws RetrainError that `failureOf` turns into a reply
 */
export interface RequestNode {
  /** Lower-case address; replies leave on a link from the same node. */
  readonly address: string;
  answer(request: NodeRequest): NodeReply | Promise<NodeReply>;
}
