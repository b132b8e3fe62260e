import { parseRuleDescription } from '../topology/index.ts';
import type { RuleDescription } from '../topology/index.ts';
import { type AdminContext, notFound, opened } from './admin-context.ts';

export interface RuleStatus {
  readonly description: RuleDescription;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
}

/** A subscription, by its topic's name and its own. */
export interface SubscriptionName {
  readonly topicName: string;
  readonly name: string;
}

/** The rules of a running broker's subscriptions. Each change is durable when its promise resolves, and holds for messages that come from then on. */
export class RuleAdmin {
  readonly #context: AdminContext;

  constructor(context: AdminContext) {
    this.#context = context;
  }

  /** In the order in which they were made; undefined when there is no such subscription. */
  list({ topicName, name }: SubscriptionName): RuleStatus[] | undefined {
    const subscription = this.#context.namespace.topics.get(topicName)?.subscription(name);
    return (
      subscription && [...subscription.rules.values()].map(({ description, createdMs }) => ({ description, createdMs }))
    );
  }

  get({ topicName, name }: SubscriptionName, ruleName: string): RuleStatus | undefined {
    const rule = this.#context.namespace.topics.get(topicName)?.subscription(name)?.rule(ruleName);
    return rule && { description: rule.description, createdMs: rule.createdMs };
  }

  /** @throws RetrainError `ENTITY_NOT_FOUND`, `CONFIGURATION_INVALID`, `FILTER_INVALID`, `BROKER_REFUSED` when it exists, `DISK_FULL` */
  create(owner: SubscriptionName, rule: unknown): Promise<RuleDescription> {
    return this.#put(owner, rule, false);
  }

  /** Takes the place of the rule of the same name. @throws RetrainError as `create`, and `BROKER_REFUSED` when there is none */
  update(owner: SubscriptionName, rule: unknown): Promise<RuleDescription> {
    return this.#put(owner, rule, true);
  }

  /** @throws RetrainError `ENTITY_NOT_FOUND`, `DISK_FULL` */
  async delete(owner: SubscriptionName, ruleName: string): Promise<void> {
    const { namespace, durable } = opened(this.#context);
    if (!this.get(owner, ruleName)) throw notFound('rule', `${owner.topicName}/${owner.name}/${ruleName}`);
    const entity = namespace.topics.existingSubscription(owner.topicName, owner.name);
    await durable(namespace.topics.removeRule(entity, ruleName).position);
  }

  async #put(owner: SubscriptionName, rule: unknown, replace: boolean): Promise<RuleDescription> {
    const { namespace, durable } = opened(this.#context);
    const description = parseRuleDescription(rule);
    const { topicName, name } = owner;
    if (!namespace.topics.get(topicName)?.subscription(name)) throw notFound('subscription', `${topicName}/${name}`);
    const entity = namespace.topics.existingSubscription(topicName, name);
    await durable(namespace.topics.putRule(entity, description, { replace }).position);
    return description;
  }
}
