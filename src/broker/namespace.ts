import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { type Journal, type LogRecord, RecordKind, type RecoveredRecord } from '../storage/index.ts';
import type { QueueDescription } from '../topology/index.ts';
import type { BrokerState } from './broker-state.ts';
import { gone, killAll } from './gone.ts';
import { LockTokens } from './message-lock.ts';
import { MessageTable } from './message-table.ts';
import { Queue } from './queue.ts';
import { encodeQueue, type QueueRecord } from './records.ts';
import { Recovery } from './recovery.ts';
import { BrokerRefusal } from './refusal.ts';
import type { Subqueue } from './subqueue.ts';

/** Queues of one namespace (service-bus-quotas: queues and topics per namespace). */
export const MAX_QUEUES = 10_000;
const DEAD_LETTER_SUFFIX = '/$deadletterqueue';
const HISTORY_KEY_BYTES = 16;

/** All queues of the broker. First `replay` what the log holds, then `start`; only then may queues be used. */
export class Namespace {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #messages = new MessageTable();
  readonly #queues = new Map<string, Queue>();
  #recovery: Recovery | undefined;
  #broker: BrokerState | undefined;

  constructor(options: { clock: Clock; random: Random }) {
    this.#clock = options.clock;
    this.#random = options.random;
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
    };
    this.#broker = broker;
    for (const queue of recovery.finish(broker)) this.#queues.set(queue.name.toLowerCase(), queue);
    this.#writeCounters(journal);
  }

  /**
   * Messages that are gone may alone have shown how far the counters had come; compaction forgets them, and a segment that was begun before the
   * start may not hold the counters yet.
   */
  #writeCounters(journal: Journal): void {
    const counters = this.snapshot();
    if (counters.length > 0) journal.append(counters, 'settle');
  }

  /** Records that must stand in a new segment of the log before others: the counters that its predecessors showed. */
  snapshot(): readonly LogRecord[] {
    return [...this.#queues.values()].map((queue) => queue.countersRecord()).filter((record) => record !== undefined);
  }

  queue(name: string): Queue | undefined {
    return this.#queues.get(name.toLowerCase());
  }

  queues(): Iterable<Queue> {
    return this.#queues.values();
  }

  /** The queue and the part of it that an address names: `<queue>` or `<queue>/$DeadLetterQueue`, in any case. */
  resolve(address: string): { queue: Queue; subqueue: Subqueue } | undefined {
    const lower = address.toLowerCase();
    const dead = lower.endsWith(DEAD_LETTER_SUFFIX);
    const queue = this.#queues.get(dead ? lower.slice(0, -DEAD_LETTER_SUFFIX.length) : lower);
    return queue && { queue, subqueue: dead ? queue.deadLetterQueue : queue.active };
  }

  /** @throws BrokerRefusal `entity-exists`, `quota-exceeded` */
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
    const record: QueueRecord = { description, historyKey: this.#random.bytes(HISTORY_KEY_BYTES) };
    const id = broker.journal.nextId();
    const position = broker.journal.append(
      [{ kind: RecordKind.entry, id, refs: [], bytes: encodeQueue(record) }],
      'send',
    );
    const queue = new Queue({ broker, id, record });
    this.#queues.set(key, queue);
    return { queue, position };
  }

  /** Deletes a queue and all its messages. @throws BrokerRefusal `entity-not-found` */
  deleteQueue(name: string): { position: number } {
    const { journal } = this.#started();
    const queue = this.queue(name);
    if (!queue) throw new BrokerRefusal('entity-not-found', `The messaging entity '${name}' could not be found.`);
    // First, because nothing must have changed if it cannot be written. Should the process die before the messages' end is, recovery finds
    // entries without a queue and ends what was begun.
    journal.append([gone(journal, [queue.id])], 'settle');
    this.#queues.delete(name.toLowerCase());
    queue.deleted();
    return { position: killAll(journal, [...queue.forgetAll()]) };
  }

  /** Cancels every timer. Nothing may be used afterwards. */
  stop(): void {
    const refusal = new BrokerRefusal('server-busy', 'The broker shuts down. Connect again later.');
    for (const queue of this.#queues.values()) queue.stop(refusal);
  }

  #started(): BrokerState {
    if (!this.#broker) throw new BrokerRefusal('server-busy', 'The broker has not started yet. Try again later.');
    return this.#broker;
  }
}
