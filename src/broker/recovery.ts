import { RetrainError } from '../errors.ts';
import { RecordKind, type RecoveredRecord } from '../storage/index.ts';
import { parseDuration } from '../topology/index.ts';
import type { BrokerState } from './broker-state.ts';
import { createHistory } from './duplicate-detection.ts';
import type { DuplicateHistory } from './duplicate-history.ts';
import { isDiskFull, killAll } from './gone.ts';
import { keepChange } from './message-records.ts';
import { MessageState, type MessageTable } from './message-table.ts';
import { Queue } from './queue.ts';
import {
  type Counters,
  decodeCounters,
  decodeHistoryBucket,
  decodeHistoryItem,
  decodeMessage,
  decodeMessageChange,
  decodeQueue,
  decodeQueueChange,
  decodeSessionState,
  type QueueRecord,
  RecordType,
  type SessionStateRecord,
} from './records.ts';

interface RecoveredQueue {
  record: QueueRecord;
  /** The record of the last change of the description. */
  changeId: number | undefined;
  counters: Counters;
  countersWritten: { recordId: number; nextSequenceNumber: number } | undefined;
  readonly states: { changeId: number; record: SessionStateRecord }[];
  readonly history: DuplicateHistory;
}

/**
 * Turns the records of the log into queues. Messages go straight into the table, so that a million of them cost no million objects: their slots
 * follow in the order of their ids, which lets a change find its message by binary search.
 */
export class Recovery {
  readonly #messages: MessageTable;
  readonly #queues = new Map<number, RecoveredQueue>();
  readonly #historyOfPart = new Map<number, DuplicateHistory>();
  /** Queue ids in the order of the slots, and the session ids of the messages that have one. */
  readonly #queueOfSlot: number[] = [];
  readonly #sessionOfSlot = new Map<number, string>();
  readonly #orphans: number[] = [];

  constructor(messages: MessageTable) {
    this.#messages = messages;
  }

  take(record: RecoveredRecord, live: boolean): void {
    switch (record.bytes[0]) {
      case RecordType.queue:
        if (live) this.#takeQueue(record);
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

  finish(broker: BrokerState): Queue[] {
    const queues = new Map<number, Queue>();
    for (const [id, recovered] of this.#queues) {
      const { record, history, changeId } = recovered;
      const { duplicateDetectionHistoryTimeWindow: window } = record.description;
      history.setWindow(parseDuration(window, 'duplicateDetectionHistoryTimeWindow'));
      const queue = new Queue({ broker, id, record, history, changeId });
      queue.arrivals.restoreCounters(recovered.counters, recovered.countersWritten);
      for (const { changeId: stateId, record: state } of recovered.states)
        queue.active.sessions?.restoreState(state, stateId);
      queues.set(id, queue);
    }
    for (let slot = 0; slot < this.#queueOfSlot.length; slot++) {
      const queue = queues.get(this.#queueOfSlot[slot] as number);
      if (queue) queue.restoreMessage(slot, this.#sessionOfSlot.get(slot));
      else {
        this.#orphans.push(this.#messages.entryId[slot] as number);
        this.#messages.free(slot);
      }
    }
    this.#killOrphans(broker);
    return [...queues.values()];
  }

  #killOrphans({ journal }: BrokerState): void {
    try {
      killAll(journal, this.#orphans);
    } catch (error) {
      // The next start finds them again.
      if (!isDiskFull(error)) throw error;
    }
  }

  #takeQueue({ id, bytes }: RecoveredRecord): void {
    const record = decodeQueue(bytes);
    this.#queues.set(id, {
      record,
      changeId: undefined,
      counters: { nextSequenceNumber: 1, lastEnqueuedTimeMs: 0 },
      countersWritten: undefined,
      states: [],
      history: createHistory(record),
    });
  }

  #takeMessage({ id, refs, bytes }: RecoveredRecord, live: boolean): void {
    const message = decodeMessage(bytes);
    const queue = this.#queues.get(message.queueId);
    if (queue) {
      raise(queue, { nextSequenceNumber: message.sequenceNumber + 1, lastEnqueuedTimeMs: message.enqueuedTimeMs });
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
    if (message.forwarded) messages.extra(slot).forwarded = message.forwarded;
    if (message.sessionId !== undefined) this.#sessionOfSlot.set(slot, message.sessionId);
    this.#queueOfSlot.push(message.queueId);
  }

  #takeHistoryPart({ id, bytes }: RecoveredRecord): void {
    const { queueId, startMs } = decodeHistoryBucket(bytes);
    const queue = this.#queues.get(queueId);
    if (!queue) {
      this.#orphans.push(id);
      return;
    }
    queue.history.open(id, startMs);
    this.#historyOfPart.set(id, queue.history);
  }

  #takeChange(record: RecoveredRecord): void {
    const { id, refs, bytes } = record;
    const owner = refs[0] as number;
    switch (bytes[0]) {
      case RecordType.messageChange:
        this.#takeMessageChange(owner, id, bytes);
        break;
      case RecordType.sessionState:
        this.#queues.get(owner)?.states.push({ changeId: id, record: decodeSessionState(bytes) });
        break;
      case RecordType.queueChange: {
        const queue = this.#queues.get(owner);
        if (!queue) break;
        queue.record = { ...queue.record, description: decodeQueueChange(bytes) };
        queue.changeId = id;
        break;
      }
      case RecordType.counters: {
        const queue = this.#queues.get(owner);
        if (!queue) break;
        const counters = decodeCounters(bytes);
        raise(queue, counters);
        queue.countersWritten = { recordId: id, nextSequenceNumber: counters.nextSequenceNumber };
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

function raise(queue: RecoveredQueue, counters: Counters): void {
  queue.counters = {
    nextSequenceNumber: Math.max(queue.counters.nextSequenceNumber, counters.nextSequenceNumber),
    lastEnqueuedTimeMs: Math.max(queue.counters.lastEnqueuedTimeMs, counters.lastEnqueuedTimeMs),
  };
}
