import type { AdminContext } from './admin-context.ts';
import { QueueAdmin } from './queue-admin.ts';
import { RuleAdmin } from './rule-admin.ts';
import { SubscriptionAdmin } from './subscription-admin.ts';
import { TopicAdmin } from './topic-admin.ts';

/** Makes, changes, deletes and counts the entities of a running broker while clients are at work. */
export class EntityAdmin {
  readonly queues: QueueAdmin;
  readonly topics: TopicAdmin;
  readonly subscriptions: SubscriptionAdmin;
  readonly rules: RuleAdmin;

  constructor(context: AdminContext) {
    this.queues = new QueueAdmin(context);
    this.topics = new TopicAdmin(context);
    this.subscriptions = new SubscriptionAdmin(context);
    this.rules = new RuleAdmin(context);
  }
}
