import { FilterError, FilterIndex, type PropertyChanges } from '../filter/index.ts';
import type { QueueDescription, RuleDescription, TopicDescription } from '../topology/index.ts';
import type { FanOut, FanOutStep, ForwardedMessage } from './arrivals.ts';
import type { BrokerState } from './broker-state.ts';
import type { DuplicateHistory } from './duplicate-history.ts';
import { type DeadLetterInfo, SESSION_ID_IS_NULL } from './message.ts';
import type { MessageReader } from './message-reader.ts';
import { MAX_MESSAGES } from './message-table.ts';
import { Queue } from './queue.ts';
import type { MessageChange, TopicRecord } from './records.ts';
import { BrokerRefusal } from './refusal.ts';
import { SharedBodies } from './shared-bodies.ts';
import { together } from './step.ts';
import type { Rule, Subscription } from './subscription.ts';

/** Copies of the messages of one batch. */
const MAX_COPIES = 100_000;
/** The property that tells by which rule with an action a copy came (topic-filters). */
const RULE_NAME = 'RuleName';

/** What a filter or an action that cannot be evaluated makes of a message (service-bus-dead-letter-queues). */
const FILTER_FAILED = 'FilterException';

/**
 * A topic: it gives each of its subscriptions a copy of a message for its rules that match (topic-filters). All copies name the same body. What is
 * scheduled waits in the topic's own queue; when it becomes active it goes the same way.
 */
export class Topic implements FanOut {
  readonly queue: Queue;
  /** By name in lower case, in the order in which they were made. */
  readonly subscriptions = new Map<string, Subscription>();
  /** Of the messages that its subscriptions hold. */
  readonly bodies = new SharedBodies();
  readonly #broker: BrokerState;
  readonly #reader: MessageReader;
  readonly #index = new FilterIndex<Rule>();
  /** Rules of all subscriptions, by what they cost. */
  sqlFilters = 0;
  otherFilters = 0;
  #description: TopicDescription;

  constructor(options: {
    broker: BrokerState;
    id: number;
    record: TopicRecord;
    reader: MessageReader;
    history?: DuplicateHistory | undefined;
    change?: { readonly id: number; readonly updatedMs: number } | undefined;
  }) {
    const { record, ...rest } = options;
    this.#broker = options.broker;
    this.#reader = options.reader;
    this.#description = record.description;
    const ofQueue = { ...record, description: topicQueue(record.description) };
    this.queue = new Queue({ ...rest, record: ofQueue, fanOut: this });
  }

  get description(): TopicDescription {
    return this.#description;
  }

  get name(): string {
    return this.#description.name;
  }

  get heldBytes(): number {
    return this.bodies.bytes + this.queue.counts().sizeBytes;
  }

  subscription(name: string): Subscription | undefined {
    return this.subscriptions.get(name.toLowerCase());
  }

  update(description: TopicDescription): { position: number } {
    const { position } = this.queue.update(topicQueue(description), description);
    this.#description = description;
    for (const subscription of this.subscriptions.values()) subscription.configure(description);
    return { position };
  }

  addRule(rule: Rule): void {
    rule.subscription.rules.set(rule.description.name.toLowerCase(), rule);
    this.#index.add(rule, rule.filter);
    this.#count(rule, 1);
  }

  removeRule(rule: Rule): void {
    rule.subscription.rules.delete(rule.description.name.toLowerCase());
    this.#index.delete(rule);
    this.#count(rule, -1);
  }

  step(messages: readonly ForwardedMessage[]): FanOutStep {
    const copies = new Map<Subscription, ForwardedMessage[]>();
    const bodies = new Map<number, { readonly sizeBytes: number; copies: number }>();
    let count = 0;
    const give = (subscription: Subscription, copy: ForwardedMessage): void => {
      const given = copies.get(subscription);
      if (given) given.push(copy);
      else copies.set(subscription, [copy]);
      const body = bodies.get(copy.bodyId);
      if (body) body.copies++;
      else bodies.set(copy.bodyId, { sizeBytes: copy.sizeBytes, copies: 1 });
      if (++count > MAX_COPIES || this.#broker.messages.count + count > MAX_MESSAGES) throw this.#tooMany();
    };
    for (const message of messages) this.#copy(message, give);
    const arrivals = together([...copies].map(([{ queue }, given]) => queue.arrivals.arriveStep(given)));
    return {
      records: arrivals.records,
      bodies: new Set(bodies.keys()),
      apply: (written) => {
        // First, because a copy that is received and deleted goes as soon as it comes.
        for (const [bodyId, body] of bodies) this.bodies.add(bodyId, body);
        arrivals.apply(written);
      },
    };
  }

  #count({ description }: Rule, by: 1 | -1): void {
    if (isSqlFilter(description)) this.sqlFilters += by;
    else this.otherFilters += by;
  }

  #copy(message: ForwardedMessage, give: (subscription: Subscription, copy: ForwardedMessage) => void): void {
    const failures = new Map<Subscription, string>();
    const onError = ({ subscription, description: { name } }: Rule, error: FilterError): void =>
      void failures.set(subscription, `Rule '${name}': ${error.message}`);
    const overlay = message.change?.overlay;
    const whole = lazily(() => bytesOf(message));
    const properties = lazily(() => this.#reader.properties(whole(), overlay));
    // Rules without an action give one copy together, each rule with an action one of its own.
    const plain = new Set<Subscription>();
    const served = new Set<Subscription>();
    for (const rule of this.#index.match(properties, onError)) {
      const { subscription, action } = rule;
      if (!action) plain.add(subscription);
      else
        try {
          const changed = this.#changed({ ...message, bytes: whole() }, rule, action.changes(properties()));
          give(subscription, admissible(subscription, changed));
          served.add(subscription);
        } catch (error) {
          if (!(error instanceof FilterError)) throw error;
          onError(rule, error);
        }
    }
    for (const subscription of plain) {
      give(subscription, admissible(subscription, message));
      served.add(subscription);
    }
    for (const [subscription, description] of failures) {
      if (served.has(subscription) || !subscription.description.deadLetteringOnFilterEvaluationExceptions) continue;
      give(subscription, dead(message, { reason: FILTER_FAILED, description }));
    }
  }

  /** The message as the action of a rule has made it. */
  #changed(message: ForwardedMessage & { bytes: Buffer }, rule: Rule, changes: PropertyChanges): ForwardedMessage {
    const { bodyId, bytes, sizeBytes, wasScheduled, forwarded, change } = message;
    const user = new Map(changes.user).set(RULE_NAME, rule.description.name);
    const overlay = this.#reader.overlayWith(bytes, change?.overlay, { ...changes, user });
    const facts = this.#reader.facts(bytes, overlay);
    const timeToLiveMs = changes.system.has('TimeToLive')
      ? this.queue.arrivals.timeToLive(facts)
      : (message.timeToLiveMs ?? Infinity);
    return {
      ...facts,
      timeToLiveMs,
      bodyId,
      bytes,
      sizeBytes,
      wasScheduled,
      forwarded,
      change: { ...(change ?? UNCHANGED), overlay },
    };
  }

  #tooMany(): BrokerRefusal {
    return new BrokerRefusal(
      'quota-exceeded',
      `The subscriptions of topic '${this.name}' would get more than ${MAX_COPIES} copies of these messages, or hold more than ${MAX_MESSAGES}. Send them in smaller batches, or receive some.`,
    );
  }
}

export function isSqlFilter({ filterType }: RuleDescription): boolean {
  return filterType === 'SqlFilter';
}

const UNCHANGED: MessageChange = {
  deliveryCount: 0,
  place: 'active',
  deferred: false,
  deadLetter: undefined,
  overlay: undefined,
};

/** A subscription cannot refuse a message: what it cannot take goes to its dead-letter queue. */
function admissible({ queue }: Subscription, message: ForwardedMessage): ForwardedMessage {
  return queue.requiresSession && message.sessionId === undefined ? dead(message, SESSION_ID_IS_NULL) : message;
}

function dead(message: ForwardedMessage, deadLetter: DeadLetterInfo): ForwardedMessage {
  return { ...message, change: { ...(message.change ?? UNCHANGED), place: 'dead-letter', deadLetter } };
}

function bytesOf({ bytes }: ForwardedMessage): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.concat(bytes);
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** What holds for the queue of a topic: nothing is received from it, and nothing is dead-lettered. */
function topicQueue(description: TopicDescription): QueueDescription {
  return {
    ...description,
    lockDuration: 'PT5M',
    maxDeliveryCount: 2_147_483_647,
    requiresSession: false,
    deadLetteringOnMessageExpiration: false,
  };
}
