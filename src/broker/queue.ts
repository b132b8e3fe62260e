import { RecordKind } from '../storage/index.ts';
import { parseDuration, type QueueDescription } from '../topology/index.ts';
import { Arrivals, type FanOut, type ForwardedMessage, type NumberedMessage, type Prepared } from './arrivals.ts';
import type { BrokerState } from './broker-state.ts';
import { Deadlines } from './deadlines.ts';
import { createHistory, DuplicateDetection } from './duplicate-detection.ts';
import type { DuplicateHistory } from './duplicate-history.ts';
import type { IncomingMessage } from './message.ts';
import { MessageRecords } from './message-records.ts';
import { MessageState, NONE } from './message-table.ts';
import type { EntityTimes, QueueCounts, QueueListener } from './queue-status.ts';
import { encodeDescriptionChange, type MessageChange, type Place, type QueueRecord } from './records.ts';
import { BrokerRefusal, forwards, isTopic } from './refusal.ts';
import { checkSend, type MessageToCheck, mustAllowSend } from './send-rules.ts';
import type { SharedBodies } from './shared-bodies.ts';
import type { Step } from './step.ts';
import { Subqueue } from './subqueue.ts';
import type { SubqueueOwner } from './subqueue-owner.ts';

/** When a scheduled message is tried again that could not become active, in milliseconds. */
const ACTIVATION_RETRY_MS = 1000;

/**
 * A queue with its dead-letter queues: its settings, and what happens to messages at a time. Order and locks are the subqueues'. A subscription has a
 * queue for its copies, and a topic has one for what is not its subscriptions' yet, and in front of it its fan-out.
 */
export class Queue implements SubqueueOwner {
  /** The record that its messages and states belong to. */
  readonly id: number;
  readonly active: Subqueue;
  readonly records: MessageRecords;
  readonly arrivals: Arrivals;
  #deadLetterQueue: Subqueue | undefined;
  #transferDeadLetterQueue: Subqueue | undefined;
  #description: QueueDescription;
  readonly #broker: BrokerState;
  readonly #history: DuplicateHistory | undefined;
  readonly #deadlines: Deadlines;
  readonly #listeners = new Set<QueueListener>();
  readonly #fanOut: FanOut | undefined;
  /** Of a subscription: where its topic counts bytes. */
  readonly #bodies: SharedBodies | undefined;
  readonly #createdMs: number;
  #updatedMs: number;
  /** The record of the last change of the description. */
  #changeId: number | undefined;
  #scheduled = 0;
  #sizeBytes = 0;
  #usedAtMs: number;
  #wasUsed = false;
  #deleted = false;

  constructor(options: {
    broker: BrokerState;
    id: number;
    record: QueueRecord;
    history?: DuplicateHistory | undefined;
    /** The last change of the description. */
    change?: { readonly id: number; readonly updatedMs: number } | undefined;
    /** Of a topic: takes what would become active. */
    fanOut?: FanOut;
    bodies?: SharedBodies;
  }) {
    const { broker, id, record } = options;
    const { description } = record;
    const { enablePartitioning: partitioned, requiresSession, maxDeliveryCount } = description;
    this.id = id;
    this.#description = description;
    this.#createdMs = record.createdMs;
    this.#updatedMs = options.change?.updatedMs ?? record.createdMs;
    this.#changeId = options.change?.id;
    this.#fanOut = options.fanOut;
    this.#bodies = options.bodies;
    this.#broker = broker;
    this.#usedAtMs = broker.clock.monotonicMs();
    this.records = new MessageRecords({ broker, queueName: description.name });
    this.#deadlines = new Deadlines({
      clock: broker.clock,
      isCurrent: (slot, entryId) => broker.messages.entryId[slot] === entryId,
      onDue: (slot) => this.#onDue(slot),
    });
    this.active = this.#subqueue({ maxDeliveryCount, sessions: requiresSession });
    this.#history = description.requiresDuplicateDetection ? (options.history ?? createHistory(record)) : undefined;
    const own = { journal: broker.journal, records: this.records, queueId: id, partitioned };
    this.arrivals = new Arrivals({
      broker,
      queueId: id,
      description,
      duplicates: this.#history && new DuplicateDetection({ ...own, history: this.#history }),
      admit: (slot, message) => this.#admit(slot, message),
      fanOut: this.#fanOut,
    });
  }

  get description(): QueueDescription {
    return this.#description;
  }

  get name(): string {
    return this.#description.name;
  }

  get requiresSession(): boolean {
    return this.#description.requiresSession;
  }

  get maxMessageSizeBytes(): number {
    return this.#description.maxMessageSizeInKilobytes * 1024;
  }

  get deadLetterQueue(): Subqueue {
    return (this.#deadLetterQueue ??= this.#subqueue({ maxDeliveryCount: undefined, sessions: false }));
  }

  /** Messages that could not be forwarded (service-bus-dead-letter-queues). */
  get transferDeadLetterQueue(): Subqueue {
    return (this.#transferDeadLetterQueue ??= this.#subqueue({ maxDeliveryCount: undefined, sessions: false }));
  }

  /** Those that there are: the dead-letter queues of most queues are never used, and with thousands of queues they would count. */
  get #subqueues(): readonly Subqueue[] {
    return [this.active, this.#deadLetterQueue, this.#transferDeadLetterQueue].filter((part) => part !== undefined);
  }

  counts(): QueueCounts {
    const active = this.active.index.count;
    const deadLetter = this.#deadLetterQueue?.index.count ?? 0;
    const transferDeadLetter = this.#transferDeadLetterQueue?.index.count ?? 0;
    return {
      active: active - this.#scheduled,
      deadLetter,
      scheduled: this.#scheduled,
      transferDeadLetter,
      total: active + deadLetter + transferDeadLetter,
      sizeBytes: this.#sizeBytes,
    };
  }

  /** Entries of the schedule, a bounded number of stale ones among them. */
  get deadlinesHeld(): number {
    return this.#deadlines.size;
  }

  /** Returns how to stop listening. */
  listen(listener: QueueListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Somebody has used the queue: it is not idle (`autoDeleteOnIdle`). */
  use(): void {
    this.#usedAtMs = this.#broker.clock.monotonicMs();
    this.#wasUsed = true;
  }

  times(): EntityTimes {
    const { clock } = this.#broker;
    const accessedMs = this.#wasUsed ? clock.wallMs() - (clock.monotonicMs() - this.usedAtMs) : undefined;
    return { createdMs: this.#createdMs, updatedMs: this.#updatedMs, accessedMs };
  }

  /** Monotonic time of the last use, now while receivers are attached or wait, or messages are scheduled. */
  get usedAtMs(): number {
    const inUse = this.#scheduled > 0 || this.#subqueues.some(({ inUse }) => inUse);
    return inUse ? this.#broker.clock.monotonicMs() : this.#usedAtMs;
  }

  // sending ---------------------------------------------------------------------------------------------------------

  /**
   * Takes all messages or none. A message whose id was seen within the duplicate detection window is accepted and dropped; its sequence number
   * in the answer is 0.
   *
   * @throws BrokerRefusal `entity-disabled`, `not-allowed`, `argument-invalid`, `message-size-exceeded`, `quota-exceeded`, `server-busy`
   */
  send(messages: readonly IncomingMessage[]): { position: number; sequenceNumbers: readonly number[] } {
    const step = this.sendStep(messages);
    const { journal } = this.#broker;
    if (step.records.length === 0) {
      step.apply(true);
      return { position: journal.appended, sequenceNumbers: step.sequenceNumbers };
    }
    return { position: this.records.send(step), sequenceNumbers: step.sequenceNumbers };
  }

  /** What `send` does, to be written with other steps. @throws BrokerRefusal as `send` */
  sendStep(messages: readonly NumberedMessage[]): Step & { readonly sequenceNumbers: readonly number[] } {
    this.use();
    this.checkSend(messages);
    return this.arrivals.step(messages);
  }

  /** Whether the queue would take these messages now. `besides`: bytes that are to come with them. @throws BrokerRefusal as `send` */
  checkSend(messages: readonly MessageToCheck[], besides = 0): void {
    this.mustExist();
    checkSend(messages, {
      description: this.#description,
      heldBytes: (this.#fanOut?.heldBytes ?? this.#sizeBytes) + besides,
      heldMessages: this.#broker.messages.count,
    });
  }

  /** Takes a message that another queue forwards, to be written with the step that ends it there. @throws BrokerRefusal as `send` */
  forwardStep(message: ForwardedMessage): Step {
    this.use();
    this.checkSend([message]);
    return this.arrivals.forwardStep(message);
  }

  /** Deletes scheduled messages, all or none. @throws BrokerRefusal `message-not-found`, `entity-not-found` */
  cancelScheduled(sequenceNumbers: readonly number[]): { position: number } {
    this.mustExist();
    const { messages } = this.#broker;
    const slots = [...new Set(sequenceNumbers)].map((sequenceNumber) => {
      const slot = this.active.slotOf(sequenceNumber);
      if (slot === NONE || messages.state[slot] !== MessageState.scheduled) {
        throw new BrokerRefusal(
          'message-not-found',
          `There is no scheduled message with sequence number ${sequenceNumber}.`,
        );
      }
      return slot;
    });
    const position = this.records.append([this.records.kill(slots)], 'settle');
    this.use();
    for (const slot of slots) {
      this.#scheduled--;
      this.active.take(slot);
      this.forget(slot);
    }
    return { position };
  }

  // what the subqueues ask ------------------------------------------------------------------------------------------

  forget(slot: number): void {
    const { messages } = this.#broker;
    this.#sizeBytes -= messages.sizeBytes[slot] as number;
    this.#bodies?.remove(messages.bodyId[slot] as number, messages.sizeBytes[slot] as number);
    messages.free(slot);
  }

  /** Its sequence number stays; dead-letter queues have no sessions and no time to live (service-bus-dead-letter-queues). */
  admitDead(slot: number, place: Exclude<Place, 'active'>): void {
    this.#broker.messages.session[slot] = NONE;
    this.#dead(place).admit(slot);
  }

  expireIfOver(slot: number): boolean {
    const { messages, clock } = this.#broker;
    const extra = messages.extras.get(slot);
    if ((messages.dueMs[slot] as number) > clock.wallMs() || (extra?.place ?? 'active') !== 'active') return false;
    if (!this.#description.deadLetteringOnMessageExpiration) {
      this.records.write([this.records.kill([slot])], 'broker');
      this.active.take(slot);
      this.forget(slot);
      return true;
    }
    const change: MessageChange = {
      deliveryCount: messages.deliveryCount[slot] as number,
      place: 'dead-letter',
      deferred: false,
      deadLetter: { reason: 'TTLExpiredException', description: 'The message expired and was dead lettered.' },
      overlay: extra?.overlay,
    };
    this.records.carryOut(this.records.change(slot, change), 'broker');
    this.active.take(slot);
    this.admitDead(slot, 'dead-letter');
    return true;
  }

  /** @throws BrokerRefusal `entity-disabled` */
  mustAllowSend(): void {
    mustAllowSend(this.#description);
  }

  mustExist(): void {
    if (this.#deleted) throw this.#notFound();
  }

  mustAllowReceive(subqueue: Subqueue): void {
    this.mustExist();
    const { status, name, forwardTo, forwardDeadLetteredMessagesTo } = this.#description;
    if (this.#fanOut) throw isTopic(name);
    if (status === 'Disabled' || status === 'ReceiveDisabled') {
      throw new BrokerRefusal(
        'entity-disabled',
        `Messaging entity '${name}' is currently disabled for receiving (status ${status}).`,
      );
    }
    if (subqueue === this.active && forwardTo !== undefined) throw forwards(name);
    if (subqueue === this.#deadLetterQueue && forwardDeadLetteredMessagesTo !== undefined)
      throw forwards(`${name}/$DeadLetterQueue`);
  }

  // for the namespace -----------------------------------------------------------------------------------------------

  /** Writes a changed description, and lives by it from now on. `written`: what is written of it, if that is not the same. */
  update(description: QueueDescription, written: unknown = description): { position: number } {
    const { journal, clock } = this.#broker;
    const updatedMs = Math.floor(clock.wallMs());
    const id = journal.nextId();
    const refs = this.#changeId === undefined ? [this.id] : [this.id, this.#changeId];
    const bytes = encodeDescriptionChange({ description: written, updatedMs });
    const position = this.records.append([{ kind: RecordKind.change, id, refs, bytes }], 'settle');
    this.#changeId = id;
    this.#updatedMs = updatedMs;
    this.use();
    this.configure(description);
    return { position };
  }

  /** Lives by another description from now on. */
  configure(description: QueueDescription): void {
    this.#description = description;
    this.arrivals.configure(description);
    this.#history?.setWindow(
      parseDuration(description.duplicateDetectionHistoryTimeWindow, 'duplicateDetectionHistoryTimeWindow'),
    );
    const settings = { lockDurationMs: lockDurationOf(description), maxStateBytes: this.maxMessageSizeBytes };
    this.active.configure({ ...settings, maxDeliveryCount: description.maxDeliveryCount });
    for (const dead of [this.#deadLetterQueue, this.#transferDeadLetterQueue])
      dead?.configure({ ...settings, maxDeliveryCount: undefined });
    for (const listener of this.#listeners) listener.onUpdated?.();
    try {
      this.mustAllowReceive(this.active);
    } catch (error) {
      if (!(error instanceof BrokerRefusal)) throw error;
      this.active.sessions?.refuseWaiting(error);
    }
  }

  /** Gives a recovered message, whose columns are filled, its place. */
  restoreMessage(slot: number, sessionId: string | undefined): void {
    const { messages } = this.#broker;
    this.#sizeBytes += messages.sizeBytes[slot] as number;
    this.#bodies?.restore(messages.bodyId[slot] as number, messages.sizeBytes[slot] as number);
    const state = messages.state[slot];
    const place = messages.extras.get(slot)?.place ?? 'active';
    if (place !== 'active') {
      if (state === MessageState.deferred) this.#dead(place).setAside(slot, state);
      else this.#dead(place).admit(slot);
      return;
    }
    if (sessionId !== undefined) messages.session[slot] = this.active.sessions?.ensure(sessionId).index ?? NONE;
    const dueMs = messages.dueMs[slot] as number;
    if (dueMs !== Infinity && state !== MessageState.deferred)
      this.#deadlines.add(dueMs, slot, messages.entryId[slot] as number);
    if (state === MessageState.scheduled) this.#scheduled++;
    if (state === MessageState.scheduled || state === MessageState.deferred) this.active.setAside(slot, state);
    else this.active.admit(slot);
  }

  /** Frees every message and yields their entries and those of the message ids, which are to be killed. The queue must have been stopped. */
  *forgetAll(): Generator<number> {
    const { messages } = this.#broker;
    for (const { index } of this.#subqueues) {
      for (const slot of index.from(0)) {
        yield messages.entryId[slot] as number;
        this.forget(slot);
      }
      // The slots are other queues' from now on.
      index.clear();
    }
    this.#scheduled = 0;
    if (this.#history) yield* this.#history.prune(Infinity);
  }

  /** Ends timers, locks and waiting receivers. The messages stay where they are. */
  stop(refusal: BrokerRefusal): void {
    this.#deadlines.stop();
    for (const subqueue of this.#subqueues) subqueue.stop(refusal);
  }

  /** Stops the queue and tells those who listen that it is gone. */
  deleted(): void {
    this.#deleted = true;
    this.stop(this.#notFound());
    for (const subqueue of this.#subqueues) subqueue.forgetLocks();
    for (const listener of this.#listeners) listener.onDeleted();
  }

  // inside ----------------------------------------------------------------------------------------------------------

  #subqueue(own: { maxDeliveryCount: number | undefined; sessions: boolean }): Subqueue {
    return new Subqueue({
      broker: this.#broker,
      owner: this,
      queueId: this.id,
      partitioned: this.#description.enablePartitioning,
      lockDurationMs: lockDurationOf(this.#description),
      maxStateBytes: this.maxMessageSizeBytes,
      ...own,
    });
  }

  #notFound(): BrokerRefusal {
    return new BrokerRefusal(
      'entity-not-found',
      `The messaging entity '${this.name}' could not be found. It was deleted.`,
    );
  }

  #dead(place: Exclude<Place, 'active'>): Subqueue {
    return place === 'dead-letter' ? this.deadLetterQueue : this.transferDeadLetterQueue;
  }

  #admit(slot: number, message: Prepared): void {
    const { messages } = this.#broker;
    this.#sizeBytes += message.sizeBytes;
    const place = message.change?.content.place ?? 'active';
    if (place !== 'active') return this.#dead(place).admit(slot);
    if (message.sessionId !== undefined)
      messages.session[slot] = this.active.sessions?.ensure(message.sessionId).index ?? NONE;
    if (message.dueMs !== Infinity) this.#deadlines.add(message.dueMs, slot, message.entryId);
    if (message.scheduled) {
      this.#scheduled++;
      this.active.setAside(slot, MessageState.scheduled);
    } else this.active.admit(slot);
  }

  #onDue(slot: number): void {
    const state = this.#broker.messages.state[slot];
    if (state === MessageState.scheduled) this.#activate(slot);
    // A locked message expires when its lock ends, a deferred one when it is fetched (message-expiration).
    else if (state === MessageState.ready || state === MessageState.returned) this.expireIfOver(slot);
  }

  #activate(slot: number): void {
    const { messages, clock } = this.#broker;
    const session = messages.session[slot] as number;
    const sessionId = session === NONE ? undefined : this.active.sessions?.at(session).id;
    const step = this.arrivals.activationStep(slot, sessionId);
    if (this.records.write([...step.records, this.records.kill([slot])], 'broker', 'move') === undefined) {
      // The disk is full. The message stays scheduled, as the log has it.
      this.#deadlines.add(clock.wallMs() + ACTIVATION_RETRY_MS, slot, messages.entryId[slot] as number);
      return;
    }
    this.use();
    this.#scheduled--;
    this.active.take(slot);
    this.forget(slot);
    step.apply(true);
  }
}

function lockDurationOf({ lockDuration }: QueueDescription): number {
  return parseDuration(lockDuration, 'lockDuration');
}
