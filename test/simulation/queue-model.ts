import { parseDuration, type QueueDescription } from '../../src/topology/index.ts';
import { CopyHistory, type DeliveryRecord, type Part, type Place, type Settlement } from './copy-history.ts';
import { DescriptionModel } from './description-model.ts';
import { mayExpireMs, mustExpireMs } from './expiry.ts';
import type { NamespaceModel } from './namespace-model.ts';
import { MAX_LATENCY_MS } from './pipe.ts';
import type { PlannedQueue } from './plan-queues.ts';
import type { SendResult } from './sending-link.ts';
import type { SettleResult } from './receiving-link.ts';
import { firstSentMs, takenAttempts, type Attempt, type SentMessage } from './sent-message.ts';
import { SessionModel, type Grant } from './session-model.ts';
import { bodyOf, type ReceivedContent } from './wire-message.ts';
import type { World } from './world.ts';

/** Forwardings that a message may go through (service-bus-auto-forwarding). */
export const MAX_HOPS = 4;
const TTL_EXPIRED = 'TTLExpiredException';
const DELIVERED_TOO_OFTEN = 'MaxDeliveryCountExceeded';
const TOO_MANY_HOPS = 'MaxTransferHopCountExceeded';

/** One time that messages were deleted in one request. */
export interface Sweep {
  readonly asked: number;
  /** What the broker said; undefined when nobody knows. */
  readonly deleted: number | undefined;
}

/** The sequence numbers that were in the queue, up to the highest of them. */
interface Look {
  readonly present: ReadonlySet<number>;
  readonly highest: number;
}

/** How a receiver got a message. */
export interface Receipt {
  readonly receiver: string;
  readonly life: number;
  readonly from: Part;
  readonly deleted?: boolean;
  readonly fetched?: boolean;
  readonly grant?: Grant;
}

/** What is known of one queue: what was sent to it, what was acknowledged, what came out. It fails the run as soon as a rule is broken. */
export class QueueModel implements Place {
  readonly world: World;
  readonly plan: PlannedQueue;
  readonly rank: number;
  readonly descriptions: DescriptionModel;
  readonly messages = new Map<string, SentMessage>();
  readonly sessions: SessionModel;
  /** What came out of it, by its sequence number here. */
  readonly copies = new Map<number, CopyHistory>();
  readonly sweeps: Sweep[] = [];
  /** As many messages may be gone without anybody having seen them: links that receive and delete ended when they were to come. */
  mayLack = 0;
  readonly #namespace: NamespaceModel;
  readonly #looks: Look[] = [];
  readonly #numbers = new Map<number, string>();
  readonly #lockDurationMs: number;
  #moment = 0;

  constructor(namespace: NamespaceModel, plan: PlannedQueue, rank: number) {
    this.world = namespace.world;
    this.plan = plan;
    this.rank = rank;
    this.descriptions = new DescriptionModel(this.world, plan.description);
    this.#namespace = namespace;
    this.#lockDurationMs = parseDuration(plan.description.lockDuration, 'lockDuration');
    this.sessions = new SessionModel({ world: this.world, queue: this.name, waits: (copy) => this.#waitsSurely(copy) });
  }

  get name(): string {
    return this.plan.description.name;
  }

  /** As it was made: what can be changed may be different by now (see `descriptions`). */
  get description(): QueueDescription {
    return this.plan.description;
  }

  get detectsDuplicates(): boolean {
    return this.description.requiresDuplicateDetection;
  }

  get forwardsDead(): boolean {
    return this.plan.forwardsDeadTo !== undefined;
  }

  // what senders do -------------------------------------------------------------------------------------------------

  /** A message that is to be sent for the first time. Messages of a sender must be sent in the order in which they were composed. */
  compose(
    options: Pick<SentMessage, 'sender' | 'sessionId' | 'bodyBytes'> & { scheduledMs?: number; ttlMs?: number },
  ): SentMessage {
    const { scheduledMs, ttlMs } = options;
    const message: SentMessage = {
      ...options,
      uid: `${options.sender}-${this.messages.size}`,
      queue: this.name,
      scheduledMs: scheduledMs === undefined ? undefined : Math.floor(scheduledMs),
      ttlMs,
      attempts: [],
      cancelled: 'no',
      copies: [],
    };
    this.messages.set(message.uid, message);
    return message;
  }

  startSend(message: SentMessage): Attempt {
    const attempt: Attempt = {
      startedAt: ++this.#moment,
      startedMs: this.world.clock.monotonicMs(),
      startedWallMs: this.world.clock.wallMs(),
      endedAt: undefined,
      endedMs: undefined,
      result: 'open',
    };
    message.attempts.push(attempt);
    return attempt;
  }

  endSend(message: SentMessage, attempt: Attempt, result: SendResult): void {
    attempt.endedAt = ++this.#moment;
    attempt.endedMs = this.world.clock.monotonicMs();
    attempt.result = result.kind;
    if (this.world.tracing)
      this.world.trace(message.sender, `${message.uid} ${result.kind === 'refused' ? result.condition : result.kind}`);
  }

  /** The broker has given a number to a scheduled message. 0: it was a duplicate. */
  numberScheduled(message: SentMessage, sequenceNumber: number): void {
    if (sequenceNumber > 0) this.#own(sequenceNumber, message.uid);
  }

  /** Somebody cancels a scheduled message. To be called with what the broker said. */
  startCancel(message: SentMessage): (result: 'ok' | 'refused' | 'lost') => void {
    message.cancelled = 'maybe';
    return (result) => {
      if (result !== 'lost') message.cancelled = result === 'ok' ? 'yes' : 'no';
      this.world.trace(message.sender, `cancels ${message.uid}: ${result}`);
      if (result === 'ok' && message.copies.length > 0)
        this.world.violate(`the cancelling of message ${message.uid} was acknowledged after it had been delivered`);
    };
  }

  // what receivers see ----------------------------------------------------------------------------------------------

  /** A receiver got a message. */
  deliver(content: ReceivedContent, receipt: Receipt): DeliveryRecord {
    const { world } = this;
    const { uid, sequenceNumber, deliveryCount, deadLetterReason } = content;
    const { life, from, deleted = false, fetched = false, grant } = receipt;
    if (world.tracing) {
      const where = from === 'queue' ? '' : ` of the ${from} (${deadLetterReason})`;
      world.trace(receipt.receiver, `gets ${uid} #${sequenceNumber} of ${this.name} count ${deliveryCount}${where}`);
    }
    const message = this.#namespace.messageOf(uid);
    if (!message) throw new Error(`message ${uid} came from ${this.name}, and nobody had sent it`);
    const copy = this.#copyOf(message, content);
    // Of what was deleted the broker does not say when: it was before now.
    const lockedUntilMs = deleted ? world.clock.wallMs() + this.#lockDurationMs : content.lockedUntilMs;
    const facts = { life, lockedUntilMs, deliveryCount, from, deleted, fetched, sequenceNumber, deadLetterReason };
    const record = copy.add({ ...facts, place: this });
    this.#checkHandedOut(message, record);
    if (from !== 'queue') this.#checkDead(message, record);
    this.#check(copy);
    if (grant && !fetched) this.sessions.deliver(grant, record);
    return record;
  }

  /** Somebody has looked and seen these numbers, the lowest first: those between that are missing are gone for good. */
  look(numbers: readonly number[]): void {
    this.#looks.push({ present: new Set(numbers), highest: numbers.at(-1) ?? 0 });
  }

  startSettle(record: DeliveryRecord, kind: Settlement['kind']): void {
    record.settlement = { kind, result: 'open' };
    this.#moment++;
  }

  endSettle(record: DeliveryRecord, result: SettleResult): void {
    const { settlement, copy, sequenceNumber } = record;
    if (!settlement) return;
    settlement.result = result.kind;
    this.#moment++;
    if (this.world.tracing) {
      const said = result.kind === 'refused' ? result.condition : result.kind;
      this.world.trace(this.name, `${settlement.kind} of ${copy.uid} #${sequenceNumber}: ${said}`);
    }
    this.#check(copy);
  }

  // inside ----------------------------------------------------------------------------------------------------------

  /** The history of what came, which is begun when nothing of it has come before. */
  #copyOf(message: SentMessage, content: ReceivedContent): CopyHistory {
    const { sequenceNumber, originalNumber, enqueuedMs } = content;
    const { uid, sessionId } = message;
    const { world } = this;
    const origin = this.#namespace.queue(message.queue);
    this.#own(sequenceNumber, uid);
    origin.#own(originalNumber, uid);
    const known = message.copies.find((copy) => copy.originalNumber === originalNumber);
    const copy = known ?? new CopyHistory({ uid, sessionId, originalNumber });
    if (!known) this.#begin(message, copy, content);
    const station = copy.stations.get(this.name);
    if (!station) {
      copy.stations.set(this.name, { sequenceNumber, enqueuedMs });
      this.copies.set(sequenceNumber, copy);
      if (origin !== this && !(this.#namespace.hops(origin, this, firstSentMs(message)) <= MAX_HOPS))
        world.violate(`message ${uid} came from ${this.name}, to which ${origin.name} did not forward it`);
      if (origin === this && originalNumber !== sequenceNumber)
        world.violate(`message ${uid} has number ${sequenceNumber}, and says that it was ${originalNumber}`);
      return copy;
    }
    if (station.sequenceNumber !== sequenceNumber)
      world.violate(`message ${uid} is twice in ${this.name}: #${station.sequenceNumber} and #${sequenceNumber}`);
    if (station.enqueuedMs !== enqueuedMs) world.violate(`message ${uid} changed its enqueued time`);
    return copy;
  }

  #begin(message: SentMessage, copy: CopyHistory, { body, sessionId, enqueuedMs }: ReceivedContent): void {
    const { world } = this;
    const { uid, copies, scheduledMs } = message;
    copies.push(copy);
    if (!body.equals(bodyOf(uid, message.bodyBytes)) || sessionId !== message.sessionId)
      world.violate(`message ${uid} came with other content than it was sent with`);
    if (message.cancelled === 'yes') world.violate(`message ${uid} came although it had been cancelled`);
    if (message.queue === this.name && scheduledMs !== undefined && enqueuedMs < scheduledMs)
      world.violate(`message ${uid} came ${scheduledMs - enqueuedMs} ms before its time`);
    const allowed = this.#namespace.queue(message.queue).#mayHaveCopies(message);
    if (copies.length > allowed)
      world.violate(
        `message ${uid} came under the sequence numbers ${copies.map((c) => c.originalNumber).join(', ')}; it was taken ${allowed} times at most`,
      );
  }

  /** How often the broker may have taken a message. */
  #mayHaveCopies(message: SentMessage): number {
    const taken = takenAttempts(message);
    const first = taken[0];
    if (!this.detectsDuplicates || !first) return taken.length;
    const windowMs = parseDuration(this.description.duplicateDetectionHistoryTimeWindow, 'window');
    const now = this.world.clock.monotonicMs();
    const endMs = Math.max(...taken.map(({ endedMs }) => endedMs ?? now));
    const spanMs = endMs - first.startedMs + MAX_LATENCY_MS + this.world.wallSteppedMs;
    return spanMs < windowMs ? 1 : taken.length;
  }

  /** What must hold of every message that is handed out of the active part of the queue. */
  #checkHandedOut(message: SentMessage, record: DeliveryRecord): void {
    const { copy, from, fetched, deleted, deliveryCount, lockedUntilMs, sequenceNumber } = record;
    if (from !== 'queue') return;
    const described = this.descriptions.during(firstSentMs(message), this.world.clock.monotonicMs());
    if (!fetched && deliveryCount >= Math.max(...described.map(({ maxDeliveryCount }) => maxDeliveryCount)))
      this.world.violate(
        `message ${message.uid} came with delivery count ${deliveryCount}: it belongs into the dead-letter queue`,
      );
    const overMs = mustExpireMs(this, message, copy.stations.get(this.name)?.enqueuedMs ?? Infinity);
    // What was deleted before it was sent may have been on its way when somebody looked.
    const isGone = ({ present, highest }: Look): boolean => sequenceNumber <= highest && !present.has(sequenceNumber);
    if (!deleted && this.#looks.some(isGone))
      this.world.violate(`message ${message.uid} #${sequenceNumber} came from ${this.name}, where it was not any more`);
    // A lock of a session may have begun before its message was handed out, never after; its end is rounded to milliseconds.
    if (!deleted && lockedUntilMs - this.#lockDurationMs > overMs)
      this.world.violate(`message ${message.uid} was handed out although it had expired in ${this.name}`);
  }

  /** A dead letter has a reason, and one that can be true. */
  #checkDead(message: SentMessage, { copy, from, deliveryCount, deadLetterReason }: DeliveryRecord): void {
    const { world } = this;
    const { uid } = message;
    const sinceMs = firstSentMs(message);
    const hops = this.#namespace.hops(this.#namespace.queue(message.queue), this, sinceMs);
    const described = this.descriptions.during(sinceMs, world.clock.monotonicMs());
    const isTrue =
      from === 'transfer dead-letter queue'
        ? deadLetterReason === TOO_MANY_HOPS && hops === MAX_HOPS
        : deadLetterReason === TTL_EXPIRED
          ? world.clock.wallMs() + world.wallSteppedMs >= mayExpireMs(this, message, copy)
          : deadLetterReason === DELIVERED_TOO_OFTEN
            ? described.some(({ maxDeliveryCount }) => deliveryCount >= maxDeliveryCount)
            : deadLetterReason !== undefined && deadLetterReason !== TOO_MANY_HOPS;
    if (!isTrue)
      world.violate(
        `message ${uid} is in the ${from} of ${this.name} without a reason that is true: ${deadLetterReason}`,
      );
  }

  /** Whether it certainly waits here for the next receiver, once its lock is over. */
  #waitsSurely(copy: CopyHistory): boolean {
    const { mortal, sweeps } = this.plan;
    if (mortal || sweeps > 0) return false;
    return copy.waitsSurely(Math.min(...this.descriptions.ever.map(({ maxDeliveryCount }) => maxDeliveryCount)));
  }

  #own(sequenceNumber: number, uid: string): void {
    const owner = this.#numbers.get(sequenceNumber) ?? uid;
    this.#numbers.set(sequenceNumber, owner);
    if (owner !== uid)
      this.world.violate(
        `the sequence number ${sequenceNumber} of ${this.name} was given to the messages ${owner} and ${uid}`,
      );
  }

  #check(copy: CopyHistory): void {
    const flaw = copy.flaw();
    if (flaw) this.world.violate(flaw);
  }
}
