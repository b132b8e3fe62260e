import { parseQueueDescription } from '../../topology/index.ts';
import { shownSize } from '../entity-sizes.ts';
import type { QueueStatus } from '../queue-admin.ts';
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
const FIXED = ['requiresSession', 'requiresDuplicateDetection', 'enablePartitioning'] as const;

export const queueKind: ChildKind = {
  type: 'namespaces/queues',
  list: (call) => sortedList(call, call.admin.queues.list(), (queue) => queueBody(call, queue)),
  get: (call) => shown(call),
  put: async (call, body) => {
    const [, name = ''] = call.names;
    const { queues } = call.admin;
    const present = queues.get(name)?.description;
    const wanted = parseQueueDescription(wantedEntity(call, body, { what: 'queue', present, fixed: FIXED }));
    mustFitSku(call, 'queue', wanted);
    await (present ? queues.update(present.name, { ...TAKEN_AWAY, ...withoutNames(wanted) }) : queues.create(wanted));
    return shown(call);
  },
  delete: async (call) => {
    const [, name = ''] = call.names;
    if (!call.admin.queues.get(name)) return { status: 204 };
    await call.admin.queues.delete(name);
    return { status: 200 };
  },
};

/** What a queue may be without. */
const TAKEN_AWAY = { forwardTo: undefined, forwardDeadLetteredMessagesTo: undefined, userMetadata: undefined };

function shown(call: ChildCall): ArmAnswer {
  const [, name = ''] = call.names;
  const queue = call.admin.queues.get(name);
  if (!queue) throw resourceNotFound(call.request.urlPath);
  return { status: 200, body: queueBody(call, queue) };
}

function queueBody(call: ChildCall, { description, counts, times }: QueueStatus): object {
  return childBody(call, [{ type: 'queues', name: description.name }], {
    ...withoutNames(description),
    maxSizeInMegabytes: shownSize(description),
    sizeInBytes: counts.sizeBytes,
    messageCount: counts.total,
    countDetails: countDetailsOf(counts),
    ...timesOf(times),
  });
}
