import {
  parseQueueDescription,
  parseRuleDescription,
  parseSubscriptionDescription,
  parseTopicDescription,
  type QueueDescription,
  type RuleDescription,
  type SubscriptionDescription,
  type TopicDescription,
} from '../topology/index.ts';
import type { DeadLetterInfo, ForwardedInfo } from './message.ts';

/**
 * The bytes of the broker's records. The first byte tells the type; times are milliseconds since 1970 and, like sequence numbers and record ids,
 * unsigned 48-bit, big-endian.
 */
export const RecordType = {
  queue: 1,
  message: 2,
  messageChange: 3,
  sessionState: 4,
  counters: 5,
  historyBucket: 6,
  historyItem: 7,
  descriptionChange: 8,
  topic: 9,
  subscription: 10,
  rule: 11,
} as const;

/** The latest time that a record can tell. */
export const MAX_TIME_MS = 2 ** 48 - 1;

const MessageFlag = {
  session: 1,
  scheduled: 2,
  wasScheduled: 4,
  mortal: 8,
  timeToLive: 16,
  partition: 32,
  forwarded: 64,
} as const;
const ChangeFlag = { deferred: 1, 'dead-letter': 2, overlay: 4, 'transfer-dead-letter': 8, info: 16 } as const;
const DEAD_PLACES = ['dead-letter', 'transfer-dead-letter'] as const;

export interface QueueRecord {
  readonly description: QueueDescription;
  /** Keys the hashes of duplicate detection, so that nobody can make two message ids collide. */
  readonly historyKey: Buffer;
  readonly createdMs: number;
}

export interface TopicRecord {
  readonly description: TopicDescription;
  readonly historyKey: Buffer;
  readonly createdMs: number;
}

export interface SubscriptionRecord {
  readonly topicId: number;
  readonly description: SubscriptionDescription;
  readonly createdMs: number;
}

export interface RuleRecord {
  readonly subscriptionId: number;
  readonly description: RuleDescription;
  readonly createdMs: number;
}

/** The description of an entity after a change, to be checked by whoever knows what it describes; it replaces the one before. */
export interface DescriptionChange<D = unknown> {
  readonly description: D;
  readonly updatedMs: number;
}

interface Keyed<D> {
  readonly description: D;
  readonly historyKey: Buffer;
  readonly createdMs: number;
}

export function encodeQueue(record: QueueRecord): Buffer {
  return encodeKeyed(RecordType.queue, record);
}

export function decodeQueue(bytes: Buffer): QueueRecord {
  return decodeKeyed(bytes, parseQueueDescription);
}

export function encodeTopic(record: TopicRecord): Buffer {
  return encodeKeyed(RecordType.topic, record);
}

export function decodeTopic(bytes: Buffer): TopicRecord {
  return decodeKeyed(bytes, parseTopicDescription);
}

export function encodeSubscription(record: SubscriptionRecord): Buffer {
  return encodeJson(RecordType.subscription, record);
}

export function decodeSubscription(bytes: Buffer): SubscriptionRecord {
  const record = decodeJson(bytes) as SubscriptionRecord;
  return { ...record, description: parseSubscriptionDescription(record.description) };
}

export function encodeRule(record: RuleRecord): Buffer {
  return encodeJson(RecordType.rule, record);
}

export function decodeRule(bytes: Buffer): RuleRecord {
  const record = decodeJson(bytes) as RuleRecord;
  return { ...record, description: parseRuleDescription(record.description) };
}

export function encodeDescriptionChange(change: DescriptionChange): Buffer {
  return encodeJson(RecordType.descriptionChange, change);
}

export function decodeDescriptionChange(bytes: Buffer): DescriptionChange {
  return decodeJson(bytes) as DescriptionChange;
}

function encodeKeyed(type: number, { historyKey, ...record }: Keyed<unknown>): Buffer {
  return encodeJson(type, { ...record, historyKey: historyKey.toString('base64') });
}

function decodeKeyed<D>(bytes: Buffer, parse: (description: unknown) => D): Keyed<D> {
  const { description, historyKey, createdMs } = decodeJson(bytes) as {
    description: unknown;
    historyKey: string;
    createdMs: number;
  };
  return { description: parse(description), historyKey: Buffer.from(historyKey, 'base64'), createdMs };
}

function encodeJson(type: number, value: object): Buffer {
  return Buffer.concat([Buffer.of(type), Buffer.from(JSON.stringify(value))]);
}

function decodeJson(bytes: Buffer): unknown {
  return JSON.parse(bytes.toString('utf8', 1));
}

export interface MessageRecord {
  readonly queueId: number;
  readonly sequenceNumber: number;
  readonly enqueuedTimeMs: number;
  readonly sizeBytes: number;
  readonly sessionId: string | undefined;
  /** A scheduled message that is not active yet: `dueMs` is its time. */
  readonly scheduled: boolean;
  readonly wasScheduled: boolean;
  /** When it becomes active or, if it is active, expires; Infinity for never. */
  readonly dueMs: number;
  /** Of a scheduled message; Infinity for none. An active one has its time in `dueMs`. */
  readonly timeToLiveMs: number;
  /** 0 to 15; undefined in a queue without partitions. */
  readonly partition: number | undefined;
  readonly forwarded: ForwardedInfo | undefined;
}

const MESSAGE_FIXED_BYTES = 2 + 6 + 6 + 6 + 4;
const FORWARDED_FIXED_BYTES = 1 + 8 + 2;

/** Fixed fields, then those that the flags tell of: due time, time to live, partition, forwarding, session id. */
export function encodeMessage(message: MessageRecord): Buffer {
  const { partition, forwarded, sessionId } = message;
  const mortal = message.dueMs !== Infinity;
  const lives = message.timeToLiveMs !== Infinity;
  const session = sessionId === undefined ? 0 : Buffer.byteLength(sessionId);
  const source = forwarded?.deadLetterSource === undefined ? 0 : Buffer.byteLength(forwarded.deadLetterSource);
  const bytes = Buffer.allocUnsafe(
    MESSAGE_FIXED_BYTES +
      (mortal ? 6 : 0) +
      (lives ? 6 : 0) +
      (partition === undefined ? 0 : 1) +
      (forwarded ? FORWARDED_FIXED_BYTES + source : 0) +
      session,
  );
  bytes[0] = RecordType.message;
  bytes[1] =
    (sessionId === undefined ? 0 : MessageFlag.session) |
    (message.scheduled ? MessageFlag.scheduled : 0) |
    (message.wasScheduled ? MessageFlag.wasScheduled : 0) |
    (mortal ? MessageFlag.mortal : 0) |
    (lives ? MessageFlag.timeToLive : 0) |
    (partition === undefined ? 0 : MessageFlag.partition) |
    (forwarded ? MessageFlag.forwarded : 0);
  bytes.writeUIntBE(message.queueId, 2, 6);
  bytes.writeUIntBE(message.sequenceNumber, 8, 6);
  bytes.writeUIntBE(message.enqueuedTimeMs, 14, 6);
  bytes.writeUInt32BE(message.sizeBytes, 20);
  let at = MESSAGE_FIXED_BYTES;
  if (mortal) at = bytes.writeUIntBE(message.dueMs, at, 6);
  if (lives) at = bytes.writeUIntBE(message.timeToLiveMs, at, 6);
  if (partition !== undefined) at = bytes.writeUInt8(partition, at);
  if (forwarded) {
    at = bytes.writeUInt8(forwarded.hops, at);
    at = bytes.writeDoubleBE(forwarded.enqueuedSequenceNumber, at);
    at = bytes.writeUInt16BE(source, at);
    if (forwarded.deadLetterSource !== undefined) at += bytes.write(forwarded.deadLetterSource, at);
  }
  if (sessionId !== undefined) bytes.write(sessionId, at);
  return bytes;
}

export function decodeMessage(bytes: Buffer): MessageRecord {
  const flags = bytes[1] as number;
  const has = (flag: number): boolean => (flags & flag) !== 0;
  let at = MESSAGE_FIXED_BYTES;
  const take = (length: number): number => {
    at += length;
    return bytes.readUIntBE(at - length, length);
  };
  const dueMs = has(MessageFlag.mortal) ? take(6) : Infinity;
  const timeToLiveMs = has(MessageFlag.timeToLive) ? take(6) : Infinity;
  const partition = has(MessageFlag.partition) ? take(1) : undefined;
  let forwarded: ForwardedInfo | undefined;
  if (has(MessageFlag.forwarded)) {
    const hops = take(1);
    const enqueuedSequenceNumber = bytes.readDoubleBE(at);
    at += 8;
    const source = take(2);
    const deadLetterSource = source === 0 ? undefined : bytes.toString('utf8', at, at + source);
    at += source;
    forwarded = { hops, enqueuedSequenceNumber, deadLetterSource };
  }
  return {
    queueId: bytes.readUIntBE(2, 6),
    sequenceNumber: bytes.readUIntBE(8, 6),
    enqueuedTimeMs: bytes.readUIntBE(14, 6),
    sizeBytes: bytes.readUInt32BE(20),
    scheduled: has(MessageFlag.scheduled),
    wasScheduled: has(MessageFlag.wasScheduled),
    dueMs,
    timeToLiveMs,
    partition,
    forwarded,
    sessionId: has(MessageFlag.session) ? bytes.toString('utf8', at) : undefined,
  };
}

/** The subqueue that a message is in. */
export type Place = 'active' | 'dead-letter' | 'transfer-dead-letter';

/** All of a message that can change, whole: each change replaces the one before. */
export interface MessageChange {
  readonly deliveryCount: number;
  readonly place: Place;
  readonly deferred: boolean;
  /** Why it was dead-lettered, here or in the queue that it was forwarded from. */
  readonly deadLetter: DeadLetterInfo | undefined;
  readonly overlay: Buffer | undefined;
}

export function encodeMessageChange(change: MessageChange): Buffer {
  const info = change.deadLetter ? Buffer.from(JSON.stringify(change.deadLetter)) : Buffer.alloc(0);
  const head = Buffer.allocUnsafe(10);
  head[0] = RecordType.messageChange;
  head[1] =
    (change.deferred ? ChangeFlag.deferred : 0) |
    (change.place === 'active' ? 0 : ChangeFlag[change.place]) |
    (change.deadLetter ? ChangeFlag.info : 0) |
    (change.overlay ? ChangeFlag.overlay : 0);
  head.writeUInt32BE(change.deliveryCount, 2);
  head.writeUInt32BE(info.length, 6);
  return Buffer.concat(change.overlay ? [head, info, change.overlay] : [head, info]);
}

export function decodeMessageChange(bytes: Buffer): MessageChange {
  const flags = bytes[1] as number;
  const infoEnd = 10 + bytes.readUInt32BE(6);
  return {
    deliveryCount: bytes.readUInt32BE(2),
    place: DEAD_PLACES.find((place) => (flags & ChangeFlag[place]) !== 0) ?? 'active',
    deferred: (flags & ChangeFlag.deferred) !== 0,
    deadLetter:
      (flags & ChangeFlag.info) === 0 ? undefined : (JSON.parse(bytes.toString('utf8', 10, infoEnd)) as DeadLetterInfo),
    overlay: (flags & ChangeFlag.overlay) === 0 ? undefined : Buffer.from(bytes.subarray(infoEnd)),
  };
}

export interface SessionStateRecord {
  readonly sessionId: string;
  readonly state: Buffer;
  readonly updatedMs: number;
}

const SESSION_STATE_FIXED_BYTES = 1 + 6 + 2;

export function encodeSessionState({ sessionId, state, updatedMs }: SessionStateRecord): Buffer {
  const id = Buffer.from(sessionId);
  const head = Buffer.allocUnsafe(SESSION_STATE_FIXED_BYTES);
  head[0] = RecordType.sessionState;
  head.writeUIntBE(updatedMs, 1, 6);
  head.writeUInt16BE(id.length, 7);
  return Buffer.concat([head, id, state]);
}

export function decodeSessionState(bytes: Buffer): SessionStateRecord {
  const idEnd = SESSION_STATE_FIXED_BYTES + bytes.readUInt16BE(7);
  return {
    sessionId: bytes.toString('utf8', SESSION_STATE_FIXED_BYTES, idEnd),
    state: Buffer.from(bytes.subarray(idEnd)),
    updatedMs: bytes.readUIntBE(1, 6),
  };
}

/** What must not go back when all messages that show it are gone from the log. */
export interface Counters {
  readonly nextSequenceNumber: number;
  readonly lastEnqueuedTimeMs: number;
}

export function encodeCounters(counters: Counters): Buffer {
  const bytes = Buffer.allocUnsafe(13);
  bytes[0] = RecordType.counters;
  bytes.writeUIntBE(counters.nextSequenceNumber, 1, 6);
  bytes.writeUIntBE(counters.lastEnqueuedTimeMs, 7, 6);
  return bytes;
}

export function decodeCounters(bytes: Buffer): Counters {
  return { nextSequenceNumber: bytes.readUIntBE(1, 6), lastEnqueuedTimeMs: bytes.readUIntBE(7, 6) };
}

export function encodeHistoryBucket(queueId: number, startMs: number): Buffer {
  const bytes = Buffer.allocUnsafe(13);
  bytes[0] = RecordType.historyBucket;
  bytes.writeUIntBE(queueId, 1, 6);
  bytes.writeUIntBE(startMs, 7, 6);
  return bytes;
}

export function decodeHistoryBucket(bytes: Buffer): { queueId: number; startMs: number } {
  return { queueId: bytes.readUIntBE(1, 6), startMs: bytes.readUIntBE(7, 6) };
}

export function encodeHistoryItem(timeMs: number, hash: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(7 + hash.length);
  bytes[0] = RecordType.historyItem;
  bytes.writeUIntBE(timeMs, 1, 6);
  hash.copy(bytes, 7);
  return bytes;
}

export function decodeHistoryItem(bytes: Buffer): { timeMs: number; hash: Buffer } {
  return { timeMs: bytes.readUIntBE(1, 6), hash: bytes.subarray(7) };
}
