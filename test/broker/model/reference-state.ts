import type { MessageView, ReceiveMode, RefusalReason } from '../../../src/broker/index.ts';
import type { DeadLetterInfo } from '../../../src/broker/message.ts';
import type { PlacedRule } from './rules.ts';
import type { Settings } from './settings.ts';
import type { World } from './worlds.ts';

// The reference model: what a Service Bus namespace is, as plain objects and arrays that `structuredClone` copies whole. It is written from
// service-bus-semantics.md and service-bus-protocol.md (sections 5 to 7) and takes the slow and obvious way everywhere.

/** How a message stands in its part of the queue. */
export type Place = 'ready' | 'locked' | 'deferred' | 'scheduled';

/** The queue itself, its dead-letter queue, and the one of messages that could not be forwarded. */
export type PartName = 'active' | 'dead' | 'transfer';
export const PARTS: readonly PartName[] = ['active', 'dead', 'transfer'];

/** A message as its sender made it. */
export interface Draft {
  readonly text: string;
  readonly sizeBytes: number;
  /** The one property that rules look at. */
  readonly color: string | undefined;
  readonly messageId: string | undefined;
  readonly sessionId: string | undefined;
  readonly timeToLiveMs: number | undefined;
  readonly scheduledMs: number | undefined;
}

export interface Message {
  readonly draft: Draft;
  /** Its place among all that have entered the queue. */
  readonly entry: number;
  /** The number at its first queue or topic. */
  readonly firstNumber: number;
  /** Forwardings so far. */
  readonly hops: number;
  /** The queue in whose dead-letter queue it was before it was forwarded. */
  readonly deadLetterSource: string | undefined;
  part: PartName;
  /** The body, different in every message that is sent: this is how the model and the broker know a message again, and its copies. */
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
  /** A transaction is to settle it. */
  enlisted: boolean;
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

/** Messages that are to go to another entity, in order, and until when that pauses (monotonic). */
export interface Forwarding {
  /** Undefined: to the subscriptions of the topic. */
  readonly to: string | undefined;
  taken: Message[];
  pausedUntilMs: number;
}

/** A queue's messages, or those of one of its dead-letter queues, as receivers see them. */
export interface Part {
  readonly name: PartName;
  /** Receivers that have credit, in the order of their turns. */
  row: Receiver[];
  /** Held locks, in the order in which they were given or renewed. */
  locks: Lock[];
  forwarding: Forwarding | undefined;
}

/** What a restart finds. */
export interface Saved {
  settings: Settings;
  /** Of a subscription, in the order in which they were made. */
  rules: PlacedRule[];
  messages: Message[];
  nextSequenceNumber: number;
  lastEnqueuedMs: number;
  seen: { messageId: string; timeMs: number }[];
  sessionStates: Record<string, string>;
}

/** A queue; a topic, whose queue holds what is not its subscriptions' yet; or a subscription with its copies. `kindOf` tells which by the name. */
export interface Queue extends Saved {
  readonly name: string;
  /** Tells it from others that have had its name. */
  readonly born: number;
  readonly parts: Readonly<Record<PartName, Part>>;
  /** Held session locks in the order in which they were given or renewed. */
  sessionLocks: SessionLock[];
  /** Sessions with a deliverable message and no lock, in the order in which they came to be so. */
  offered: string[];
  waiting: Accept[];
  readonly disk: Saved;
  /**
   * When a queue was last sent something that it did not take. Whether it remembers after a restart how late it was then, and what it has
   * forgotten by then of its duplicate detection, is left to the broker; it makes a difference only if the clock is set back before that time.
   */
  uncertainMs: number;
  /** Until when a set wall clock may go unnoticed, monotonic. */
  unnoticedUntilMs: number;
  /** Its last use, monotonic, and when a deletion is tried again that could not be written. */
  usedAtMs: number;
  idleRetryMs: number;
}

/** What receivers were told, in order. `stream` names what keeps an order: a plain part, or one session receiver. */
export interface Heard {
  readonly stream: string;
  readonly receiver: number;
  readonly lock: Lock | undefined;
  readonly view: View;
}

/** A message as clients see it. */
export type View = Omit<MessageView, 'bodyId' | 'overlay' | 'partitionId'> & {
  readonly text: string;
  readonly overlay: string | undefined;
};

/** Sends and settlements that happen together or not at all. */
export interface Transaction {
  readonly id: number;
  readonly sends: { readonly queue: string; readonly born: number; readonly drafts: NumberedDraft[] }[];
  readonly settlements: { readonly lock: Lock; readonly settlement: Settlement }[];
  ended: boolean;
  /** Monotonic. */
  readonly timesOutAtMs: number;
  timedOut: boolean;
}

/** A scheduled message with the number that its sender has been told. */
export type NumberedDraft = Draft & { readonly reserved?: number };

export interface Settlement {
  readonly kind: 'complete' | 'abandon' | 'defer' | 'dead-letter' | 'release';
  readonly overlay: string | undefined;
  readonly reason: string | undefined;
  readonly description: string | undefined;
}

export type Disk = 'free' | 'no-sends' | 'full';

export interface State {
  readonly world: World;
  monotonicMs: number;
  wallMs: number;
  disk: Disk;
  queues: Queue[];
  receivers: Receiver[];
  accepts: Accept[];
  transactions: Transaction[];
  /** Restarts so far. */
  life: number;
  /** Every lock ever given, also in earlier lives of the process. */
  locks: Lock[];
  heard: Heard[];
  /** Messages ever written, which gives each its text. */
  texts: number;
  /** Messages that ever entered a queue, and queues ever made. */
  entries: number;
  births: number;
  /** Rules ever made. */
  ruleBirths: number;
}

/** The reference does not do it. */
export class Refusal extends Error {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason) {
    super(reason);
    this.reason = reason;
  }
}

export function newState(world: World, wallMs: number): State {
  return {
    world,
    monotonicMs: 0,
    wallMs,
    disk: 'free',
    queues: [],
    receivers: [],
    accepts: [],
    transactions: [],
    life: 0,
    locks: [],
    heard: [],
    texts: 0,
    entries: 0,
    births: 0,
    ruleBirths: 0,
  };
}

export function queueOf(state: State, name: string): Queue {
  const queue = state.queues.find((candidate) => candidate.name === name);
  if (!queue) throw new Error(`the model has no queue ${name}`);
  return queue;
}

/** The messages of a part in the order of their sequence numbers. */
export function listing(queue: Queue, part: PartName): Message[] {
  return queue.messages.filter((message) => message.part === part).sort((a, b) => a.sequenceNumber - b.sequenceNumber);
}

export function deliverable(queue: Queue, part: PartName, sessionId?: string): Message[] {
  return listing(queue, part).filter(
    (message) => message.place === 'ready' && (sessionId === undefined || message.sessionId === sessionId),
  );
}

/** Whether messages of this part belong to sessions: dead-letter queues have none. */
export function inSessions(queue: Queue, part: PartName): boolean {
  return queue.settings.sessions && part === 'active';
}

/** Somebody has used it: it is not idle. Copies that come into a subscription are no use of it (section 4.4). */
export function use(state: State, queue: Queue): void {
  queue.usedAtMs = state.monotonicMs;
}
