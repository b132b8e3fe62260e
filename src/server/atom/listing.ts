import { subscriptionPath } from '../../topology/index.ts';
import { pageOf } from '../http-request.ts';
import type { AtomRequest } from './atom-request.ts';
import { notFound } from './atom-refusal.ts';
import type { RuleStatus } from '../rule-admin.ts';
import { feedXml } from './feed.ts';
import type { Entry } from './feed.ts';
import type { AtomParts } from './parts.ts';
import { queueEntry } from './queue-resource.ts';
import { ruleXml } from './rule-description.ts';
import { subscriptionEntry } from './subscription-resource.ts';
import { targetPath } from './target.ts';
import { topicEntry } from './topic-resource.ts';
import type { XmlNode } from './xml-writer.ts';

/** A list that is asked for, by name; undefined when the target is no list. @throws AtomRefusal 404 for parts of what does not exist */
export function listingXml(parts: AtomParts, request: AtomRequest): XmlNode | undefined {
  const { admin } = parts;
  const { target } = request;
  switch (target.kind) {
    case 'queues':
      return page(parts, request, {
        title: 'Queues',
        all: admin.queues.list(),
        entry: (queue) => queueEntry(parts, request, queue),
      });
    case 'topics':
      return page(parts, request, {
        title: 'Topics',
        all: admin.topics.list(),
        entry: (topic) => topicEntry(parts, request, topic),
      });
    case 'subscriptions': {
      const all = admin.subscriptions.list(target.topic);
      if (!all) throw notFound(request.host, target.topic);
      return page(parts, request, {
        title: 'Subscriptions',
        all,
        entry: (subscription) => subscriptionEntry(request, subscription),
      });
    }
    case 'rules': {
      const { topic: topicName, subscription: name } = target;
      const all = admin.rules.list({ topicName, name });
      if (!all) throw notFound(request.host, subscriptionPath(topicName, name));
      const path = targetPath(target);
      return page(parts, request, { title: 'Rules', all, entry: (rule) => ruleEntry(path, rule) });
    }
    default:
      return undefined;
  }
}

/** `path`: of the list of rules that it is in. */
export function ruleEntry(path: string, { description, createdMs }: RuleStatus): Entry {
  return {
    title: description.name,
    path: `${path}/${description.name}`,
    publishedMs: createdMs,
    updatedMs: createdMs,
    content: ruleXml(description, createdMs),
  };
}

function page<T extends { readonly description: { readonly name: string } }>(
  { service }: AtomParts,
  request: AtomRequest,
  list: { readonly title: string; readonly all: readonly T[]; readonly entry: (status: T) => Entry },
): XmlNode {
  const sorted = list.all
    .map((status) => ({ status, key: status.description.name.toLowerCase() }))
    .toSorted((one, other) => (one.key < other.key ? -1 : Number(one.key > other.key)));
  const { items, more } = pageOf(sorted, request.page);
  return feedXml(request, {
    title: list.title,
    path: targetPath(request.target),
    nowMs: service.clock.wallMs(),
    entries: items.map(({ status }) => list.entry(status)),
    more,
  });
}
