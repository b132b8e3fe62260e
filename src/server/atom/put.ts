import { DEFAULT_RULE_NAME, subscriptionPath } from '../../topology/index.ts';
import { notFound, refusal } from './atom-refusal.ts';
import type { AtomRequest } from './atom-request.ts';
import type { AtomParts } from './parts.ts';
import { createQueue, updateQueue } from './queue-resource.ts';
import { readRule } from './rule-description.ts';
import { createSubscription, updateSubscription } from './subscription-resource.ts';
import { targetPath } from './target.ts';
import type { Target } from './target.ts';
import { createTopic, updateTopic } from './topic-resource.ts';
import { childOf, textOf } from './xml-element.ts';
import type { XmlElement } from './xml-element.ts';

export interface Put {
  readonly target: Target;
  readonly description: XmlElement;
}

/** The description that a body holds, and where it goes. @throws AtomRefusal 400 */
export function putOf(target: Target, root: XmlElement): Put {
  const [description] = (root.name === 'entry' ? childOf(root, 'content') : undefined)?.children ?? [];
  if (!description) throw refusal(400, 'The body must be an Atom entry whose content is a description.');
  if (target.kind !== 'rules') return { target, description };
  // The Go client puts a rule without a name there.
  const { topic, subscription } = target;
  const name = textOf(description, 'Name') ?? DEFAULT_RULE_NAME;
  return { target: { kind: 'rule', topic, subscription, name }, description };
}

/** Creates or updates what `put` describes; that it exists, or does not, has been looked at. @throws RetrainError */
export async function carryOut(parts: AtomParts, request: AtomRequest, put: Put): Promise<void> {
  const { target, description } = put;
  switch (target.kind) {
    case 'entity':
      if (description.name === 'QueueDescription') return putQueue(parts, request, { ...put, name: target.name });
      if (description.name === 'TopicDescription') return putTopic(parts, request, { ...put, name: target.name });
      break;
    case 'subscription':
      if (description.name === 'SubscriptionDescription') return putSubscription(parts, request, { ...put, target });
      break;
    case 'rule':
      if (description.name === 'RuleDescription') return putRule(parts, request, { ...put, target });
      break;
    default:
      break;
  }
  throw refusal(400, `A ${description.name} cannot be put at '${targetPath(target)}'.`);
}

type Named = Put & { readonly name: string };

async function putQueue(parts: AtomParts, request: AtomRequest, put: Named): Promise<void> {
  const { name, description: body } = put;
  if (!request.update) return createQueue(parts, request, { name, body });
  const present = parts.admin.queues.get(name);
  if (!present) throw notFound(request.host, name);
  return updateQueue(parts, request, { present, body });
}

async function putTopic(parts: AtomParts, request: AtomRequest, { name, description }: Named): Promise<void> {
  if (!request.update) return createTopic(parts, name, description);
  const present = parts.admin.topics.get(name);
  if (!present) throw notFound(request.host, name);
  return updateTopic(parts, present, description);
}

type Targeted<K extends Target['kind']> = Put & { readonly target: Target & { readonly kind: K } };

async function putSubscription(parts: AtomParts, request: AtomRequest, put: Targeted<'subscription'>): Promise<void> {
  const { admin } = parts;
  const { topic: topicName, name } = put.target;
  const { description: body } = put;
  if (!admin.topics.get(topicName)) throw notFound(request.host, topicName);
  if (!request.update) return createSubscription(parts, request, { topicName, name, body });
  const present = admin.subscriptions.get(topicName, name);
  if (!present) throw notFound(request.host, targetPath(put.target));
  return updateSubscription(parts, request, { present, body });
}

async function putRule({ admin }: AtomParts, request: AtomRequest, put: Targeted<'rule'>): Promise<void> {
  const { topic: topicName, subscription: name } = put.target;
  if (!admin.subscriptions.get(topicName, name)) throw notFound(request.host, subscriptionPath(topicName, name));
  const rule = readRule(put.description, put.target.name);
  await (request.update
    ? admin.rules.update({ topicName, name }, rule)
    : admin.rules.create({ topicName, name }, rule));
}
