import type {
  Delivery,
  MessageLock,
  MessageView,
  Queue,
  ReceiveMode,
  Receiver,
  Subqueue,
  Subscription,
  Topic,
} from '../../../src/broker/index.ts';
import type { DeadLetterInfo } from '../../../src/broker/message.ts';
import type { Transaction } from '../../../src/broker/transaction.ts';
import { RecordKind } from '../../../src/storage/index.ts';
import {
  parseQueueDescription,
  parseRuleDescription,
  parseSubscriptionDescription,
  parseTopicDescription,
} from '../../../src/topology/index.ts';
import { Accepting, BrokerHarness } from '../broker-harness.ts';
import type { Disk, PartName, View } from './reference-state.ts';
import { describeRule, type Rule } from './rules.ts';
import { describeQueue, describeSubscription, describeTopic, type Settings } from './settings.ts';
import { kindOf, nameInTopic, TOPIC } from './worlds.ts';

export interface HeardDelivery {
  readonly stream: string;
  readonly receiver: number;
  readonly queue: string;
  readonly subqueue: Subqueue;
  readonly delivery: Delivery;
}

const EXPLAINED_REASONS = new Set([
  'MessagingEntityNotFound',
  'MessagingEntityDisabled',
  'QuotaExceeded',
  'MessageSizeExceeded',
  'Session id is null.',
  'TransferFailed',
  'FilterException',
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

  /** A queue, the queue of a topic, or that of a subscription. */
  queue(name: string): Queue {
    const queue = this.harness.namespace.resolve(name)?.queue;
    if (!queue) throw new Error(`no entity ${name}`);
    return queue;
  }

  queues(): Queue[] {
    const { namespace } = this.harness;
    return [...namespace.queues(), ...namespace.topics.queues()];
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
  answered(
    stream: string,
    { queue, subqueue, deliveries }: { queue: string; subqueue: Subqueue; deliveries: readonly Delivery[] },
  ): void {
    this.#heard.push(...deliveries.map((delivery) => ({ stream, receiver: -1, queue, subqueue, delivery })));
  }

  create(name: string, settings: Settings, rules: readonly Rule[]): void {
    const { namespace } = this.harness;
    const kind = kindOf(name);
    if (kind === 'queue') namespace.createQueue(parseQueueDescription(describeQueue(name, settings)));
    else if (kind === 'topic') namespace.topics.create(parseTopicDescription(describeTopic(name, settings)));
    else {
      const description = parseSubscriptionDescription(describeSubscription(name, settings));
      namespace.topics.subscribe(
        description,
        rules.map((rule) => parseRuleDescription(describeRule(rule))),
      );
    }
  }

  update(name: string, settings: Settings): void {
    const { namespace } = this.harness;
    const kind = kindOf(name);
    if (kind === 'queue') namespace.updateQueue(parseQueueDescription(describeQueue(name, settings)));
    else if (kind === 'topic') namespace.topics.update(parseTopicDescription(describeTopic(name, settings)));
    else namespace.topics.updateSubscription(parseSubscriptionDescription(describeSubscription(name, settings)));
  }

  delete(name: string): void {
    const { namespace } = this.harness;
    const kind = kindOf(name);
    if (kind === 'queue') namespace.deleteQueue(name);
    else if (kind === 'topic') namespace.topics.delete(name);
    else namespace.topics.unsubscribe(TOPIC, nameInTopic(name));
  }

  /** Deletes all entities, on a disk with room, and returns what the log still holds that a start would look at. */
  leftovers(): number[] {
    this.setDisk('free');
    this.restart({ compacted: false, downMs: 0 });
    const { namespace, journal } = this.harness;
    for (const { name } of namespace.topics) namespace.topics.delete(name);
    for (const { name } of namespace.queues()) namespace.deleteQueue(name);
    const live = [...journal.records.values()].filter((record) => journal.isLive(record));
    const kept = live.filter(({ kind }) => kind === RecordKind.entry || kind === RecordKind.change);
    return kept.map(({ id }) => id);
  }

  /** Names and types of the rules of all subscriptions, by the path of the subscription. */
  rules(): Record<string, string[]> {
    const subscriptions = [...this.harness.namespace.topics].flatMap((topic) => [...topic.subscriptions.values()]);
    return Object.fromEntries(
      subscriptions.map(({ queue, rules }) => [
        queue.name,
        [...rules.values()].map(({ description: { name, filterType } }) => `${name} ${filterType}`),
      ]),
    );
  }

  putRule(subscription: string, rule: Rule, replace: boolean): void {
    this.harness.namespace.topics.putRule(this.#subscription(subscription), parseRuleDescription(describeRule(rule)), {
      replace,
    });
  }

  removeRule(subscription: string, rule: string): void {
    this.harness.namespace.topics.removeRule(this.#subscription(subscription), rule);
  }

  #subscription(path: string): { topic: Topic; subscription: Subscription } {
    return this.harness.namespace.topics.existingSubscription(TOPIC, nameInTopic(path));
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
      onDelivery: (delivery) => this.#heard.push({ stream, receiver: id, queue, subqueue, delivery }),
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

  /** What a part holds, seen without using it. */
  contents(name: string, part: PartName): View[] {
    const subqueue = this.part(name, part);
    if (subqueue.index.count === 0) return [];
    return [...subqueue.index.from(0)].map((slot) => this.view(subqueue.view(slot, undefined)));
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

/** The texts that explain why a message was not forwarded, or could not be evaluated, are not the model's business. */
function told(info: DeadLetterInfo | undefined): DeadLetterInfo | undefined {
  return info?.reason !== undefined && EXPLAINED_REASONS.has(info.reason) ? { reason: info.reason } : info;
}

/** The journal in memory gives bodies at once. */
export function bodyText({ body }: Delivery): string {
  if (!Buffer.isBuffer(body)) throw new Error('the body is still being read');
  return body.toString();
}
