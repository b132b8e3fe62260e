import type { MessageView, ReceiveMode, RefusalReason } from '../../../src/broker/index.ts';
import type { DeadLetterInfo } from '../../../src/broker/message.ts';
import type { Settings } from './settings.ts';

// The reference model: what a Service Bus namespace is, as plain objects and arrays that `structuredClone` copies whole. It is written from
// service-bus-semantics.md and service-bus-protocol.md (sections 5 to 7) and takes the slow and obvious way everywhere.

/** Where a message stands. Whether it is in the queue or in its dead-letter queue is told by `deadLetter`. */
export type Place = 'ready' | 'locked' | 'deferred' | 'scheduled';

export interface Message {
  /** The body, different in every message that is sent: this is how the model and the broker know a message again. */
  readonly text: string;
  readonly sizeBytes: number;
  readonly sessionId: string | undefined;
  readonly wasScheduled: boolean;
  readonly timeToLiveMs: number;
  sequenceNumber: number;
  enqueuedTimeMs: number;
  deliveryCount: number;
  overlay: string | undefined;
  deadLetter: DeadLetterInfo | undefined;
  place: Place;
  /** When a scheduled message becomes active and any other expires, by the wall clock. */
  dueMs: number;
  /** A scheduled message whose time came while the disk was full is tried again then. */
  retryMs: number | undefined;
  /**
   * Its time came while it was locked or deferred, and nobody watches it any more: if the clock was set back meanwhile and it is deliverable
   * again, only a receiver finds out that it is over (expired messages are removed lazily: section 4.4).
   */
  unwatched: boolean;
}

export type PartName = 'active' | 'dead';

export interface Receiver {
  readonly id: number;
  readonly queueName: string;
  readonly part: PartName;
  readonly mode: ReceiveMode;
  readonly session: SessionLock | undefined;
  credit: number;
  open: boolean;
}

export interface Lock {
  /** Its place among all locks, when it has been compared with the broker's; -1 before. */
  id: number;
  readonly queueName: string;
  readonly part: PartName;
  readonly message: Message;
  readonly wasDeferred: boolean;
  /** Message locks of a session end with it. */
  readonly session: SessionLock | undefined;
  readonly inSession: boolean;
  /** In which life of the process it was given. */
  readonly life: number;
  held: boolean;
  /** Monotonic. */
  expiresAtMs: number;
}

export interface SessionLock {
  readonly sessionId: string;
  readonly accept: Accept;
  receiver: Receiver | undefined;
  held: boolean;
  expiresAtMs: number;
  lockedUntilMs: number;
}

/** Somebody who asked for a session. */
export interface Accept {
  readonly id: number;
  readonly queueName: string;
  /** When waiting ends, monotonic. */
  readonly timeoutAtMs: number;
  lock: SessionLock | undefined;
  refusal: RefusalReason | undefined;
  lost: RefusalReason | undefined;
  cancelled: boolean;
}

/** A queue's messages, or its dead-letter queue's, as receivers see them. */
export interface Part {
  readonly name: PartName;
  /** Receivers that have credit, in the order of their turns. */
  row: Receiver[];
  /** Held locks, in the order in which they were given or renewed, which is that of their expiry. */
  locks: Lock[];
}

/** What a restart finds. */
export interface Saved {
  messages: Message[];
  nextSequenceNumber: number;
  lastEnqueuedMs: number;
  seen: { messageId: string; timeMs: number }[];
  sessionStates: Record<string, string>;
}

export interface Queue extends Saved {
  readonly name: string;
  readonly settings: Settings;
  active: Part;
  dead: Part;
  /** Held session locks in the order of their expiry. */
  sessionLocks: SessionLock[];
  /** Sessions with a deliverable message and no lock, in the order in which they came to be so. */
  offered: string[];
  waiting: Accept[];
  readonly disk: Saved;
  /** Until when a set wall clock may go unnoticed, monotonic. */
  unnoticedUntilMs: number;
}

/** What receivers were told, in order. `stream` names what keeps an order: a plain part, or one session receiver. */
export interface Heard {
  readonly stream: string;
  readonly receiver: number;
  readonly lock: Lock | undefined;
  readonly view: View;
}

/** A message as clients see it. */
export type View = Omit<MessageView, 'bodyId' | 'overlay' | 'partitionId' | 'deadLetterSource'> & {
  readonly text: string;
  readonly overlay: string | undefined;
};

export type Disk = 'free' | 'no-sends' | 'full';

export interface State {
  monotonicMs: number;
  wallMs: number;
  disk: Disk;
  queues: Queue[];
  receivers: Receiver[];
  accepts: Accept[];
  /** Restarts so far. */
  life: number;
  /** Every lock ever given, also in earlier lives of the process. */
  locks: Lock[];
  heard: Heard[];
  /** Messages ever written, which gives each its text. */
  texts: number;
}

/** The reference does not do it. */
export class Refusal extends Error {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason) {
    super(reason);
    this.reason = reason;
  }
}

export function newState(wallMs: number): State {
  return {
    monotonicMs: 0,
    wallMs,
    disk: 'free',
    queues: [],
    receivers: [],
    accepts: [],
    life: 0,
    locks: [],
    heard: [],
    texts: 0,
  };
}

export function queueOf(state: State, name: string): Queue {
  const queue = state.queues.find((candidate) => candidate.name === name);
  if (!queue) throw new Error(`the model has no queue ${name}`);
  return queue;
}

export function partOf(message: Message): PartName {
  return message.deadLetter ? 'dead' : 'active';
}

/** The messages of a part in the order of their sequence numbers. */
export function listing(queue: Queue, part: PartName): Message[] {
  return queue.messages
    .filter((message) => partOf(message) === part)
    .sort((a, b) => a.sequenceNumber - b.sequenceNumber);
}

export function deliverable(queue: Queue, part: PartName, sessionId?: string): Message[] {
  return listing(queue, part).filter(
    (message) => message.place === 'ready' && (sessionId === undefined || message.sessionId === sessionId),
  );
}

/** Whether messages of this part belong to sessions: the dead-letter queue has none. */
export function inSessions(queue: Queue, part: PartName): boolean {
  return queue.settings.sessions && part === 'active';
}
