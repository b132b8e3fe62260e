import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { type Journal, type LogRecord, RecordKind, type RecoveredRecord } from '../storage/index.ts';
import type { QueueDescription } from '../topology/index.ts';
import type { BrokerState } from './broker-state.ts';
import { Duties } from './duties.ts';
import { isDiskFull } from './gone.ts';
import { LockTokens } from './message-lock.ts';
import type { MessageReader } from './message-reader.ts';
import { MessageTable } from './message-table.ts';
import { Queue } from './queue.ts';
import { encodeQueue, type QueueRecord } from './records.ts';
import { Recovery } from './recovery.ts';
import { BrokerRefusal, entityExists, entityNotFound } from './refusal.ts';
import { removeEntities } from './removal.ts';
import { together } from './step.ts';
import type { Subqueue } from './subqueue.ts';
import type { Subscription } from './subscription.ts';
import type { Topic } from './topic.ts';
import { Topics } from './topics.ts';
import { Transaction } from './transaction.ts';

/** Queues and topics of one namespace (service-bus-quotas). */
export const MAX_ENTITIES = 10_000;
const DEAD_LETTER_SUFFIX = '/$deadletterqueue';
const TRANSFER_DEAD_LETTER_SUFFIX = '/$transfer/$deadletterqueue';
/** Endings of addresses, the longer one first. */
const SUBQUEUES = [
  [TRANSFER_DEAD_LETTER_SUFFIX, 'transferDeadLetterQueue'],
  [DEAD_LETTER_SUFFIX, 'deadLetterQueue'],
] as const;
const SUBSCRIPTION = /^(.+)\/subscriptions\/([^/]+)$/i;
const HISTORY_KEY_BYTES = 16;

/** What an address names: an entity, and the part of its messages. */
export type Entity =
  | { readonly kind: 'queue'; readonly queue: Queue; readonly subqueue: Subqueue }
  /** Its queue takes messages, and receivers are told that they want a subscription. */
  | { readonly kind: 'topic'; readonly queue: Queue; readonly subqueue: Subqueue; readonly topic: Topic }
  | {
      readonly kind: 'subscription';
      readonly queue: Queue;
      readonly subqueue: Subqueue;
      readonly topic: Topic;
      readonly subscription: Subscription;
    };

/** All entities of the broker. First `replay` what the log holds, then `start`; only then may they be used. */
export class Namespace {
  readonly topics: Topics;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #messages = new MessageTable();
  readonly #queues = new Map<string, Queue>();
  readonly #onDeleted: (queue: Queue) => void;
  readonly #duties: Duties;
  #recovery: Recovery | undefined;
  #broker: BrokerState | undefined;
  /** Counters that did not find room at the start. */
  #unwritten: readonly LogRecord[] = [];

  constructor(options: {
    clock: Clock;
    random: Random;
    reader: MessageReader;
    /** A queue or a topic, by its queue, is gone by command or because it was idle; a topic's subscriptions go with it. */
    onDeleted?: (queue: Queue) => void;
    /** Told of messages that cannot go on: their bytes cannot be read, or the subscriptions of their topic cannot take them. */
    onFault?: (fault: unknown) => void;
  }) {
    const { clock, random, reader } = options;
    this.#clock = clock;
    this.#random = random;
    this.#onDeleted = options.onDeleted ?? (() => undefined);
    const find = (name: string): Queue | undefined => this.destination(name);
    this.#duties = new Duties({ clock, reader, find, onFault: options.onFault ?? (() => undefined) });
    this.topics = new Topics({
      random,
      reader,
      duties: this.#duties,
      broker: () => this.#started(),
      mustBeFree: (name) => this.#mustBeFree(name),
      mustForwardToSomewhere: (description) => this.#mustForwardToSomewhere(description),
      onDeleted: this.#onDeleted,
    });
    this.#recovery = new Recovery({ messages: this.#messages, reader });
  }

  /** Takes a record of the log, in ascending order of ids. Dead ones still tell which numbers were used. */
  replay(record: RecoveredRecord, live: boolean): void {
    this.#recovery?.take(record, live);
  }

  start(journal: Journal): void {
    const recovery = this.#recovery;
    if (!recovery) return;
    this.#recovery = undefined;
    const broker: BrokerState = {
      clock: this.#clock,
      random: this.#random,
      journal,
      messages: this.#messages,
      tokens: new LockTokens(this.#random),
      transactionBytes: { held: 0 },
    };
    this.#broker = broker;
    for (const queue of recovery.finish(broker, this.topics)) this.#queues.set(queue.name.toLowerCase(), queue);
    this.#writeCounters(journal);
    for (const queue of this.#queues.values()) this.#attend(queue);
    this.topics.start();
  }

  /**
   * Messages that are gone may alone have shown how far the counters had come; compaction forgets them, and a segment that was begun before the
   * start may not hold the counters yet. On a full disk they wait for the next segment: one without room for them has begun with them.
   */
  #writeCounters(journal: Journal): void {
    const counters = this.snapshot();
    try {
      if (counters.length > 0) journal.append(counters, 'settle');
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      this.#unwritten = counters;
    }
  }

  /** Records that must stand in a new segment of the log before others: the counters that its predecessors showed. */
  snapshot(): readonly LogRecord[] {
    const unwritten = this.#unwritten;
    this.#unwritten = [];
    const moved = together([...this.#allQueues()].flatMap(({ arrivals }) => arrivals.countersStep() ?? []));
    // A segment without them does not begin.
    moved.apply(true);
    return [...unwritten, ...moved.records];
  }

  queue(name: string): Queue | undefined {
    return this.#queues.get(name.toLowerCase());
  }

  /** What messages can be sent to by this name: a queue, or the queue of a topic. */
  destination(name: string): Queue | undefined {
    return this.queue(name) ?? this.topics.get(name)?.queue;
  }

  queues(): Iterable<Queue> {
    return this.#queues.values();
  }

  /**
   * What an address names, in any case: `<queue>`, `<topic>`, `<topic>/Subscriptions/<name>`, and behind a queue or a subscription
   * `/$DeadLetterQueue` or `/$Transfer/$DeadLetterQueue`.
   */
  resolve(address: string): Entity | undefined {
    const lower = address.toLowerCase();
    for (const [suffix, part] of SUBQUEUES) {
      if (!lower.endsWith(suffix)) continue;
      const entity = this.#entity(lower.slice(0, -suffix.length));
      // Nothing is ever dead-lettered in a topic.
      return entity && entity.kind !== 'topic' ? { ...entity, subqueue: entity.queue[part] } : undefined;
    }
    return this.#entity(lower);
  }

  /** @throws BrokerRefusal `entity-exists`, `quota-exceeded`, `argument-invalid` when an entity that it forwards to does not exist */
  createQueue(description: QueueDescription): { queue: Queue; position: number } {
    const broker = this.#started();
    this.#mustBeFree(description.name);
    this.#mustForwardToSomewhere(description);
    const createdMs = Math.floor(this.#clock.wallMs());
    const record: QueueRecord = { description, historyKey: this.#random.bytes(HISTORY_KEY_BYTES), createdMs };
    const id = broker.journal.nextId();
    const position = broker.journal.append(
      [{ kind: RecordKind.entry, id, refs: [], bytes: encodeQueue(record) }],
      'send',
    );
    const queue = new Queue({ broker, id, record });
    this.#queues.set(description.name.toLowerCase(), queue);
    this.#attend(queue);
    return { queue, position };
  }

  /**
   * Gives a queue another description (see `changeQueueDescription`), at once for everybody who uses it.
   *
   * @throws BrokerRefusal `entity-not-found`, `quota-exceeded`, `argument-invalid`
   */
  updateQueue(description: QueueDescription): { position: number } {
    const queue = this.#existing(description.name);
    this.#mustForwardToSomewhere(description);
    const { position } = queue.update(description);
    this.#attend(queue);
    return { position };
  }

  /** Deletes a queue and all its messages. @throws BrokerRefusal `entity-not-found` */
  deleteQueue(name: string): { position: number } {
    const { journal } = this.#started();
    return removeEntities({
      journal,
      duties: this.#duties,
      queues: [this.#existing(name)],
      forget: () => this.#queues.delete(name.toLowerCase()),
      onDeleted: this.#onDeleted,
    });
  }

  /** Cancels every timer. Nothing may be used afterwards. */
  stop(): void {
    const refusal = new BrokerRefusal('server-busy', 'The broker shuts down. Connect again later.');
    for (const queue of this.#allQueues()) {
      this.#duties.relieve(queue);
      queue.stop(refusal);
    }
  }

  /** Sends and settlements that are to happen together. */
  beginTransaction(): Transaction {
    return new Transaction(this.#started());
  }

  *#allQueues(): Generator<Queue> {
    yield* this.#queues.values();
    yield* this.topics.queues();
  }

  /** `path` is in lower case. */
  #entity(path: string): Entity | undefined {
    const queue = this.#queues.get(path);
    if (queue) return { kind: 'queue', queue, subqueue: queue.active };
    const topic = this.topics.get(path);
    if (topic) return { kind: 'topic', queue: topic.queue, subqueue: topic.queue.active, topic };
    const [, topicName, name] = SUBSCRIPTION.exec(path) ?? [];
    if (topicName === undefined || name === undefined) return undefined;
    const owner = this.topics.get(topicName);
    const subscription = owner?.subscription(name);
    if (!owner || !subscription) return undefined;
    const { queue: own } = subscription;
    return { kind: 'subscription', queue: own, subqueue: own.active, topic: owner, subscription };
  }

  #existing(name: string): Queue {
    const queue = this.queue(name);
    if (!queue) throw entityNotFound(name);
    return queue;
  }

  #mustBeFree(name: string): void {
    if (this.destination(name)) throw entityExists(name);
    if (this.#queues.size + this.topics.size < MAX_ENTITIES) return;
    throw new BrokerRefusal(
      'quota-exceeded',
      `The namespace has ${MAX_ENTITIES} queues and topics, which is the limit. Delete some.`,
    );
  }

  #mustForwardToSomewhere({
    name,
    forwardTo,
    forwardDeadLetteredMessagesTo,
  }: Pick<QueueDescription, 'name' | 'forwardTo' | 'forwardDeadLetteredMessagesTo'>): void {
    for (const [property, destination] of Object.entries({ forwardTo, forwardDeadLetteredMessagesTo })) {
      if (destination === undefined || this.destination(destination)) continue;
      throw new BrokerRefusal(
        'argument-invalid',
        `The auto forwarding destination entity '${destination}' (${property} of '${name}') does not exist. Create it first.`,
      );
    }
  }

  #attend(queue: Queue): void {
    this.#duties.attend(queue, { broker: this.#started(), onIdle: () => void this.deleteQueue(queue.name) });
  }

  #started(): BrokerState {
    if (!this.#broker) throw new BrokerRefusal('server-busy', 'The broker has not started yet. Try again later.');
    return this.#broker;
  }
}
