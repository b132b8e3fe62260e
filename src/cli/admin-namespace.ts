import type { RuleProperties, ServiceBusAdministrationClient, WithResponse } from '@azure/service-bus';
import {
  DEFAULT_RULE,
  type DeclaredSubscription,
  type DeclaredTopic,
  type NamespaceDescription,
  parseQueueDescription,
  parseSubscriptionDescription,
  parseTopicDescription,
  PROPERTIES,
  type RuleDescription,
  type Step,
} from '../topology/index.ts';
import { ruleForClient, ruleOfClient } from './admin-rule.ts';
import { adminValuePolicy, sendable } from './admin-values.ts';

/** Subscriptions whose rules are asked for at the same time. */
const RULES_AT_ONCE = 8;

/** Rules that a subscription without any is made with, and loses at once: the client always makes one, which here lets nothing in. */
const CLOSED_RULE: RuleDescription = { name: DEFAULT_RULE.name, filterType: 'FalseFilter' };

/** Only premium namespaces know it, and only they take it. */
const MESSAGE_SIZE = 'maxMessageSizeInKilobytes';
const USUAL_MESSAGE_SIZE = parseQueueDescription({ name: 'x' })[MESSAGE_SIZE];

/** A namespace of a running broker, or of Azure Service Bus, by the official admin client. */
export class AdminNamespace {
  readonly #admin: ServiceBusAdministrationClient;
  /** What the client said of entities that are there: with properties that are not described here, and that a change must not lose. */
  readonly #present = new Map<string, object>();

  constructor(admin: ServiceBusAdministrationClient) {
    admin.pipeline.addPolicy(adminValuePolicy());
    this.#admin = admin;
  }

  async read(): Promise<NamespaceDescription> {
    const queues = [];
    for await (const queue of this.#admin.listQueues()) {
      this.#remember('queue', queue.name, queue);
      queues.push(parseQueueDescription(picked(withAskedSize(queue), PROPERTIES.queue)));
    }
    const topics: DeclaredTopic[] = [];
    for await (const topic of this.#admin.listTopics()) {
      this.#remember('topic', topic.name, topic);
      const description = parseTopicDescription(picked(withAskedSize(topic), PROPERTIES.topic));
      topics.push({ description, subscriptions: await this.#subscriptions(topic.name) });
    }
    return { queues, topics };
  }

  async #subscriptions(topicName: string): Promise<DeclaredSubscription[]> {
    const descriptions = [];
    for await (const subscription of this.#admin.listSubscriptions(topicName)) {
      const { subscriptionName: name } = subscription;
      this.#remember('subscription', `${topicName}/${name}`, subscription);
      descriptions.push(parseSubscriptionDescription(picked({ ...subscription, name }, PROPERTIES.subscription)));
    }
    const found: DeclaredSubscription[] = [];
    for (let next = 0; next < descriptions.length; next += RULES_AT_ONCE) {
      const some = descriptions.slice(next, next + RULES_AT_ONCE);
      const read = some.map(async (description) => ({
        description,
        rules: await this.#rules(topicName, description.name),
      }));
      found.push(...(await Promise.all(read)));
    }
    return found;
  }

  async #rules(topicName: string, subscriptionName: string): Promise<RuleDescription[]> {
    const rules = [];
    for await (const rule of this.#admin.listRules(topicName, subscriptionName)) rules.push(ruleOfClient(rule));
    return rules;
  }

  /** @throws whatever the client raises */
  async carryOut(step: Step): Promise<void> {
    switch (step.what) {
      case 'queue':
        return this.#queue(step);
      case 'topic':
        return this.#topic(step);
      case 'subscription':
        return this.#subscription(step);
      case 'rule':
        return this.#rule(step);
    }
  }

  async #queue({ action, description }: Step & { what: 'queue' }): Promise<void> {
    const { name } = description;
    if (action === 'delete') await this.#admin.deleteQueue(name);
    else if (action === 'create')
      this.#remember('queue', name, await this.#admin.createQueue(name, newProperties(description)));
    else await this.#admin.updateQueue(this.#changed('queue', name, description));
  }

  async #topic({ action, description }: Step & { what: 'topic' }): Promise<void> {
    const { name } = description;
    if (action === 'delete') await this.#admin.deleteTopic(name);
    else if (action === 'create') await this.#admin.createTopic(name, newProperties(description));
    else await this.#admin.updateTopic(this.#changed('topic', name, description));
  }

  async #subscription(step: Step & { what: 'subscription' }): Promise<void> {
    const { topicName, name: subscriptionName, ...properties } = step.description;
    if (step.action === 'delete') await this.#admin.deleteSubscription(topicName, subscriptionName);
    else if (step.action === 'update')
      await this.#admin.updateSubscription(
        this.#changed('subscription', `${topicName}/${subscriptionName}`, properties),
      );
    else {
      const [first = CLOSED_RULE, ...others] = step.rules ?? [DEFAULT_RULE];
      const defaultRuleOptions = ruleForClient(first);
      await this.#admin.createSubscription(topicName, subscriptionName, {
        ...newProperties(properties),
        defaultRuleOptions,
      });
      for (const rule of others) await this.#createRule({ topicName, subscriptionName, description: rule });
      if (step.rules?.length === 0) await this.#admin.deleteRule(topicName, subscriptionName, first.name);
    }
  }

  async #rule(step: Step & { what: 'rule' }): Promise<void> {
    const { topicName, subscriptionName, description } = step;
    if (step.action === 'create') await this.#createRule(step);
    else if (step.action === 'delete') await this.#admin.deleteRule(topicName, subscriptionName, description.name);
    else
      await this.#admin.updateRule(
        topicName,
        subscriptionName,
        ruleForClient(description) as WithResponse<RuleProperties>,
      );
  }

  async #createRule(rule: {
    topicName: string;
    subscriptionName: string;
    description: RuleDescription;
  }): Promise<void> {
    const { name, filter, action } = ruleForClient(rule.description);
    await this.#admin.createRule(rule.topicName, rule.subscriptionName, name, filter, action);
  }

  #remember(what: string, name: string, properties: object): void {
    this.#present.set(`${what} ${name.toLowerCase()}`, properties);
  }

  /** What the client knows of an entity, with the description in place of all that can be described. */
  #changed(what: keyof typeof PROPERTIES, name: string, description: object): never {
    const present = this.#present.get(`${what} ${name.toLowerCase()}`) ?? {};
    const kept = Object.entries(present).filter(
      ([property]) => !PROPERTIES[what].includes(property) || property === 'topicName',
    );
    const hasSize = MESSAGE_SIZE in present && present[MESSAGE_SIZE] !== undefined;
    const next = hasSize ? description : newProperties(description);
    return sendable({ ...Object.fromEntries(kept), ...next, ...(what !== 'subscription' && { name }) }) as never;
  }
}

/** What a partitioned entity may be asked to hold; what it says is the size of all its partitions together, if that is more. */
const LARGEST_PARTITION_MB = 5_120;
const PARTITIONS = 16;

/** With the size of a partition, as it is asked for, where the service tells that of all together. */
function withAskedSize<T extends { readonly maxSizeInMegabytes: number; readonly enablePartitioning: boolean }>(
  properties: T,
): T {
  const { maxSizeInMegabytes: size, enablePartitioning } = properties;
  const isTotal = enablePartitioning && size > LARGEST_PARTITION_MB && size % PARTITIONS === 0;
  return isTotal ? { ...properties, maxSizeInMegabytes: size / PARTITIONS } : properties;
}

/** Those of the properties that are described here, where there is one. */
function picked(properties: object, names: readonly string[]): object {
  return Object.fromEntries(
    Object.entries(properties).filter(([name, value]) => names.includes(name) && value !== undefined),
  );
}

/** Without the name, and without the size of messages where it is the usual one: namespaces that are not premium refuse it. */
function newProperties(description: object): object {
  const said = Object.entries(description).filter(
    ([name, value]) =>
      name !== 'name' && value !== undefined && (name !== MESSAGE_SIZE || value !== USUAL_MESSAGE_SIZE),
  );
  return sendable(Object.fromEntries(said));
}
