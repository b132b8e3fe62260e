import { parseDuration, type QueueDescription } from '../../src/topology/index.ts';
import { CopyHistory, type DeliveryRecord, type Settlement } from './copy-history.ts';
import { MAX_LATENCY_MS } from './pipe.ts';
import type { SendResult } from './sending-link.ts';
import type { SettleResult } from './receiving-link.ts';
import { SessionModel, type Grant } from './session-model.ts';
import { bodyOf, type ReceivedContent } from './wire-message.ts';
import type { World } from './world.ts';

/** One time that a message was sent. Moments are counted in events of the model: they order, and do not measure. */
export interface Attempt {
  readonly startedAt: number;
  readonly startedMs: number;
  endedAt: number | undefined;
  endedMs: number | undefined;
  result: 'open' | SendResult['kind'];
}

/** A message as its sender knows it. Its uid is its message-id, too. */
export interface SentMessage {
  readonly uid: string;
  readonly sender: string;
  readonly sessionId: string | undefined;
  readonly bodyBytes: number;
  /** Milliseconds since 1970; undefined when it is not scheduled. */
  readonly scheduledMs: number | undefined;
  readonly attempts: Attempt[];
  cancelled: 'no' | 'maybe' | 'yes';
  /** What was delivered of it, by sequence number. More than one when it was sent again and the queue does not detect duplicates. */
  readonly copies: CopyHistory[];
}

/** What is known of one queue: what was sent to it, what was acknowledged, what came out. It fails the run as soon as a rule is broken. */
export class QueueModel {
  readonly world: World;
  readonly description: QueueDescription;
  readonly messages = new Map<string, SentMessage>();
  readonly sessions: SessionModel;
  /** Copies by sequence number. */
  readonly copies = new Map<number, CopyHistory>();
  /** As many messages may be gone without anybody having seen them: links that receive and delete ended when they were to come. */
  mayLack = 0;
  readonly #numbers = new Map<number, string>();
  #moment = 0;

  constructor(world: World, description: QueueDescription) {
    this.world = world;
    this.description = description;
    this.sessions = new SessionModel(world, description);
  }

  get name(): string {
    return this.description.name;
  }

  get detectsDuplicates(): boolean {
    return this.description.requiresDuplicateDetection;
  }

  /** A message that is to be sent for the first time. Messages of a sender must be sent in the order in which they were composed. */
  compose(options: {
    sender: string;
    sessionId: string | undefined;
    bodyBytes: number;
    scheduledMs?: number;
  }): SentMessage {
    const { sender, sessionId, bodyBytes, scheduledMs } = options;
    const uid = `${sender}-${this.messages.size}`;
    const message: SentMessage = {
      uid,
      sender,
      sessionId,
      bodyBytes,
      scheduledMs: scheduledMs === undefined ? undefined : Math.floor(scheduledMs),
      attempts: [],
      cancelled: 'no',
      copies: [],
    };
    this.messages.set(uid, message);
    return message;
  }

  startSend(message: SentMessage): Attempt {
    const attempt: Attempt = {
      startedAt: ++this.#moment,
      startedMs: this.world.clock.monotonicMs(),
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

  /** A receiver got a message. */
  deliver(
    content: ReceivedContent,
    how: {
      readonly receiver: string;
      readonly life: number;
      readonly from: DeliveryRecord['from'];
      readonly deleted?: boolean;
      readonly fetched?: boolean;
      readonly grant?: Grant;
    },
  ): DeliveryRecord {
    const { world } = this;
    const { uid, sequenceNumber, deliveryCount, enqueuedMs } = content;
    const { life, from, deleted = false, fetched = false, grant } = how;
    if (world.tracing)
      world.trace(
        how.receiver,
        `gets ${uid} #${sequenceNumber} count ${deliveryCount}${from === 'queue' ? '' : ` of the ${from}`}`,
      );
    const copy = this.#copyOf(content);
    // Of what was deleted the broker does not say when: it was before now.
    const lockedUntilMs = deleted
      ? world.clock.wallMs() + parseDuration(this.description.lockDuration, 'lockDuration')
      : content.lockedUntilMs;
    const record = copy.add({ life, lockedUntilMs, deliveryCount, from, deleted, fetched });
    if (from === 'queue' && !fetched && deliveryCount >= this.description.maxDeliveryCount)
      world.violate(`message ${uid} came with delivery count ${deliveryCount}: it belongs into the dead-letter queue`);
    if (enqueuedMs !== copy.enqueuedMs) world.violate(`message ${uid} changed its enqueued time`);
    this.#check(copy);
    if (grant && !fetched) this.sessions.deliver(grant, record);
    return record;
  }

  startSettle(record: DeliveryRecord, kind: Settlement['kind']): void {
    record.settlement = { kind, result: 'open' };
    this.#moment++;
  }

  endSettle(record: DeliveryRecord, result: SettleResult): void {
    const { settlement, copy } = record;
    if (!settlement) return;
    settlement.result = result.kind;
    this.#moment++;
    if (this.world.tracing) {
      const said = result.kind === 'refused' ? result.condition : result.kind;
      this.world.trace(this.name, `${settlement.kind} of ${copy.uid} #${copy.sequenceNumber}: ${said}`);
    }
    this.#check(copy);
  }

  #copyOf(content: ReceivedContent): CopyHistory {
    const { uid, sequenceNumber, enqueuedMs, body, sessionId } = content;
    const { world } = this;
    const message = this.messages.get(uid);
    if (!message) throw new Error(`message ${uid} came from ${this.name}, and nobody had sent it there`);
    this.#own(sequenceNumber, uid);
    let copy = this.copies.get(sequenceNumber);
    if (copy) return copy;
    copy = new CopyHistory({ sequenceNumber, uid, enqueuedMs });
    this.copies.set(sequenceNumber, copy);
    message.copies.push(copy);
    if (!body.equals(bodyOf(uid, message.bodyBytes)) || sessionId !== message.sessionId)
      world.violate(`message ${uid} came with other content than it was sent with`);
    if (message.cancelled === 'yes') world.violate(`message ${uid} came although it had been cancelled`);
    if (message.scheduledMs !== undefined && enqueuedMs < message.scheduledMs)
      world.violate(`message ${uid} came ${message.scheduledMs - enqueuedMs} ms before its time`);
    const allowed = this.#mayHaveCopies(message);
    if (message.copies.length > allowed)
      world.violate(
        `message ${uid} came under the sequence numbers ${message.copies.map((c) => c.sequenceNumber).join(', ')}; it was taken ${allowed} times at most`,
      );
    return copy;
  }

  /** How often the broker may have taken a message. */
  #mayHaveCopies({ attempts }: SentMessage): number {
    const taken = attempts.filter(({ result }) => result !== 'refused');
    const first = taken[0];
    if (!this.detectsDuplicates || !first) return taken.length;
    const windowMs = parseDuration(this.description.duplicateDetectionHistoryTimeWindow, 'window');
    const now = this.world.clock.monotonicMs();
    const endMs = Math.max(...taken.map(({ endedMs }) => endedMs ?? now));
    const spanMs = endMs - first.startedMs + MAX_LATENCY_MS + this.world.wallSteppedMs;
    return spanMs < windowMs ? 1 : taken.length;
  }

  #own(sequenceNumber: number, uid: string): void {
    const owner = this.#numbers.get(sequenceNumber) ?? uid;
    this.#numbers.set(sequenceNumber, owner);
    if (owner !== uid)
      this.world.violate(`the sequence number ${sequenceNumber} was given to the messages ${owner} and ${uid}`);
  }

  #check(copy: CopyHistory): void {
    const flaw = copy.flaw();
    if (flaw) this.world.violate(flaw);
  }
}
