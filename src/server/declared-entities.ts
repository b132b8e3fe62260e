import { BrokerRefusal } from '../broker/index.ts';
import type { Namespace } from '../broker/index.ts';
import { RetrainError } from '../errors.ts';
import { entityText, planNamespace } from '../topology/index.ts';
import type { DeclaredTopic, NamespaceDescription, QueueDescription, Step } from '../topology/index.ts';

/** What is to be there when the server is ready. */
export interface DeclaredEntities {
  /** Made when they are missing, and changed to what is said here when they are different. */
  readonly queues: readonly QueueDescription[];
  /** Likewise, with their subscriptions and rules. */
  readonly topics?: readonly DeclaredTopic[];
  /** Made when there is nothing of the name, and left as they are otherwise. */
  readonly queuesIfMissing?: readonly QueueDescription[];
}

/** The log as far as it matters to who writes much at once. */
interface Room {
  readonly congested: boolean;
  flushed(): Promise<unknown>;
}

/**
 * Makes the namespace as it is declared (see `planNamespace`); whatever is not named stays as it is.
 *
 * @throws RetrainError `CONFIGURATION_INVALID` with everything that cannot be, before anything is done
 */
export async function declareEntities(namespace: Namespace, declared: DeclaredEntities, log: Room): Promise<void> {
  const present = presentIn(namespace);
  const isFree = ({ name }: QueueDescription): boolean => !namespace.destination(name);
  const { queues, topics = [], queuesIfMissing = [] } = declared;
  const wanted: NamespaceDescription = { queues: [...queues, ...queuesIfMissing.filter(isFree)], topics };
  const { steps, refusals } = planNamespace(present, wanted);
  if (refusals.length > 0) {
    const said = refusals.map(({ entity, reason }) => `${entityText(entity)}: ${reason}`);
    throw new RetrainError('CONFIGURATION_INVALID', said.join('; '));
  }
  for (const step of steps) {
    if (log.congested) await log.flushed();
    carryOut(namespace, step);
  }
}

function presentIn(namespace: Namespace): NamespaceDescription {
  return {
    queues: [...namespace.queues()].map(({ description }) => description),
    topics: [...namespace.topics].map(({ description, subscriptions }) => ({
      description,
      subscriptions: [...subscriptions.values()].map((subscription) => ({
        description: subscription.description,
        rules: [...subscription.rules.values()].map((rule) => rule.description),
      })),
    })),
  };
}

function carryOut(namespace: Namespace, step: Step): void {
  try {
    if (step.what === 'rule') changeRule(namespace, step);
    else if (step.action === 'create') create(namespace, step);
    else if (step.action === 'update') update(namespace, step);
  } catch (error) {
    if (!(error instanceof BrokerRefusal)) throw error;
    throw new RetrainError('CONFIGURATION_INVALID', `${entityText(step)}: ${error.message}`, { cause: error });
  }
}

function create(namespace: Namespace, step: Step & { action: 'create' }): void {
  if (step.what === 'queue') namespace.createQueue(step.description);
  else if (step.what === 'topic') namespace.topics.create(step.description);
  else if (step.what === 'subscription') namespace.topics.subscribe(step.description, step.rules);
}

function update(namespace: Namespace, step: Step): void {
  if (step.what === 'queue') namespace.updateQueue(step.description);
  else if (step.what === 'topic') namespace.topics.update(step.description);
  else if (step.what === 'subscription') namespace.topics.updateSubscription(step.description);
}

function changeRule({ topics }: Namespace, step: Step & { what: 'rule' }): void {
  const owner = topics.existingSubscription(step.topicName, step.subscriptionName);
  if (step.action === 'delete') topics.removeRule(owner, step.description.name);
  else topics.putRule(owner, step.description, { replace: step.action === 'update' });
}
