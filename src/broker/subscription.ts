import type { Action, Filter } from '../filter/index.ts';
import {
  type RuleDescription,
  type SubscriptionDescription,
  subscriptionPath,
  type QueueDescription,
  type TopicDescription,
} from '../topology/index.ts';
import type { Queue } from './queue.ts';

/** A rule of a subscription, with its filter and action ready to be used. */
export interface Rule {
  /** Its record. */
  readonly id: number;
  readonly subscription: Subscription;
  readonly description: RuleDescription;
  readonly filter: Filter;
  readonly action: Action | undefined;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
}

/** A subscription: the queue of its copies, and the rules by which messages of the topic come in. */
export class Subscription {
  readonly queue: Queue;
  /** By name in lower case, in the order in which they were made. */
  readonly rules = new Map<string, Rule>();
  #description: SubscriptionDescription;

  constructor(options: { queue: Queue; description: SubscriptionDescription }) {
    this.queue = options.queue;
    this.#description = options.description;
  }

  get description(): SubscriptionDescription {
    return this.#description;
  }

  get name(): string {
    return this.#description.name;
  }

  rule(name: string): Rule | undefined {
    return this.rules.get(name.toLowerCase());
  }

  update(description: SubscriptionDescription, topic: TopicDescription): { position: number } {
    const { position } = this.queue.update(subscriptionQueue(description, topic), description);
    this.#description = description;
    return { position };
  }

  /** The topic has another description. */
  configure(topic: TopicDescription): void {
    this.queue.configure(subscriptionQueue(this.#description, topic));
  }
}

const MAX_SIZE_IN_MEGABYTES = 1_048_576;

/** What holds for the queue of a subscription. Size is the topic's to limit, and duplicates are found before a message comes here. */
export function subscriptionQueue(description: SubscriptionDescription, topic: TopicDescription): QueueDescription {
  return {
    ...description,
    name: subscriptionPath(description.topicName, description.name),
    requiresDuplicateDetection: false,
    duplicateDetectionHistoryTimeWindow: topic.duplicateDetectionHistoryTimeWindow,
    maxSizeInMegabytes: MAX_SIZE_IN_MEGABYTES,
    maxMessageSizeInKilobytes: topic.maxMessageSizeInKilobytes,
    enablePartitioning: topic.enablePartitioning,
    enableExpress: false,
  };
}
