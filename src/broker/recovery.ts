import { RetrainError } from '../errors.ts';
import { RecordKind, type RecoveredRecord } from '../storage/index.ts';
import {
  parseDuration,
  parseQueueDescription,
  parseSubscriptionDescription,
  parseTopicDescription,
} from '../topology/index.ts';
import type { BrokerState } from './broker-state.ts';
import { createHistory } from './duplicate-detection.ts';
import type { DuplicateHistory } from './duplicate-history.ts';
import { isDiskFull, killAll } from './gone.ts';
import { keepChange, keepForwarded } from './message-records.ts';
import type { MessageReader } from './message-reader.ts';
import { withoutPartition } from './partition.ts';
import { MessageState, type MessageTable } from './message-table.ts';
import { Queue } from './queue.ts';
import {
  type Counters,
  decodeCounters,
  decodeHistoryBucket,
  decodeHistoryItem,
  decodeMessage,
  decodeMessageChange,
  decodeDescriptionChange,
  decodeQueue,
  decodeRule,
  decodeSessionState,
  decodeSubscription,
  decodeTopic,
  type QueueRecord,
  RecordType,
  type RuleRecord,
  type SessionStateRecord,
  type SubscriptionRecord,
  type TopicRecord,
} from './records.ts';
import type { Subscription } from './subscription.ts';
import { Topic } from './topic.ts';
import { restoredSubscription, type Topics } from './topics.ts';

type EntityRecord =
  | ({ readonly kind: 'queue' } & QueueRecord)
  | ({ readonly kind: 'topic' } & TopicRecord)
  | ({ readonly kind: 'subscription' } & SubscriptionRecord);

interface RecoveredEntity {
  record: EntityRecord;
  /** The last change of the description, which is in `record` already. */
  change: { readonly id: number; readonly updatedMs: number } | undefined;
  counters: Counters;
  countersWritten: { recordId: number; nextSequenceNumber: number } | undefined;
  readonly states: { changeId: number; record: SessionStateRecord }[];
  /** A subscription has none. */
  readonly history: DuplicateHistory | undefined;
}

/**
 * Turns the records of the log into queues and topics. Messages go straight into the table, so that a million of them cost no million objects: their slots
 * follow in the order of their ids, which lets a change find its message by binary search.
 */
export class Recovery {
  readonly #messages: MessageTable;
  readonly #reader: MessageReader;
  readonly #entities = new Map<number, RecoveredEntity>();
  readonly #rules: { readonly id: number; readonly record: RuleRecord }[] = [];
  readonly #historyOfPart = new Map<number, DuplicateHistory>();
  /** Queue ids in the order of the slots, and the session ids of the messages that have one. */
  readonly #queueOfSlot: number[] = [];
  readonly #sessionOfSlot = new Map<number, string>();
  readonly #orphans: number[] = [];

  constructor({ messages, reader }: { messages: MessageTable; reader: MessageReader }) {
    this.#messages = messages;
    this.#reader = reader;
  }

  /** @throws RetrainError `DATA_VERSION` for records that this release does not know, or whose descriptions it cannot use */
  take(record: RecoveredRecord, live: boolean): void {
    const { id, bytes } = record;
    switch (bytes[0]) {
      case RecordType.queue:
        if (live) this.#takeEntity(id, { kind: 'queue', ...usable(id, 'a queue', () => decodeQueue(bytes)) });
        break;
      case RecordType.topic:
        if (live) this.#takeEntity(id, { kind: 'topic', ...usable(id, 'a topic', () => decodeTopic(bytes)) });
        break;
      case RecordType.subscription: {
        if (!live) break;
        const subscription = usable(id, 'a subscription', () => decodeSubscription(bytes));
        this.#takeEntity(id, { kind: 'subscription', ...subscription });
        break;
      }
      case RecordType.rule:
        if (live) this.#rules.push({ id, record: usable(id, 'a rule', () => decodeRule(bytes)) });
        break;
      case RecordType.message:
        this.#takeMessage(record, live);
        break;
      case RecordType.historyBucket:
        if (live) this.#takeHistoryPart(record);
        break;
      default:
        if (record.kind !== RecordKind.change) throw unknownType(record);
        if (live) this.#takeChange(record);
    }
  }

  /** The queues; topics and what belongs to them go to `topics`. @throws RetrainError `DATA_VERSION` for a rule that this release cannot use */
  finish(broker: BrokerState, topics: Topics): Queue[] {
    const named: Queue[] = [];
    const queues = new Map<number, Queue>();
    const owners = new Map<number, { topic: Topic; subscription?: Subscription }>();
    for (const [id, entity] of this.#entities) {
      const queue = this.#entityOf(id, entity, { broker, topics, owners });
      queue.arrivals.restoreCounters(entity.counters, entity.countersWritten);
      for (const { changeId, record } of entity.states) queue.active.sessions?.restoreState(record, changeId);
      queues.set(id, queue);
      if (entity.record.kind === 'queue') named.push(queue);
    }
    for (const { id, record } of this.#rules) {
      const { topic, subscription } = owners.get(record.subscriptionId) ?? {};
      if (!topic || !subscription) continue;
      const what = `rule '${record.description.name}' of ${subscription.queue.name}`;
      usable(id, what, () => topics.restoreRule(topic, subscription, id, record));
    }
    for (let slot = 0; slot < this.#queueOfSlot.length; slot++) {
      const queue = queues.get(this.#queueOfSlot[slot] as number);
      if (queue) queue.restoreMessage(slot, this.#sessionOfSlot.get(slot));
      else {
        this.#orphans.push(this.#messages.entryId[slot] as number);
        this.#messages.free(slot);
      }
    }
    for (const { topic } of owners.values()) topic.bodies.endRestoring();
    this.#killOrphans(broker);
    return named;
  }

  #entityOf(
    id: number,
    { record, change, history }: RecoveredEntity,
    {
      broker,
      topics,
      owners,
    }: { broker: BrokerState; topics: Topics; owners: Map<number, { topic: Topic; subscription?: Subscription }> },
  ): Queue {
    if ('historyKey' in record)
      history?.setWindow(
        parseDuration(record.description.duplicateDetectionHistoryTimeWindow, 'duplicateDetectionHistoryTimeWindow'),
      );
    switch (record.kind) {
      case 'queue':
        return new Queue({ broker, id, record, history, change });
      case 'topic': {
        const topic = new Topic({ broker, id, record, history, change, reader: this.#reader });
        owners.set(id, { topic });
        topics.restore(topic);
        return topic.queue;
      }
      case 'subscription': {
        // Both are made and deleted whole, and the topic's record is the older one.
        const { topic } = owners.get(record.topicId) as { topic: Topic };
        const subscription = restoredSubscription({ broker, id, topic, record, change });
        topic.subscriptions.set(subscription.name.toLowerCase(), subscription);
        owners.set(id, { topic, subscription });
        return subscription.queue;
      }
    }
  }

  #killOrphans({ journal }: BrokerState): void {
    try {
      killAll(journal, this.#orphans);
    } catch (error) {
      // The next start finds them again.
      if (!isDiskFull(error)) throw error;
    }
  }

  #takeEntity(id: number, record: EntityRecord): void {
    this.#entities.set(id, {
      record,
      change: undefined,
      counters: { nextSequenceNumber: 1, lastEnqueuedTimeMs: 0 },
      countersWritten: undefined,
      states: [],
      history: 'historyKey' in record ? createHistory(record) : undefined,
    });
  }

  #takeMessage({ id, refs, bytes }: RecoveredRecord, live: boolean): void {
    const message = decodeMessage(bytes);
    const entity = this.#entities.get(message.queueId);
    if (entity) {
      raise(entity, { nextSequenceNumber: message.sequenceNumber + 1, lastEnqueuedTimeMs: message.enqueuedTimeMs });
      if (message.forwarded?.hops === 0) this.#raiseTopic(entity, message.forwarded.enqueuedSequenceNumber);
    }
    if (!live) return;
    const messages = this.#messages;
    const slot = messages.allocate();
    messages.entryId[slot] = id;
    messages.bodyId[slot] = refs[0] as number;
    messages.sequenceNumber[slot] = message.sequenceNumber;
    messages.enqueuedTimeMs[slot] = message.enqueuedTimeMs;
    messages.dueMs[slot] = message.dueMs;
    messages.sizeBytes[slot] = message.sizeBytes;
    messages.wasScheduled[slot] = message.wasScheduled ? 1 : 0;
    messages.state[slot] = message.scheduled ? MessageState.scheduled : MessageState.ready;
    messages.partition[slot] = message.partition ?? 0;
    if (message.timeToLiveMs !== Infinity) messages.extra(slot).timeToLiveMs = message.timeToLiveMs;
    if (message.forwarded) keepForwarded(messages, slot, message.forwarded);
    if (message.sessionId !== undefined) this.#sessionOfSlot.set(slot, message.sessionId);
    this.#queueOfSlot.push(message.queueId);
  }

  /** Only its copies show which numbers a topic has used. */
  #raiseTopic({ record }: RecoveredEntity, enqueuedSequenceNumber: number): void {
    const topic = record.kind === 'subscription' ? this.#entities.get(record.topicId) : undefined;
    const nextSequenceNumber = withoutPartition(enqueuedSequenceNumber) + 1;
    if (topic) raise(topic, { nextSequenceNumber, lastEnqueuedTimeMs: 0 });
  }

  #takeHistoryPart({ id, bytes }: RecoveredRecord): void {
    const { queueId, startMs } = decodeHistoryBucket(bytes);
    const history = this.#entities.get(queueId)?.history;
    if (!history) {
      this.#orphans.push(id);
      return;
    }
    history.open(id, startMs);
    this.#historyOfPart.set(id, history);
  }

  #takeChange(record: RecoveredRecord): void {
    const { id, refs, bytes } = record;
    const owner = refs[0] as number;
    switch (bytes[0]) {
      case RecordType.messageChange:
        this.#takeMessageChange(owner, id, bytes);
        break;
      case RecordType.sessionState:
        this.#entities.get(owner)?.states.push({ changeId: id, record: decodeSessionState(bytes) });
        break;
      case RecordType.descriptionChange: {
        const entity = this.#entities.get(owner);
        if (!entity) break;
        const { description, updatedMs } = decodeDescriptionChange(bytes);
        const { record: former } = entity;
        entity.record = usable(id, `a change of a ${former.kind}`, () => changedRecord(former, description));
        entity.change = { id, updatedMs };
        break;
      }
      case RecordType.counters: {
        const entity = this.#entities.get(owner);
        if (!entity) break;
        const counters = decodeCounters(bytes);
        raise(entity, counters);
        entity.countersWritten = { recordId: id, nextSequenceNumber: counters.nextSequenceNumber };
        break;
      }
      case RecordType.historyItem: {
        const { timeMs, hash } = decodeHistoryItem(bytes);
        this.#historyOfPart.get(owner)?.add({ partId: owner, digest: hash, timeMs });
        break;
      }
      default:
        throw unknownType(record);
    }
  }

  #takeMessageChange(entryId: number, changeId: number, bytes: Buffer): void {
    const slot = this.#slotOf(entryId);
    if (slot === undefined) return;
    const change = decodeMessageChange(bytes);
    const messages = this.#messages;
    if (change.deferred) messages.state[slot] = MessageState.deferred;
    messages.extra(slot).changeId = changeId;
    keepChange(messages, slot, change);
  }

  #slotOf(entryId: number): number | undefined {
    const ids = this.#messages.entryId;
    let low = 0;
    let high = this.#messages.used - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const id = ids[middle] as number;
      if (id === entryId) return middle;
      if (id < entryId) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }
}

function unknownType({ id, bytes }: RecoveredRecord): RetrainError {
  return new RetrainError(
    'DATA_VERSION',
    `record ${id} of the log has type ${bytes[0]}, which this release does not know; use a newer one`,
  );
}

/** What the log describes was right when it was written; whoever cannot start by it must be told which it is. */
function usable<T>(id: number, what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RetrainError)) throw error;
    throw new RetrainError(
      'DATA_VERSION',
      `record ${id} of the log, ${what}, says what this release does not take: ${error.message}; use the release that wrote it`,
      { cause: error },
    );
  }
}

function changedRecord(record: EntityRecord, description: unknown): EntityRecord {
  switch (record.kind) {
    case 'queue':
      return { ...record, description: parseQueueDescription(description) };
    case 'topic':
      return { ...record, description: parseTopicDescription(description) };
    case 'subscription':
      return { ...record, description: parseSubscriptionDescription(description) };
  }
}

function raise(entity: RecoveredEntity, counters: Counters): void {
  entity.counters = {
    nextSequenceNumber: Math.max(entity.counters.nextSequenceNumber, counters.nextSequenceNumber),
    lastEnqueuedTimeMs: Math.max(entity.counters.lastEnqueuedTimeMs, counters.lastEnqueuedTimeMs),
  };
}
