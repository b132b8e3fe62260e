import { PROPERTIES, canonicalProperties, parseQueueDescription } from '../../topology/index.ts';
import type { QueueDescription } from '../../topology/index.ts';
import { shownSize, withSizes } from '../entity-sizes.ts';
import type { QueueStatus } from '../queue-admin.ts';
import {
  childBody,
  countDetailsOf,
  sortedList,
  mustFitSku,
  timesOf,
  usualMessageKb,
  withoutNames,
} from './child-resource.ts';
import { propertiesIn } from './read-body.ts';
import { resourceNotFound } from './refusal.ts';
import type { ArmAnswer, Body, ChildCall, ChildKind } from './resource-kind.ts';

export const queueKind: ChildKind = {
  type: 'namespaces/queues',
  list: (call) => sortedList(call, call.admin.queues.list(), (queue) => queueBody(call, queue)),
  get: (call) => shown(call),
  put: async (call, body) => {
    const [, name = ''] = call.names;
    const { queues } = call.admin;
    const present = queues.get(name)?.description;
    const wanted = describedQueue(call, body, { name, present });
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

/** What is left out gets its default, or stays when it is decided as the queue is made. */
function describedQueue(
  { namespace }: ChildCall,
  body: Body,
  { name, present }: { readonly name: string; readonly present: QueueDescription | undefined },
): QueueDescription {
  const given = canonicalProperties(propertiesIn(body, PROPERTIES.queue));
  const fixed = present && {
    requiresSession: present.requiresSession,
    requiresDuplicateDetection: present.requiresDuplicateDetection,
    enablePartitioning: present.enablePartitioning,
  };
  return parseQueueDescription({
    maxMessageSizeInKilobytes: usualMessageKb(namespace),
    ...fixed,
    ...withSizes(Object.fromEntries(given), present),
    name: present?.name ?? name,
  });
}

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
