import {
  AmqpArray,
  AmqpTyped,
  AmqpUuid,
  lookup,
  type AmqpList,
  type AmqpMap,
  type AmqpValue,
} from '../../src/amqp/index.ts';
import type { Client } from './client.ts';
import type { ManagementLink } from './management-link.ts';
import type { QueueModel } from './queue-model.ts';
import type { SettleResult } from './receiving-link.ts';
import type { Grant } from './session-model.ts';
import { readMessage } from './wire-message.ts';

const PEEK_LOCK = 1;

interface FetchOptions {
  readonly client: Client;
  readonly model: QueueModel;
  readonly management: ManagementLink;
  /** The session that is held, in a queue with sessions. */
  readonly grant?: Grant;
}

/** Fetches what may have been deferred, one by one, and completes it. */
export async function fetchDeferred(options: FetchOptions): Promise<void> {
  const { model, grant } = options;
  for (const [sequenceNumber, copy] of model.copies) {
    const isHere = !grant || grant.sessionId === copy.sessionId;
    if (isHere && copy.mayBeDeferredIn(model.name)) await fetchOne(sequenceNumber, options);
  }
}

async function fetchOne(sequenceNumber: number, { client, model, management, grant }: FetchOptions): Promise<void> {
  const session: [string, AmqpValue][] = grant ? [['session-id', grant.sessionId]] : [];
  const body: AmqpMap = new Map<string, AmqpValue>([
    ['sequence-numbers', new AmqpArray('long', [BigInt(sequenceNumber)])],
    ['receiver-settle-mode', new AmqpTyped('uint', PEEK_LOCK)],
    ...session,
  ]);
  const reply = await management.request('receive-by-sequence-number', body);
  if (reply.kind !== 'ok') return;
  const item = (lookup(reply.body, 'messages') as AmqpList)[0] as AmqpMap;
  const content = readMessage(lookup(item, 'message') as Buffer);
  const how = { receiver: client.name, life: client.life, from: 'queue', fetched: true } as const;
  const record = model.deliver(content, grant ? { ...how, grant } : how);
  const token = (lookup(item, 'lock-token') as AmqpUuid).bytes;
  model.startSettle(record, 'complete');
  const settled = await management.request(
    'update-disposition',
    new Map<string, AmqpValue>([
      ['disposition-status', 'completed'],
      ['lock-tokens', new AmqpArray('uuid', [new AmqpUuid(token)])],
      ...session,
    ]),
  );
  const result: SettleResult = settled.kind === 'ok' ? { kind: 'done' } : settled;
  model.endSettle(record, result);
}
