import type {
  Delivery,
  MessageLock,
  MessageView,
  Queue,
  ReceiveMode,
  Receiver,
  Subqueue,
} from '../../../src/broker/index.ts';
import type { DeadLetterInfo } from '../../../src/broker/message.ts';
import type { Transaction } from '../../../src/broker/transaction.ts';
import { parseQueueDescription } from '../../../src/topology/index.ts';
import { Accepting, BrokerHarness } from '../broker-harness.ts';
import type { Disk, PartName, View } from './reference-state.ts';
import { describeQueue, type Settings } from './settings.ts';

export interface HeardDelivery {
  readonly stream: string;
  readonly receiver: number;
  readonly subqueue: Subqueue;
  readonly delivery: Delivery;
}

const TRANSFER_REASONS = new Set([
  'MessagingEntityNotFound',
  'MessagingEntityDisabled',
  'QuotaExceeded',
  'MessageSizeExceeded',
  'Session id is null.',
  'TransferFailed',
]);

interface GivenLock {
  readonly lock: MessageLock;
  readonly subqueue: Subqueue;
  readonly life: number;
}

/** The real broker with what its users hold of it, each under the number that the model gave it. */
export class Rig {
  readonly harness = new BrokerHarness();
  /** Every lock ever given, also in earlier lives of the process, in the order in which it was heard of. */
  readonly #locks: GivenLock[] = [];
  #life = 0;
  receivers = new Map<number, Receiver>();
  accepts = new Map<number, Accepting>();
  transactions = new Map<number, Transaction>();
  #heard: HeardDelivery[] = [];

  queue(name: string): Queue {
    return this.harness.queue(name);
  }

  part(queue: string, part: PartName): Subqueue {
    const { active, deadLetterQueue, transferDeadLetterQueue } = this.queue(queue);
    return { active, dead: deadLetterQueue, transfer: transferDeadLetterQueue }[part];
  }

  /** What receivers were told since the last call. */
  takeHeard(): HeardDelivery[] {
    const heard = this.#heard;
    this.#heard = [];
    return heard;
  }

  /** Deliveries that came as the answer to a call. */
  answered(stream: string, subqueue: Subqueue, deliveries: readonly Delivery[]): void {
    this.#heard.push(...deliveries.map((delivery) => ({ stream, receiver: -1, subqueue, delivery })));
  }

  createQueue(name: string, settings: Settings): void {
    this.harness.namespace.createQueue(parseQueueDescription(describeQueue(name, settings)));
  }

  updateQueue(name: string, settings: Settings): void {
    this.harness.namespace.updateQueue(parseQueueDescription(describeQueue(name, settings)));
  }

  openReceiver(options: {
    id: number;
    queue: string;
    part: PartName;
    mode: ReceiveMode;
    accept: number | undefined;
  }): void {
    const { id, queue, part, mode, accept } = options;
    const session = accept === undefined ? undefined : this.accepts.get(accept)?.granted;
    const stream = session ? `receiver ${id}` : `${queue}/${part}`;
    const subqueue = this.part(queue, part);
    const receiver = subqueue.openReceiver({
      mode,
      ...(session ? { session } : {}),
      onDelivery: (delivery) => this.#heard.push({ stream, receiver: id, subqueue, delivery }),
    });
    this.receivers.set(id, receiver);
  }

  acceptSession(options: {
    id: number;
    queue: string;
    part: PartName;
    sessionId: string | undefined;
    timeoutMs: number;
  }): void {
    const { id, queue, part, sessionId, timeoutMs } = options;
    const accepting = new Accepting(this.part(queue, part), { sessionId, holder: `accept ${id}`, timeoutMs });
    this.accepts.set(id, accepting);
  }

  remember(heard: readonly HeardDelivery[]): void {
    for (const { subqueue, delivery } of heard) {
      if (delivery.lock) this.#locks.push({ subqueue, lock: delivery.lock, life: this.#life });
    }
  }

  lock(id: number): GivenLock {
    const lock = this.#locks[id];
    if (!lock) throw new Error(`the broker never gave lock ${id}`);
    return lock;
  }

  /** Locks whose tokens stand for them still, also where their queue is deleted. */
  heldLocks(): number {
    return this.#locks.filter(
      ({ lock, subqueue, life }) => life === this.#life && subqueue.lockedMessage(lock.token) === lock,
    ).length;
  }

  setDisk(disk: Disk): void {
    this.harness.journal.full = disk === 'full';
    this.harness.journal.refusesSends = disk === 'no-sends';
  }

  restart(options: { compacted: boolean; downMs: number }): void {
    this.harness.restart(options);
    this.#life++;
    this.receivers = new Map();
    this.accepts = new Map();
    this.transactions = new Map();
    this.#heard = [];
  }

  view(view: MessageView): View {
    return this.#view(view, this.harness.text(view));
  }

  deliveryView(delivery: Delivery): View {
    return this.#view(delivery, bodyText(delivery));
  }

  #view(view: MessageView, text: string): View {
    return {
      text,
      sizeBytes: view.sizeBytes,
      sequenceNumber: view.sequenceNumber,
      enqueuedSequenceNumber: view.enqueuedSequenceNumber,
      enqueuedTimeMs: view.enqueuedTimeMs,
      timeToLiveMs: view.timeToLiveMs,
      deliveryCount: view.deliveryCount,
      state: view.state,
      sessionId: view.sessionId,
      lockedUntilMs: view.lockedUntilMs,
      overlay: view.overlay?.toString(),
      deadLetter: told(view.deadLetter),
      deadLetterSource: view.deadLetterSource,
    };
  }
}

/** The texts of refusals, which tell why a message was not forwarded, are not the model's business. */
function told(info: DeadLetterInfo | undefined): DeadLetterInfo | undefined {
  return info?.reason !== undefined && TRANSFER_REASONS.has(info.reason) ? { reason: info.reason } : info;
}

/** The journal in memory gives bodies at once. */
export function bodyText({ body }: Delivery): string {
  if (!Buffer.isBuffer(body)) throw new Error('the body is still being read');
  return body.toString();
}
