import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { type Journal, type LogRecord, RecordKind, type RecoveredRecord } from '../storage/index.ts';
import { parseDuration, type QueueDescription } from '../topology/index.ts';
import type { BrokerState } from './broker-state.ts';
import { Forwarder } from './forwarder.ts';
import { gone, isDiskFull, killAll } from './gone.ts';
import { IdleDeletion } from './idle-deletion.ts';
import type { MessageFacts } from './message.ts';
import { LockTokens } from './message-lock.ts';
import { MessageTable } from './message-table.ts';
import { Queue } from './queue.ts';
import { encodeQueue, type QueueRecord } from './records.ts';
import { Recovery } from './recovery.ts';
import { BrokerRefusal } from './refusal.ts';
import type { Subqueue } from './subqueue.ts';
import { Transaction } from './transaction.ts';

/** Queues of one namespace (service-bus-quotas: queues and topics per namespace). */
export const MAX_QUEUES = 10_000;
const DEAD_LETTER_SUFFIX = '/$deadletterqueue';
const TRANSFER_DEAD_LETTER_SUFFIX = '/$transfer/$deadletterqueue';
/** Endings of addresses, the longer one first. */
const SUBQUEUES = [
  [TRANSFER_DEAD_LETTER_SUFFIX, 'transferDeadLetterQueue'],
  [DEAD_LETTER_SUFFIX, 'deadLetterQueue'],
] as const;
const HISTORY_KEY_BYTES = 16;

/** All queues of the broker. First `replay` what the log holds, then `start`; only then may queues be used. */
export class Namespace {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #messages = new MessageTable();
  readonly #queues = new Map<string, Queue>();
  readonly #inspect: (bytes: Buffer) => MessageFacts;
  readonly #onDeleted: ((queue: Queue) => void) | undefined;
  readonly #onFault: (fault: unknown) => void;
  /** What goes on by itself at a queue: forwarding, deletion when idle. */
  readonly #duties = new Map<Queue, readonly { stop(): void }[]>();
  #recovery: Recovery | undefined;
  #broker: BrokerState | undefined;
  /** Counters that did not find room at the start. */
  #unwritten: readonly LogRecord[] = [];

  constructor(options: {
    clock: Clock;
    random: Random;
    /** Reads of a stored message what a queue that it is forwarded to has to know. */
    inspect: (bytes: Buffer) => MessageFacts;
    /** A queue is gone, by command or because it was idle. */
    onDeleted?: (queue: Queue) => void;
    /** Told of messages that cannot be forwarded because their bytes cannot be read. */
    onFault?: (fault: unknown) => void;
  }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#inspect = options.inspect;
    this.#onDeleted = options.onDeleted;
    this.#onFault = options.onFault ?? (() => undefined);
    this.#recovery = new Recovery(this.#messages);
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
    for (const queue of recovery.finish(broker)) this.#queues.set(queue.name.toLowerCase(), queue);
    this.#writeCounters(journal);
    for (const queue of this.#queues.values()) this.#attend(queue);
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
    const moved = [...this.#queues.values()].map((queue) => queue.arrivals.countersRecord());
    return [...unwritten, ...moved.filter((record) => record !== undefined)];
  }

  queue(name: string): Queue | undefined {
    return this.#queues.get(name.toLowerCase());
  }

  queues(): Iterable<Queue> {
    return this.#queues.values();
  }

  /** The queue and the part of it that an address names: `<queue>`, `<queue>/$DeadLetterQueue` or `<queue>/$Transfer/$DeadLetterQueue`, in any case. */
  resolve(address: string): { queue: Queue; subqueue: Subqueue } | undefined {
    const lower = address.toLowerCase();
    for (const [suffix, part] of SUBQUEUES) {
      if (!lower.endsWith(suffix)) continue;
      const queue = this.#queues.get(lower.slice(0, -suffix.length));
      return queue && { queue, subqueue: queue[part] };
    }
    const queue = this.#queues.get(lower);
    return queue && { queue, subqueue: queue.active };
  }

  /** @throws BrokerRefusal `entity-exists`, `quota-exceeded`, `argument-invalid` when a queue that it forwards to does not exist */
  createQueue(description: QueueDescription): { queue: Queue; position: number } {
    const broker = this.#started();
    const key = description.name.toLowerCase();
    if (this.#queues.has(key)) {
      throw new BrokerRefusal('entity-exists', `The messaging entity '${description.name}' already exists.`);
    }
    if (this.#queues.size >= MAX_QUEUES) {
      throw new BrokerRefusal(
        'quota-exceeded',
        `The namespace has ${MAX_QUEUES} queues, which is the limit. Delete some.`,
      );
    }
    this.#mustForwardToSomewhere(description);
    const record: QueueRecord = { description, historyKey: this.#random.bytes(HISTORY_KEY_BYTES) };
    const id = broker.journal.nextId();
    const position = broker.journal.append(
      [{ kind: RecordKind.entry, id, refs: [], bytes: encodeQueue(record) }],
      'send',
    );
    const queue = new Queue({ broker, id, record });
    this.#queues.set(key, queue);
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
    const queue = this.#existing(name);
    // First, because nothing must have changed if it cannot be written.
    const position = journal.append([gone(journal, [queue.id])], 'settle');
    this.#queues.delete(name.toLowerCase());
    this.#relieve(queue);
    queue.deleted();
    this.#onDeleted?.(queue);
    try {
      return { position: killAll(journal, [...queue.forgetAll()]) };
    } catch (error) {
      // The next start finds messages without a queue, and ends what was begun here.
      if (!isDiskFull(error)) throw error;
      return { position };
    }
  }

  /** Cancels every timer. Nothing may be used afterwards. */
  stop(): void {
    const refusal = new BrokerRefusal('server-busy', 'The broker shuts down. Connect again later.');
    for (const queue of this.#queues.values()) {
      this.#relieve(queue);
      queue.stop(refusal);
    }
  }

  /** Sends and settlements that are to happen together. */
  beginTransaction(): Transaction {
    return new Transaction(this.#started());
  }

  #existing(name: string): Queue {
    const queue = this.queue(name);
    if (!queue) throw new BrokerRefusal('entity-not-found', `The messaging entity '${name}' could not be found.`);
    return queue;
  }

  #mustForwardToSomewhere({ name, forwardTo, forwardDeadLetteredMessagesTo }: QueueDescription): void {
    for (const [property, destination] of Object.entries({ forwardTo, forwardDeadLetteredMessagesTo })) {
      if (destination === undefined || this.queue(destination)) continue;
      throw new BrokerRefusal(
        'argument-invalid',
        `The auto forwarding destination entity '${destination}' (${property} of '${name}') does not exist. Create it first.`,
      );
    }
  }

  /** Begins what the queue's description wants to go on by itself, in place of what went on before. */
  #attend(queue: Queue): void {
    this.#relieve(queue);
    const broker = this.#started();
    const { forwardTo, forwardDeadLetteredMessagesTo, autoDeleteOnIdle, status } = queue.description;
    const duties: { stop(): void }[] = [];
    const forward = (subqueue: Subqueue, destination: string): void => {
      if (status === 'Disabled' || status === 'ReceiveDisabled') return;
      const find = (name: string): Queue | undefined => this.queue(name);
      const onFault = this.#onFault;
      duties.push(
        new Forwarder({ broker, source: queue, subqueue, destination, find, inspect: this.#inspect, onFault }),
      );
    };
    if (forwardTo !== undefined) forward(queue.active, forwardTo);
    if (forwardDeadLetteredMessagesTo !== undefined) forward(queue.deadLetterQueue, forwardDeadLetteredMessagesTo);
    const idleMs = parseDuration(autoDeleteOnIdle, 'autoDeleteOnIdle');
    if (idleMs !== Infinity) {
      const onIdle = (): void => void this.deleteQueue(queue.name);
      duties.push(new IdleDeletion({ clock: this.#clock, queue, idleMs, onIdle }));
    }
    if (duties.length > 0) this.#duties.set(queue, duties);
  }

  #relieve(queue: Queue): void {
    for (const duty of this.#duties.get(queue) ?? []) duty.stop();
    this.#duties.delete(queue);
  }

  #started(): BrokerState {
    if (!this.#broker) throw new BrokerRefusal('server-busy', 'The broker has not started yet. Try again later.');
    return this.#broker;
  }
}
