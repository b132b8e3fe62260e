import { parseTopicDescription } from '../../topology/index.ts';
import { shownSize } from '../entity-sizes.ts';
import type { TopicStatus } from '../topic-admin.ts';
import {
  childBody,
  countDetailsOf,
  sortedList,
  mustFitSku,
  timesOf,
  wantedEntity,
  withoutNames,
} from './child-resource.ts';
import { resourceNotFound } from './refusal.ts';
import type { ArmAnswer, ChildCall, ChildKind } from './resource-kind.ts';

/** Decided when it is made. */
const FIXED = ['requiresDuplicateDetection', 'enablePartitioning'] as const;

export const topicKind: ChildKind = {
  type: 'namespaces/topics',
  list: (call) => sortedList(call, call.admin.topics.list(), (topic) => topicBody(call, topic)),
  get: (call) => shown(call),
  put: async (call, body) => {
    const [, name = ''] = call.names;
    const { topics } = call.admin;
    const present = topics.get(name)?.description;
    const wanted = parseTopicDescription(wantedEntity(call, body, { what: 'topic', present, fixed: FIXED }));
    mustFitSku(call, 'topic', wanted);
    await (present
      ? topics.update(present.name, { userMetadata: undefined, ...withoutNames(wanted) })
      : topics.create(wanted));
    return shown(call);
  },
  delete: async (call) => {
    const [, name = ''] = call.names;
    if (!call.admin.topics.get(name)) return { status: 204 };
    await call.admin.topics.delete(name);
    return { status: 200 };
  },
};

function shown(call: ChildCall): ArmAnswer {
  const [, name = ''] = call.names;
  const topic = call.admin.topics.get(name);
  if (!topic) throw resourceNotFound(call.request.urlPath);
  return { status: 200, body: topicBody(call, topic) };
}

function topicBody(call: ChildCall, { description, counts, times, subscriptionCount, sizeBytes }: TopicStatus): object {
  return childBody(call, [{ type: 'topics', name: description.name }], {
    ...withoutNames(description),
    maxSizeInMegabytes: shownSize(description),
    sizeInBytes: sizeBytes,
    subscriptionCount,
    countDetails: countDetailsOf(counts),
    ...timesOf(times),
  });
}
