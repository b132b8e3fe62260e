import { compileAction, compileFilter, type Environment, FilterUuid } from '../filter/index.ts';
import type { Random } from '../runtime/random.ts';
import { RecordKind } from '../storage/index.ts';
import {
  DEFAULT_RULE,
  type RuleDescription,
  type SubscriptionDescription,
  subscriptionPath,
  type TopicDescription,
} from '../topology/index.ts';
import type { BrokerState } from './broker-state.ts';
import type { Duties } from './duties.ts';
import { gone } from './gone.ts';
import type { MessageReader } from './message-reader.ts';
import { Queue } from './queue.ts';
import { encodeRule, encodeSubscription, encodeTopic, type RuleRecord, type SubscriptionRecord } from './records.ts';
import { BrokerRefusal, entityExists, entityNotFound } from './refusal.ts';
import { removeEntities } from './removal.ts';
import { type Rule, Subscription, subscriptionQueue } from './subscription.ts';
import { isSqlFilter, Topic } from './topic.ts';

/** Subscriptions of one topic (service-bus-quotas). */
export const MAX_SUBSCRIPTIONS = 2000;
/** Rules with SQL filters and with correlation filters that the subscriptions of one topic have together (service-bus-quotas). */
const MAX_SQL_FILTERS = 2000;
const MAX_CORRELATION_FILTERS = 100_000;
const HISTORY_KEY_BYTES = 16;
const UUID_BYTES = 16;

/** What the topics need of the namespace that they are part of. */
export interface TopicSurroundings {
  readonly random: Random;
  readonly reader: MessageReader;
  readonly duties: Duties;
  /** @throws BrokerRefusal `server-busy` before the start */
  broker(): BrokerState;
  /** @throws BrokerRefusal `entity-exists`, `quota-exceeded` */
  mustBeFree(name: string): void;
  /** @throws BrokerRefusal `argument-invalid` when an entity that `description` forwards to does not exist */
  mustForwardToSomewhere(description: {
    readonly name: string;
    readonly forwardTo?: string | undefined;
    readonly forwardDeadLetteredMessagesTo?: string | undefined;
  }): void;
  onDeleted(queue: Queue): void;
}

/** All topics of a namespace with their subscriptions and rules. */
export class Topics {
  readonly #around: TopicSurroundings;
  readonly #topics = new Map<string, Topic>();
  readonly #environment: Environment;

  constructor(around: TopicSurroundings) {
    this.#around = around;
    this.#environment = { newId: () => new FilterUuid(uuidOf(around.random.bytes(UUID_BYTES))) };
  }

  get size(): number {
    return this.#topics.size;
  }

  [Symbol.iterator](): Iterator<Topic> {
    return this.#topics.values();
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name.toLowerCase());
  }

  /** @throws BrokerRefusal `entity-not-found` */
  existing(name: string): Topic {
    const topic = this.get(name);
    if (!topic) throw entityNotFound(name);
    return topic;
  }

  /** @throws BrokerRefusal `entity-not-found` */
  existingSubscription(topicName: string, name: string): { topic: Topic; subscription: Subscription } {
    const topic = this.existing(topicName);
    const subscription = topic.subscription(name);
    if (!subscription) throw entityNotFound(subscriptionPath(topicName, name));
    return { topic, subscription };
  }

  /** The queues of topics and subscriptions. */
  *queues(): Generator<Queue> {
    for (const topic of this) {
      yield topic.queue;
      for (const { queue } of topic.subscriptions.values()) yield queue;
    }
  }

  // recovery --------------------------------------------------------------------------------------------------------

  restore(topic: Topic): void {
    this.#topics.set(topic.name.toLowerCase(), topic);
  }

  restoreRule(topic: Topic, subscription: Subscription, id: number, { description, createdMs }: RuleRecord): void {
    topic.addRule({ id, subscription, createdMs, ...this.#compiled(description) });
  }

  /** Begins what goes on by itself. */
  start(): void {
    for (const topic of this.#topics.values()) {
      this.#attendTopic(topic);
      for (const subscription of topic.subscriptions.values()) this.#attend(subscription);
    }
  }

  // topics ----------------------------------------------------------------------------------------------------------

  /** @throws BrokerRefusal `entity-exists`, `quota-exceeded` */
  create(description: TopicDescription): { topic: Topic; position: number } {
    const { reader, random } = this.#around;
    const broker = this.#around.broker();
    this.#around.mustBeFree(description.name);
    const record = { description, historyKey: random.bytes(HISTORY_KEY_BYTES), createdMs: nowOf(broker) };
    const id = broker.journal.nextId();
    const position = broker.journal.append(
      [{ kind: RecordKind.entry, id, refs: [], bytes: encodeTopic(record) }],
      'send',
    );
    const topic = new Topic({ broker, id, record, reader });
    this.restore(topic);
    this.#attendTopic(topic);
    return { topic, position };
  }

  /** At once for everybody who uses it. @throws BrokerRefusal `entity-not-found`, `quota-exceeded` */
  update(description: TopicDescription): { position: number } {
    const topic = this.existing(description.name);
    const { position } = topic.update(description);
    this.#attendTopic(topic);
    return { position };
  }

  /** With its subscriptions and all their messages. @throws BrokerRefusal `entity-not-found` */
  delete(name: string): { position: number } {
    const topic = this.existing(name);
    const subscriptions = [...topic.subscriptions.values()];
    return removeEntities({
      ...this.#removal(topic),
      queues: [...subscriptions.map(({ queue }) => queue), topic.queue],
      others: subscriptions.flatMap(({ rules }) => [...rules.values()].map(({ id }) => id)),
      forget: () => this.#topics.delete(name.toLowerCase()),
    });
  }

  // subscriptions ---------------------------------------------------------------------------------------------------

  /**
   * With these rules; unless given with the one that lets everything in.
   *
   * @throws BrokerRefusal `entity-not-found`, `entity-exists` also for two rules of one name, `quota-exceeded`, `argument-invalid`
   * @throws RetrainError `FILTER_INVALID`
   */
  subscribe(
    given: SubscriptionDescription,
    rules: readonly RuleDescription[] = [DEFAULT_RULE],
  ): { subscription: Subscription; position: number } {
    const broker = this.#around.broker();
    const topic = this.existing(given.topicName);
    const description = { ...given, topicName: topic.name };
    if (topic.subscription(description.name)) throw entityExists(subscriptionPath(topic.name, description.name));
    if (topic.subscriptions.size >= MAX_SUBSCRIPTIONS)
      throw new BrokerRefusal(
        'quota-exceeded',
        `Topic '${topic.name}' has ${MAX_SUBSCRIPTIONS} subscriptions, which is the limit. Delete some.`,
      );
    this.#around.mustForwardToSomewhere(description);
    mustDiffer(rules, description);
    const compiled = rules.map((rule) => this.#compiled(rule));
    this.#mustFit(topic, rules);
    const { journal } = broker;
    const record: SubscriptionRecord = { topicId: topic.queue.id, description, createdMs: nowOf(broker) };
    const subscription = restoredSubscription({ broker, id: journal.nextId(), topic, record });
    const subscriptionId = subscription.queue.id;
    const { createdMs } = record;
    const made = compiled.map((rule): Rule => ({ id: journal.nextId(), subscription, createdMs, ...rule }));
    const position = journal.append(
      [
        { kind: RecordKind.entry, id: subscriptionId, refs: [], bytes: encodeSubscription(record) },
        ...made.map((rule) => recordOf(rule)),
      ],
      'send',
    );
    topic.subscriptions.set(description.name.toLowerCase(), subscription);
    for (const rule of made) topic.addRule(rule);
    topic.queue.use();
    this.#attend(subscription);
    return { subscription, position };
  }

  /** @throws BrokerRefusal `entity-not-found`, `quota-exceeded`, `argument-invalid` */
  updateSubscription(description: SubscriptionDescription): { position: number } {
    const { topic, subscription } = this.existingSubscription(description.topicName, description.name);
    this.#around.mustForwardToSomewhere(description);
    const { position } = subscription.update(description, topic.description);
    this.#attend(subscription);
    return { position };
  }

  /** With its messages. @throws BrokerRefusal `entity-not-found` */
  unsubscribe(topicName: string, name: string): { position: number } {
    const { topic, subscription } = this.existingSubscription(topicName, name);
    const rules = [...subscription.rules.values()];
    return removeEntities({
      ...this.#removal(),
      queues: [subscription.queue],
      others: rules.map(({ id }) => id),
      // The copies that are gone with it may alone have shown which numbers the topic has used.
      besides: topic.queue.arrivals.countersStep(),
      forget: () => {
        topic.subscriptions.delete(name.toLowerCase());
        for (const rule of rules) topic.removeRule(rule);
        topic.queue.use();
      },
    });
  }

  // rules -----------------------------------------------------------------------------------------------------------

  /**
   * In place of a rule of this name when `replace` is set: then there must be one, otherwise none.
   *
   * @throws BrokerRefusal `entity-not-found`, `entity-exists`, `quota-exceeded`
   * @throws RetrainError `FILTER_INVALID`
   */
  putRule(
    { topic, subscription }: { topic: Topic; subscription: Subscription },
    description: RuleDescription,
    { replace = false }: { replace?: boolean } = {},
  ): { position: number } {
    const broker = this.#around.broker();
    subscription.queue.mustExist();
    const former = subscription.rule(description.name);
    if (former && !replace) throw entityExists(rulePath(subscription, description.name));
    if (!former && replace) throw entityNotFound(rulePath(subscription, description.name));
    const compiled = this.#compiled(description);
    this.#mustFit(topic, [description], former && [former.description]);
    const { journal } = broker;
    const id = journal.nextId();
    const createdMs = former?.createdMs ?? nowOf(broker);
    const rule: Rule = { id, subscription, createdMs, ...compiled };
    const end = former ? [gone(journal, [former.id])] : [];
    const position = subscription.queue.records.append([recordOf(rule), ...end], 'send');
    if (former) topic.removeRule(former);
    topic.addRule(rule);
    subscription.queue.use();
    return { position };
  }

  /** @throws BrokerRefusal `entity-not-found` */
  removeRule(
    { topic, subscription }: { topic: Topic; subscription: Subscription },
    name: string,
  ): { position: number } {
    const { journal } = this.#around.broker();
    subscription.queue.mustExist();
    const rule = subscription.rule(name);
    if (!rule) throw entityNotFound(rulePath(subscription, name));
    const position = subscription.queue.records.append([gone(journal, [rule.id])], 'settle');
    topic.removeRule(rule);
    subscription.queue.use();
    return { position };
  }

  // inside ----------------------------------------------------------------------------------------------------------

  #compiled(description: RuleDescription): Pick<Rule, 'description' | 'filter' | 'action'> {
    const { action } = description;
    return {
      description,
      filter: compileFilter(description, this.#environment),
      action: action && compileAction(action, this.#environment),
    };
  }

  /** `removed`: what goes when the others come. */
  #mustFit(topic: Topic, added: readonly RuleDescription[], removed: readonly RuleDescription[] = []): void {
    const sql = added.filter(isSqlFilter).length;
    const lessSql = removed.filter(isSqlFilter).length;
    for (const [kind, limit, has, wanted, less] of [
      ['SQL', MAX_SQL_FILTERS, topic.sqlFilters, sql, lessSql],
      ['correlation', MAX_CORRELATION_FILTERS, topic.otherFilters, added.length - sql, removed.length - lessSql],
    ] as const) {
      if (wanted === 0 || has - less + wanted <= limit) continue;
      throw new BrokerRefusal(
        'quota-exceeded',
        `The subscriptions of topic '${topic.name}' have ${has} ${kind} filters together; the limit is ${limit}. Remove some.`,
      );
    }
  }

  #attendTopic(topic: Topic): void {
    const broker = this.#around.broker();
    const onIdle = (): void => void this.delete(topic.name);
    this.#around.duties.attend(topic.queue, { broker, onIdle, fanOut: topic });
  }

  #attend({ queue, description: { topicName, name } }: Subscription): void {
    const broker = this.#around.broker();
    const onIdle = (): void => void this.unsubscribe(topicName, name);
    this.#around.duties.attend(queue, { broker, onIdle });
  }

  /** Of a topic's subscriptions nobody need be told one by one: what else is kept by name, as access rules, is its own. */
  #removal(topic?: Topic): Pick<Parameters<typeof removeEntities>[0], 'journal' | 'duties' | 'onDeleted'> {
    const { duties } = this.#around;
    const onDeleted = (queue: Queue): void => {
      if (queue === topic?.queue) this.#around.onDeleted(queue);
    };
    return { journal: this.#around.broker().journal, duties, onDeleted };
  }
}

/** A subscription of a topic as its record tells it, without rules. */
export function restoredSubscription(options: {
  broker: BrokerState;
  id: number;
  topic: Topic;
  record: SubscriptionRecord;
  change?: { readonly id: number; readonly updatedMs: number } | undefined;
}): Subscription {
  const { topic, record, ...rest } = options;
  const { description, createdMs } = record;
  const historyKey = Buffer.alloc(0);
  const ofQueue = { description: subscriptionQueue(description, topic.description), historyKey, createdMs };
  return new Subscription({ queue: new Queue({ ...rest, record: ofQueue, bodies: topic.bodies }), description });
}

function recordOf({ id, subscription, description, createdMs }: Rule): Parameters<Queue['records']['append']>[0][0] {
  const bytes = encodeRule({ subscriptionId: subscription.queue.id, description, createdMs });
  return { kind: RecordKind.entry, id, refs: [], bytes };
}

/** A rule that another one hides could never be removed. @throws BrokerRefusal `entity-exists` */
function mustDiffer(rules: readonly RuleDescription[], { topicName, name }: SubscriptionDescription): void {
  const names = new Set<string>();
  for (const rule of rules) {
    if (names.has(rule.name.toLowerCase()))
      throw entityExists(`${subscriptionPath(topicName, name)}/Rules/${rule.name}`);
    names.add(rule.name.toLowerCase());
  }
}

function rulePath({ queue }: Subscription, name: string): string {
  return `${queue.name}/Rules/${name}`;
}

function nowOf({ clock }: BrokerState): number {
  return Math.floor(clock.wallMs());
}

/** Version 4: random but for six bits (RFC 9562 §5.4). */
function uuidOf(random: Buffer): string {
  random[6] = ((random[6] as number) & 0x0f) | 0x40;
  random[8] = ((random[8] as number) & 0x3f) | 0x80;
  const hex = random.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
