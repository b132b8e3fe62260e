import { skuFault } from '../../topology/index.ts';
import { LIMITS } from '../limits.ts';
import { changedNamespace, newNamespace, replacedNamespace } from './namespace-description.ts';
import type { KeptNamespace } from './namespace-keeper.ts';
import type { NamespaceRecord } from './namespace-record.ts';
import { ArmRefusal, badRequest, refusalOf, resourceNotFound } from './refusal.ts';
import { resourceId, same } from './resource-id.ts';
import type { ResourcePath } from './resource-id.ts';
import type { ArmAnswer, Body, Call, TopKind } from './resource-kind.ts';

/** Not in the case of ids, as the service writes it. */
const TYPE = 'Microsoft.ServiceBus/Namespaces';

export const namespaceKind: TopKind = {
  type: 'namespaces',
  list: (call) => {
    const { subscription, resourceGroup } = call.request.path;
    const { current } = call.namespaces;
    const isThere =
      current &&
      same(current.record.subscription, subscription) &&
      (resourceGroup === undefined || same(current.record.resourceGroup, resourceGroup));
    return { status: 200, body: { value: isThere ? [namespaceBody(call, current)] : [] } };
  },
  get: (call) => {
    const found = foundNamespace(call);
    if (!found) throw resourceNotFound(idIn(call.request.path));
    return { status: 200, body: namespaceBody(call, found) };
  },
  put: putNamespace,
  patch: async (call, body) => {
    const found = foundNamespace(call);
    if (!found) throw resourceNotFound(idIn(call.request.path));
    const nowMs = call.service.clock.wallMs();
    await call.namespaces.update((present) => fitting(call, present, changedNamespace(present, body, nowMs)));
    return shown(call, 200);
  },
  delete: async (call) => {
    const operation = foundNamespace(call) && (await call.namespaces.delete());
    return operation === undefined ? { status: 204 } : accepted(call, operation);
  },
};

/** What became of a deletion: 202 while it goes on, 204 when nothing is left. */
export const operationKind: TopKind = {
  type: 'namespaces/operationresults',
  get: (call) => {
    const [, operation = ''] = call.names;
    const outcome = call.namespaces.outcomeOf(operation);
    if (outcome?.state === 'failed') throw refusalOf(outcome.why) ?? failed(outcome.why);
    if (outcome?.state === 'succeeded') return { status: 204 };
    if (outcome) return accepted(call, operation);
    // One of before a restart, which goes on with it.
    const found = foundNamespace(call);
    if (!found) return { status: 204 };
    if (found.state === 'deleting') return accepted(call, operation);
    throw resourceNotFound(call.request.urlPath);
  },
};

async function putNamespace(call: Call, body: Body): Promise<ArmAnswer> {
  const { namespaces, request, service } = call;
  const { subscription, resourceGroup } = request.path;
  const [name = ''] = call.names;
  if (resourceGroup === undefined) throw withoutGroup(request.urlPath);
  const nowMs = service.clock.wallMs();
  const { current } = namespaces;
  if (current && !isIn(current.record, request.path)) throw onlyOne(current.record);
  if (current?.state === 'deleting')
    throw new ArmRefusal(
      'Conflict',
      `The namespace '${current.record.name}' is being deleted; make it again when that is done, or, should it have failed, delete it again.`,
    );
  if (!current || current.state === 'failed') {
    namespaces.create(newNamespace({ subscription, resourceGroup, name }, body, nowMs));
    return shown(call, 201);
  }
  await namespaces.update((present) => fitting(call, present, replacedNamespace(present, body, nowMs)));
  return shown(call, 200);
}

/** The namespace that the path of a request names or lies in. */
export function foundNamespace({
  namespaces,
  request,
}: Pick<Call, 'namespaces' | 'request'>): KeptNamespace | undefined {
  const { current } = namespaces;
  return current && isIn(current.record, request.path) ? current : undefined;
}

/** The id of a namespace. */
function namespaceId({ subscription, resourceGroup, name }: NamespaceRecord): string {
  return resourceId(`/subscriptions/${subscription}/resourceGroups/${resourceGroup}`, [{ type: 'namespaces', name }]);
}

/** A namespace of another tier must have what is in it. */
function fitting({ admin }: Call, present: NamespaceRecord, next: NamespaceRecord): NamespaceRecord {
  if (next.sku.name === present.sku.name) return next;
  const tier = { name: next.sku.name, partitions: next.properties.premiumMessagingPartitions };
  const faults = [
    ...admin.queues.list().map(({ description }) => skuFault(tier, 'queue', description)),
    ...admin.topics.list().map(({ description }) => skuFault(tier, 'topic', description)),
  ];
  const fault = faults.find((said) => said !== undefined);
  if (fault !== undefined)
    throw badRequest(`sku.name cannot be changed from ${present.sku.name} to ${next.sku.name}: ${fault}.`);
  return next;
}

function shown(call: Call, status: number): ArmAnswer {
  const found = foundNamespace(call);
  if (!found) throw resourceNotFound(idIn(call.request.path));
  const wait = found.state === 'creating' ? { headers: RETRY_AFTER } : {};
  return { status, body: namespaceBody(call, found), ...wait };
}

const RETRY_AFTER = { 'retry-after': String(LIMITS.armRetryAfterSeconds) } as const;

function accepted({ request }: Call, operation: string): ArmAnswer {
  const path = request.urlPath.replace(/\/operationresults\/[^/]*\/?$/i, '').replace(/\/$/, '');
  const location = `${request.origin}${path}/operationresults/${encodeURIComponent(operation)}?api-version=${request.apiVersion}`;
  return { status: 202, headers: { location, ...RETRY_AFTER } };
}

/** Provisioning state and status of the service (namespaces - Get). */
const STATES = {
  creating: ['Created', 'Activating'],
  active: ['Succeeded', 'Active'],
  failed: ['Failed', 'Unknown'],
  deleting: ['Deleting', 'Removing'],
} as const;

function namespaceBody({ request }: Call, { record, state }: KeptNamespace): object {
  const { name, location, tags, sku, properties } = record;
  const [provisioningState, status] = STATES[state];
  return {
    sku: { ...sku, tier: sku.name },
    id: namespaceId(record),
    name,
    type: TYPE,
    location,
    tags,
    properties: {
      ...properties,
      provisioningState,
      status,
      metricId: `${record.subscription}:${name}`,
      createdAt: new Date(record.createdAtMs).toISOString(),
      updatedAt: new Date(record.updatedAtMs).toISOString(),
      serviceBusEndpoint: `${request.origin}/`,
    },
  };
}

function isIn(record: NamespaceRecord, { subscription, resourceGroup, segments }: ResourcePath): boolean {
  return (
    same(record.subscription, subscription) &&
    same(record.resourceGroup, resourceGroup ?? '') &&
    same(record.name, segments[0]?.name ?? '')
  );
}

export function idIn({ subscription, resourceGroup, segments }: ResourcePath): string {
  const group = resourceGroup === undefined ? '' : `/resourceGroups/${resourceGroup}`;
  return resourceId(`/subscriptions/${subscription}${group}`, segments);
}

/** Why there can be no other namespace. */
export function onlyOne({ name, subscription, resourceGroup }: NamespaceRecord): ArmRefusal {
  return new ArmRefusal(
    'Conflict',
    `This broker holds one namespace, '${name}' of resource group '${resourceGroup}' and subscription '${subscription}': delete that first, or start another broker with another data folder and ports.`,
  );
}

function withoutGroup(urlPath: string): ArmRefusal {
  return new ArmRefusal(
    'BadRequest',
    `The path '${urlPath}' names no resource group: write /subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/…; any name is taken.`,
  );
}

function failed(why: unknown): ArmRefusal {
  return new ArmRefusal('InternalServerError', 'The namespace could not be deleted; see the output of the broker.', {
    cause: why,
  });
}
