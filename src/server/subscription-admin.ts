import type { Subscription } from '../broker/index.ts';
import {
  changeSubscriptionDescription,
  parseRuleDescription,
  parseSubscriptionDescription,
} from '../topology/index.ts';
import type {
  RuleDescription,
  SubscriptionDescription,
  SubscriptionDescriptionChanges,
  SubscriptionDescriptionInput,
} from '../topology/index.ts';
import { type AdminContext, type EntityStatus, notFound, opened } from './admin-context.ts';

export interface SubscriptionStatus extends EntityStatus<SubscriptionDescription> {
  readonly ruleCount: number;
}

/** The subscriptions of a running broker's topics, as `QueueAdmin` has its queues. */
export class SubscriptionAdmin {
  readonly #context: AdminContext;

  constructor(context: AdminContext) {
    this.#context = context;
  }

  /** Those of a topic in the order in which they were made; undefined when there is no such topic. */
  list(topicName: string): SubscriptionStatus[] | undefined {
    const topic = this.#context.namespace.topics.get(topicName);
    return topic && [...topic.subscriptions.values()].map(statusOf);
  }

  get(topicName: string, name: string): SubscriptionStatus | undefined {
    const subscription = this.#context.namespace.topics.get(topicName)?.subscription(name);
    return subscription && statusOf(subscription);
  }

  /**
   * With these rules, none if the list is empty; unless given with the one that lets every message in.
   *
   * @throws RetrainError `ENTITY_NOT_FOUND` for the topic, `CONFIGURATION_INVALID`, `FILTER_INVALID`, `BROKER_REFUSED`, `DISK_FULL`
   */
  async create(input: SubscriptionDescriptionInput, rules?: readonly unknown[]): Promise<SubscriptionDescription> {
    const { namespace, durable } = opened(this.#context);
    const description = parseSubscriptionDescription(input);
    if (!namespace.topics.get(description.topicName)) throw notFound('topic', description.topicName);
    const parsed = rules?.map((rule): RuleDescription => parseRuleDescription(rule));
    await durable(namespace.topics.subscribe(description, parsed).position);
    return description;
  }

  /** @throws RetrainError `ENTITY_NOT_FOUND`, otherwise as `create` and also for a property that cannot be changed */
  async update(
    topicName: string,
    name: string,
    changes: SubscriptionDescriptionChanges,
  ): Promise<SubscriptionDescription> {
    const { namespace, durable } = opened(this.#context);
    const present = this.get(topicName, name);
    if (!present) throw notFound('subscription', `${topicName}/${name}`);
    const description = changeSubscriptionDescription(present.description, changes);
    await durable(namespace.topics.updateSubscription(description).position);
    return description;
  }

  /** Deletes the subscription with its rules and messages. @throws RetrainError `ENTITY_NOT_FOUND`, `DISK_FULL` */
  async delete(topicName: string, name: string): Promise<void> {
    const { namespace, durable } = opened(this.#context);
    if (!this.get(topicName, name)) throw notFound('subscription', `${topicName}/${name}`);
    await durable(namespace.topics.unsubscribe(topicName, name).position);
  }
}

function statusOf({ description, queue, rules }: Subscription): SubscriptionStatus {
  return { description, counts: queue.counts(), times: queue.times(), ruleCount: rules.size };
}
