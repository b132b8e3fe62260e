import { queueDescription, type QueueDescription } from '../topology/index.ts';
import type { DeadLetterInfo } from './message.ts';

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
} as const;

/** The latest time that a record can tell. */
export const MAX_TIME_MS = 2 ** 48 - 1;

const MessageFlag = { session: 1, scheduled: 2, wasScheduled: 4, mortal: 8, timeToLive: 16 } as const;
const ChangeFlag = { deferred: 1, deadLetter: 2, overlay: 4 } as const;

export interface QueueRecord {
  readonly description: QueueDescription;
  /** Keys the hashes of duplicate detection, so that nobody can make two message ids collide. */
  readonly historyKey: Buffer;
}

export function encodeQueue({ description, historyKey }: QueueRecord): Buffer {
  const json = JSON.stringify({ description, historyKey: historyKey.toString('base64') });
  return Buffer.concat([Buffer.of(RecordType.queue), Buffer.from(json)]);
}

export function decodeQueue(bytes: Buffer): QueueRecord {
  const { description, historyKey } = JSON.parse(bytes.toString('utf8', 1)) as {
    description: unknown;
    historyKey: string;
  };
  return { description: queueDescription.parse(description), historyKey: Buffer.from(historyKey, 'base64') };
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
}

const MESSAGE_FIXED_BYTES = 2 + 6 + 6 + 6 + 4;

export function encodeMessage(message: MessageRecord): Buffer {
  const mortal = message.dueMs !== Infinity;
  const lives = message.timeToLiveMs !== Infinity;
  const session = message.sessionId === undefined ? 0 : Buffer.byteLength(message.sessionId);
  const bytes = Buffer.allocUnsafe(MESSAGE_FIXED_BYTES + (mortal ? 6 : 0) + (lives ? 6 : 0) + session);
  bytes[0] = RecordType.message;
  bytes[1] =
    (message.sessionId === undefined ? 0 : MessageFlag.session) |
    (message.scheduled ? MessageFlag.scheduled : 0) |
    (message.wasScheduled ? MessageFlag.wasScheduled : 0) |
    (mortal ? MessageFlag.mortal : 0) |
    (lives ? MessageFlag.timeToLive : 0);
  bytes.writeUIntBE(message.queueId, 2, 6);
  bytes.writeUIntBE(message.sequenceNumber, 8, 6);
  bytes.writeUIntBE(message.enqueuedTimeMs, 14, 6);
  bytes.writeUInt32BE(message.sizeBytes, 20);
  let at = MESSAGE_FIXED_BYTES;
  if (mortal) at = bytes.writeUIntBE(message.dueMs, at, 6);
  if (lives) at = bytes.writeUIntBE(message.timeToLiveMs, at, 6);
  if (message.sessionId !== undefined) bytes.write(message.sessionId, at);
  return bytes;
}

export function decodeMessage(bytes: Buffer): MessageRecord {
  const flags = bytes[1] as number;
  const mortal = (flags & MessageFlag.mortal) !== 0;
  const lives = (flags & MessageFlag.timeToLive) !== 0;
  const afterDue = MESSAGE_FIXED_BYTES + (mortal ? 6 : 0);
  const session = afterDue + (lives ? 6 : 0);
  return {
    queueId: bytes.readUIntBE(2, 6),
    sequenceNumber: bytes.readUIntBE(8, 6),
    enqueuedTimeMs: bytes.readUIntBE(14, 6),
    sizeBytes: bytes.readUInt32BE(20),
    scheduled: (flags & MessageFlag.scheduled) !== 0,
    wasScheduled: (flags & MessageFlag.wasScheduled) !== 0,
    dueMs: mortal ? bytes.readUIntBE(MESSAGE_FIXED_BYTES, 6) : Infinity,
    timeToLiveMs: lives ? bytes.readUIntBE(afterDue, 6) : Infinity,
    sessionId: (flags & MessageFlag.session) === 0 ? undefined : bytes.toString('utf8', session),
  };
}

/** All of a message that can change, whole: each change replaces the one before. */
export interface MessageChange {
  readonly deliveryCount: number;
  readonly deferred: boolean;
  readonly deadLetter: DeadLetterInfo | undefined;
  readonly overlay: Buffer | undefined;
}

export function encodeMessageChange(change: MessageChange): Buffer {
  const info = change.deadLetter ? Buffer.from(JSON.stringify(change.deadLetter)) : Buffer.alloc(0);
  const head = Buffer.allocUnsafe(10);
  head[0] = RecordType.messageChange;
  head[1] =
    (change.deferred ? ChangeFlag.deferred : 0) |
    (change.deadLetter ? ChangeFlag.deadLetter : 0) |
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
    deferred: (flags & ChangeFlag.deferred) !== 0,
    deadLetter:
      (flags & ChangeFlag.deadLetter) === 0
        ? undefined
        : (JSON.parse(bytes.toString('utf8', 10, infoEnd)) as DeadLetterInfo),
    overlay: (flags & ChangeFlag.overlay) === 0 ? undefined : Buffer.from(bytes.subarray(infoEnd)),
  };
}

export function encodeSessionState(sessionId: string, state: Buffer): Buffer {
  const id = Buffer.from(sessionId);
  const head = Buffer.allocUnsafe(3);
  head[0] = RecordType.sessionState;
  head.writeUInt16BE(id.length, 1);
  return Buffer.concat([head, id, state]);
}

export function decodeSessionState(bytes: Buffer): { sessionId: string; state: Buffer } {
  const idEnd = 3 + bytes.readUInt16BE(1);
  return { sessionId: bytes.toString('utf8', 3, idEnd), state: Buffer.from(bytes.subarray(idEnd)) };
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
